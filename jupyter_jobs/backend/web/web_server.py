"""uvicorn, as the backend wants it. The only file that imports it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from jupyter_jobs.backend.limits import FRAME_LIMIT, HEAD_S, UNREAD_LIMIT
from jupyter_jobs.backend.realtime.sinks import EXTENSION, DirectSink
from jupyter_jobs.backend.web.connections import HttpConnection, Lobby

__all__ = ["WebServer"]

CLOSING_S = 2  # that open connections get when the server ends


class _WebSocket(WebSocketsSansIOProtocol):
    """Lets applications write to it directly, and knows that an upgrade which was answered with a plain response is over.

    uvicorn's own takes that for an application that gave up, and logs each as an ERROR (uvicorn, pull request 3138).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sink = DirectSink(self)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"sink": self.sink}

    def send_receive_event_to_app(self) -> None:
        if self.conn.close_rcvd is not None and not _is_text(self.frames):
            self.frames = []  # uvicorn would answer with a close of its own, for which it is too late
        else:
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.transport.get_write_buffer_size() > UNREAD_LIMIT:
            self.transport.abort()  # it pings and pings, and reads no answer

    def resume_writing(self) -> None:
        super().resume_writing()
        self.sink.on_writable()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


class _State(ServerState):
    """Looks at the clock when an answer is dated, and not ten times a second in case there is one."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"date", formatdate(usegmt=True).encode())]

    @default_headers.setter
    def default_headers(self, _: object) -> None:
        pass


class WebServer(uvicorn.Server):
    """Tells when it is ready, sleeps when nobody asks, and ends by TERM with exit code 0.

    Args:
        app: What answers.
        on_ready: Is called when connections are accepted.
        on_stop: Is called when it begins to end, whatever the reason.
        tls: A listener, and what TLS is spoken by there; None for none.
        lobby: How patient it is, and how much it takes in.

    Attributes:
        lobby: The same.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None] = lambda: None,
        tls: tuple[socket.socket, ssl.SSLContext] | None = None,
        lobby: Lobby | None = None,
    ) -> None:
        self.lobby = lobby or Lobby()
        connect = functools.partial(HttpConnection, lobby=self.lobby)
        super().__init__(
            uvicorn.Config(
                app,
                http=connect,  # type: ignore[arg-type]  # it is called, and no more
                log_config=None,
                access_log=False,
                lifespan="off",
                ws=_WebSocket,
                ws_max_size=FRAME_LIMIT,
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # AppSync sends none, and a kernel that runs a cell answers none
                server_header=False,
                timeout_graceful_shutdown=CLOSING_S,
            )
        )
        self.server_state = _State()
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._connect = connect
        self._tls = dict([tls] if tls else ())
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, then tell."""
        loop, config = asyncio.get_running_loop(), self.config
        connect = functools.partial(
            self._connect, config=config, server_state=self.server_state, app_state={}
        )
        self.servers = [
            await loop.create_server(
                connect,
                sock=listener,
                backlog=config.backlog,
                ssl=self._tls.get(listener),
                # which uvicorn leaves at 60 s
                ssl_handshake_timeout=HEAD_S if listener in self._tls else None,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal; uvicorn's own way dies of it once more in the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        """End soon, without waiting for clients."""
        self._on_stop()
        self.should_exit = True
        self._stopped.set()

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own looks for it ten times a second."""
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and only then close.

        A connection that was accepted in the same moment has to be one of the server's by then: asyncio drops it
        unclosed if its server has gone before (CPython, issue 109564), and uvicorn would not tell it to end.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            loop.remove_reader(listener)
        for _ in ("its transport is made", "its protocol is told"):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def transport(self, scope: Scope) -> asyncio.Transport | None:
        """Return the TCP connection that something came on, or None if it is gone."""
        for connection in self.server_state.connections:
            # None of one that went in the moment in which it was accepted.
            peer = connection.transport.get_extra_info("peername")
            if peer is not None and peer[:2] == scope["client"]:
                return connection.transport
        return None
