"""Many subscribers at once, each a WebSocket of its own, and as cheap as one can be: what they cost is not the server's."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Crowd", "Listener", "crowd", "masked"]

AT_A_TIME = 50  # connections that are opened
_CLOSE = 0x88
_ASKS = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-ws\r\nx-api-key: {key}\r\n\r\n"
)


def masked(text: str) -> bytes:
    """A client's text frame; the mask is nought, and so leaves the text as it is."""
    data = text.encode()
    size = bytes((len(data) | 0x80,)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data


class Listener(asyncio.Protocol):
    """One connection with one subscription.

    Args:
        ask: The bytes of its upgrade.
        start: The frame that subscribes.
        on_event: Called with each `data` frame.

    Attributes:
        last: The `data` frame that came last.
        closing: Code and reason of the server's close, if it sent one.
        gone: Done when the connection has ended.
        live: Done when it is subscribed; fails if the connection ends before.
        transport: The connection.
    """

    def __init__(self, ask: bytes, start: str, on_event: Callable[[bytes], object]) -> None:
        self.last = b""
        self.closing: tuple[int, str] | None = None
        self.gone = asyncio.Event()
        self.live = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._ask = ask
        self._start = start
        self._on_event = on_event
        self._buffer = bytearray()
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._is_open:
            head, found, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head[:20], head
            self._is_open = True
            self._buffer = buffer = bytearray(rest)
            self.transport.write(masked('{"type":"connection_init"}') + masked(self._start))
        while len(buffer) >= 2:
            size, at = buffer[1], 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < at + size:
                return
            kind, frame = buffer[0], bytes(buffer[at : at + size])
            del buffer[: at + size]
            if kind == _CLOSE:
                self.closing = int.from_bytes(frame[:2], "big"), frame[2:].decode()
                self.transport.close()
            else:
                self._take(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        if not self.live.done():
            self.live.set_exception(ConnectionError("closed before it was subscribed"))

    def _take(self, frame: bytes) -> None:
        if b'"type":"data"' in frame[:80]:
            self.last = frame
            self._on_event(frame)
        elif b'"start_ack"' in frame[:80]:
            self.live.set_result(None)


class Crowd:
    """Listeners, and what they heard together.

    Attributes:
        listeners: All of them.
        heard: Events that came, counted once for each listener.
    """

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.heard = 0
        self._awaited = 0
        self._reached = asyncio.Event()

    async def until(self, heard: int) -> None:
        """Wait until they have heard so many."""
        self._awaited = heard
        self._reached.clear()
        if self.heard < heard:
            await self._reached.wait()

    def note(self, frame: bytes) -> None:
        """Count one."""
        self.heard += 1
        if self.heard == self._awaited:
            self._reached.set()

    async def grow(self, count: int, realtime: str, key: str, query: str, **variables: str) -> None:
        """Add so many listeners; returns when they are subscribed."""
        url = urlsplit(realtime)
        data = json.dumps({"query": query, "variables": variables})
        shown = {"host": url.netloc, "x-api-key": key}
        payload = {"data": data, "extensions": {"authorization": shown}}
        doors = asyncio.Semaphore(AT_A_TIME)
        loop = asyncio.get_running_loop()

        async def enter(number: int) -> None:
            nonce = base64.b64encode(os.urandom(16)).decode()
            ask = _ASKS.format(path=url.path, host=url.netloc, nonce=nonce, key=key).encode()
            start = json.dumps({"id": f"s{number:035d}", "type": "start", "payload": payload})
            async with doors:
                _, listener = await loop.create_connection(
                    lambda: Listener(ask, start, self.note), url.hostname, url.port
                )
                self.listeners.append(listener)
                await listener.live

        first = len(self.listeners)
        async with asyncio.TaskGroup() as entering:
            for number in range(first, first + count):
                entering.create_task(enter(number))


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    """A crowd, empty at first; gone at the end."""
    gathered = Crowd()
    try:
        yield gathered
    finally:
        for listener in gathered.listeners:
            listener.transport.abort()
        await asyncio.sleep(0)  # transports close at the next turn
