"""The WebSockets that a session can write to: uvicorn's own connection, and that of any ASGI server.

ASGI has one message a frame, each awaited. Where a hundred updates go to a thousand clients, that is a task woken for
each client and a system call for each frame, and nobody can tell how much a client leaves unread. So uvicorn's
connection is written to directly, as an extension of the scope; without it, as behind the faults, all goes by messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from jupyter_jobs.backend.realtime.outbox import Sink

if TYPE_CHECKING:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["EXTENSION", "AsgiSink", "DirectSink", "sink_of"]

log = logging.getLogger("jupyter_jobs.backend")

EXTENSION = "jupyter_jobs.sink"
LAST_WORD_S = 30.0  # that a client gets to read why it was cut off
_TEXT = 0x81  # a whole text frame, not masked (RFC 6455, 5.2)


def sink_of(websocket: WebSocket) -> Sink:
    """Return what an accepted WebSocket is written to by."""
    found: dict[str, Sink] | None = websocket.scope.get("extensions", {}).get(EXTENSION)
    return AsgiSink(websocket) if found is None else found["sink"]


class DirectSink:
    """Writes to uvicorn's connection. All methods belong to its loop's thread.

    Args:
        connection: Accepted by the time that something is written; without compression.
    """

    def __init__(self, connection: WebSocketsSansIOProtocol) -> None:
        self.on_writable: Callable[[], object] = lambda: None
        self._connection = connection

    @property
    def is_writable(self) -> bool:
        """Whether no more waits in the transport than it is meant to hold."""
        return self._connection.writable.is_set()

    def write(self, texts: Sequence[str]) -> None:
        """Send frames in one system call; nothing if the connection is over."""
        connection = self._connection
        if not connection.close_sent and not connection.transport.is_closing():
            connection.transport.write(b"".join(map(_frame, texts)))

    def close(self, code: int, reason: str) -> None:
        """Send the close frame; the connection is cut if it is not answered in time."""
        connection = self._connection
        if connection.close_sent or connection.transport.is_closing():
            return
        connection.conn.send_close(code, reason)
        connection.transport.write(b"".join(connection.conn.data_to_send()))
        connection.close_sent = True
        connection.queue.put_nowait(
            {"type": "websocket.disconnect", "code": code, "reason": reason}
        )
        if connection.read_paused:
            connection.read_paused = False
            connection.transport.resume_reading()
        connection.close_timer = connection.loop.call_later(LAST_WORD_S, connection.transport.abort)

    def release(self) -> None:
        """Write no more; the connection ends by itself."""
        self.on_writable = lambda: None


class AsgiSink:
    """Writes by ASGI messages, one after the other."""

    def __init__(self, websocket: WebSocket) -> None:
        self.on_writable: Callable[[], object] = lambda: None
        self._websocket = websocket
        self._sending: asyncio.Task[None] | None = None

    @property
    def is_writable(self) -> bool:
        """Whether the server has taken all that was written."""
        return self._sending is None

    def write(self, texts: Sequence[str]) -> None:
        """Begin to send frames."""
        self._sending = asyncio.create_task(self._send(texts), name="frames")

    def close(self, code: int, reason: str) -> None:
        """Begin to close; what the server has not taken yet is forgotten."""
        self.release()
        self._sending = asyncio.create_task(self._close(code, reason), name="close")

    def release(self) -> None:
        """Send no more."""
        self.on_writable = lambda: None
        if self._sending is not None:
            self._sending.cancel()

    async def _send(self, texts: Sequence[str]) -> None:
        try:
            for text in texts:
                await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):  # it went; the reader hears of it, too
            log.debug("= a client went away", exc_info=True)
            return
        self._sending = None
        self.on_writable()

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            log.debug("= a client went away", exc_info=True)


def _frame(text: str) -> bytes:
    """Return a text as a frame: that is all there is to it where nothing is compressed, masked or in parts."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return bytes((_TEXT, size)) + data
    if size < 2**16:
        return bytes((_TEXT, 126, size >> 8, size & 0xFF)) + data
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + data
