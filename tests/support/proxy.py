"""A network between a client and a backend that a test can cut."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

__all__ = ["Proxy", "proxied"]

T = TypeVar("T")

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards bytes both ways, on a loop and thread of its own. Methods may be called from any thread.

    Attributes:
        http: URL of the backend as seen through it.
        accepted: How many connections it has forwarded.
    """

    def __init__(self, backend_url: str) -> None:
        self.http = ""
        self.accepted = 0
        self.admits = True
        self.ends: set[_End] = set()
        self.loop = asyncio.new_event_loop()
        address = urlsplit(backend_url)
        self.backend = (address.hostname, address.port)

    def cut(self) -> None:
        """Reset every connection."""
        self._run(self._cut)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Reset every connection, and each new one until the block ends."""
        self.admits = False
        self.cut()
        try:
            yield
        finally:
            self.admits = True

    def _cut(self) -> None:
        for end in list(self.ends):
            end.reset()

    def _run(self, function: Callable[[], T]) -> T:
        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()


class _End(asyncio.Protocol):
    """One end of a forwarded connection: what it hears, the other says."""

    def __init__(self, proxy: Proxy, other: _End | None = None) -> None:
        self.proxy = proxy
        self.other = other
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.ends.add(self)
        if self.other is not None:
            self.other.transport.resume_reading()
        elif not self.proxy.admits:
            self.reset()
        else:
            self.proxy.accepted += 1
            transport.pause_reading()
            self.connecting = self.proxy.loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, self.other = await self.proxy.loop.create_connection(
                lambda: _End(self.proxy, self), *self.proxy.backend
            )
        except OSError:
            self.reset()

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.ends.discard(self)
        if self.other is not None:
            self.other.transport.close()

    def reset(self) -> None:
        """Close with RST, as a network does that forgot the connection."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()


@contextmanager
def proxied(backend_url: str) -> Iterator[Proxy]:
    """Stand between clients and a backend for a block."""
    proxy = Proxy(backend_url)
    thread = threading.Thread(target=proxy.loop.run_forever, name="proxy")
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        proxy.loop.create_server(lambda: _End(proxy), "127.0.0.1", 0), proxy.loop
    ).result()
    proxy.http = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"
    try:
        yield proxy
    finally:
        proxy._run(server.close)
        proxy.cut()
        proxy._run(lambda: None)  # what was cut is closed one turn later
        proxy.loop.call_soon_threadsafe(proxy.loop.stop)
        thread.join()
        proxy.loop.close()
