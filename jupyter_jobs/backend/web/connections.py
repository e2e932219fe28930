"""The HTTP connections of the backend: uvicorn's, with a clock for each thing that the other side can draw out.

uvicorn waits for ever for a head or a body that comes byte by byte, and for an answer to be read. So the whole head has a
deadline, the whole body has one, and an answer that is not read has one; who has not said a whole head yet is a newcomer,
of whom there may be a few, and the oldest makes room for the next. A WebSocket begins as such a request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from jupyter_jobs.backend.limits import (
    BODY_S,
    CONNECTIONS,
    GRACE_S,
    HEAD_S,
    NEWCOMERS,
    STALLED_S,
)

__all__ = ["HttpConnection", "Lobby"]

log = logging.getLogger("jupyter_jobs.backend")


class Lobby:
    """Where newcomers are.

    Args:
        newcomers: How many there may be that have been here for longer than a moment.
        grace_s: That moment: kernels that all come back at once are accepted at once, and read one after the other.
        connections: How many connections there may be in all.
        head_s: Seconds for a head.
        body_s: Seconds for a body.
        stalled_s: Seconds for which an answer may wait to be read.
    """

    def __init__(
        self,
        *,
        newcomers: int = NEWCOMERS,
        grace_s: float = GRACE_S,
        connections: int | None = None,
        head_s: float = HEAD_S,
        body_s: float = BODY_S,
        stalled_s: float = STALLED_S,
    ) -> None:
        self.room = _room() if connections is None else connections
        self.head_s = head_s
        self.body_s = body_s
        self.stalled_s = stalled_s
        self._newcomers = newcomers
        self._grace_s = grace_s
        self._inside: dict[HttpConnection, float] = {}

    @property
    def waiting(self) -> int:
        """How many newcomers there are."""
        return len(self._inside)

    def enter(self, connection: HttpConnection) -> None:
        """Take in a newcomer; the oldest goes if there are many."""
        now = connection.loop.time()
        self._inside[connection] = now
        if len(self._inside) > self._newcomers:
            if now - next(iter(self._inside.values())) >= self._grace_s:
                self.make_room()

    def make_room(self) -> bool:
        """Cut the newcomer that has been silent for longest; return whether there was one."""
        oldest = next(iter(self._inside), None)
        if oldest is None:
            return False
        log.debug("cut a newcomer that was silent for longest")
        self.leave(oldest)
        oldest.transport.abort()
        return True

    def leave(self, connection: HttpConnection) -> None:
        """Let one go on, or go."""
        self._inside.pop(connection, None)


class HttpConnection(H11Protocol):
    """One connection, until it ends or becomes a WebSocket."""

    def __init__(self, *args: Any, lobby: Lobby, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lobby = lobby
        self._clock: asyncio.TimerHandle | None = None
        self._waits_for: str | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take in a newcomer, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._lobby.room and not self._lobby.make_room():
            message = f"This backend has {self._lobby.room:,} connections already; come again."
            self._refuse(503, "ServiceUnavailableException", message, ("retry-after", "1"))
            return
        self._lobby.enter(self)
        self._expect("head")

    def data_received(self, data: bytes) -> None:
        """Take in bytes; the clock is set by what they complete, not by their coming."""
        if self._waits_for is None and self.conn.their_state is h11.IDLE:
            self._expect("head")
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # it is a WebSocket now
            self._expect(None)
        elif self.conn.their_state is h11.SEND_BODY:
            self._expect("body")
        elif self.conn.their_state is not h11.IDLE or self.timeout_keep_alive_task is not None:
            self._expect(None)  # between two requests uvicorn's own clock runs
        else:
            self._expect("head")

    def send_400_response(self, msg: str) -> None:
        """Answer in place of the application what is no HTTP; where it has begun to answer, only close."""
        self._refuse(400, "MalformedHttpRequestException", msg)

    def pause_writing(self) -> None:
        """Begin to wait for a reader."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self._lobby.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: something was read."""
        self._end_stall()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._expect(None)
        self._end_stall()
        super().connection_lost(exc)

    def _expect(self, what: str | None) -> None:
        """Set the clock for a head or a body, once for each; None for nothing."""
        if what == self._waits_for:
            return
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._waits_for = what
        if what != "head":
            self._lobby.leave(self)
        if what is not None:
            seconds = self._lobby.head_s if what == "head" else self._lobby.body_s
            self._clock = self.loop.call_later(seconds, self._late, seconds)

    def _late(self, seconds: float) -> None:
        what, is_silent = self._waits_for, not self.conn.trailing_data[0]
        self._expect(None)
        if what == "head" and is_silent:
            self.transport.close()
            return
        message = f"The {what} of the request did not come within {seconds:g} s."
        self._refuse(408, "RequestTimeoutException", message)

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _refuse(self, status: int, kind: str, message: str, *headers: tuple[str, str]) -> None:
        """Answer in place of the application, unless it has begun to, and close."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # or what it says now would be said behind that
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            has_body = self.conn.our_state is h11.IDLE or self.scope["method"] != "HEAD"
            body = json.dumps({"errors": [{"errorType": kind, "message": message}]}).encode()
            head = h11.Response(
                status_code=status,
                reason=HTTPStatus(status).phrase.encode(),
                headers=[
                    ("content-type", "application/json"),
                    ("content-length", str(len(body))),
                    ("connection", "close"),
                    ("x-amzn-errortype", kind),
                    *headers,
                ],
            )
            data = h11.Data(data=body if has_body else b"")
            for event in (head, data, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _room() -> int:
    """Return how many connections there may be: jobs and files need handles, too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(CONNECTIONS, max(64, soft // 2))
