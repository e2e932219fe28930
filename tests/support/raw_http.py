"""An HTTP server for what no correct server does: each request is answered by the next act of a script."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

from jupyter_jobs.appsync.endpoint import Endpoint

__all__ = [
    "RawHttp",
    "act",
    "answer",
    "close",
    "drip",
    "head",
    "reset",
    "stay_silent",
]

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
OK = b'{"data":{"ok":true}}'


def head(status: int, length: int | None, *headers: tuple[str, str]) -> bytes:
    """The lines before a body."""
    size = () if length is None else (("content-length", str(length)),)
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in (*size, *headers))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def answer(status: int = 200, body: Any = OK, *headers: tuple[str, str]) -> bytes:
    """A whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, len(content), *headers) + content


def act(sent: bytes) -> Act:
    """Send this and go on."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    return play


def close(sent: bytes) -> Act:
    """Send this answer, or a part of one, and close without having said so."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return play


def reset(sent: bytes = b"") -> Act:
    """Send this, and let the connection die with an RST."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    return play


def stay_silent(sent: bytes = b"") -> Act:
    """Send this, and nothing more, until the client goes."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await reader.read()

    return play


def drip(sent: bytes, pieces: Iterable[bytes], pause_s: float) -> Act:
    """Send this, then piece by piece for as long as the client stays."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return play


class RawHttp:
    """A server on 127.0.0.1, as an async context manager.

    Attributes:
        script: Acts to come; when they are used up, each request gets `{"data": {"ok": true}}`.
        requests: The head of every request, oldest first.
        connections: How many there were.
        left: Set when a client has closed a connection, or it was closed.
    """

    def __init__(self, *script: Act, tls: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        self.requests: list[str] = []
        self.connections = 0
        self.left = asyncio.Event()
        self._tls = tls
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""
        return Endpoint.parse(f"http://127.0.0.1:{self.port}/graphql")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                self.requests.append(request)
                _, _, length = request.partition("content-length: ")
                await reader.readexactly(int(length.partition("\r\n")[0] or 0))
                await (self.script.pop(0) if self.script else act(answer()))(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # asyncio's streams complain about a handler that was cancelled
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
            self.left.set()
