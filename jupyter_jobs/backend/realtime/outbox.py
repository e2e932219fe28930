"""What waits to be sent to one client, and how much of it may.

A socket is given only as much as it takes: what has been handed over cannot be taken back, and the close frame that
tells a client why it was cut off comes after it. All else waits here, bounded in frames and in bytes for each client,
and in bytes for all of them together; there it is the one for whom most waits that has to go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["Outbox", "Room", "Sink"]

FRAMES_LIMIT = 20_000  # that wait for one client
BYTES_LIMIT = 8 * 2**20  # the same
TOTAL_LIMIT = 128 * 2**20  # bytes that wait for all clients
WRITE_LIMIT = 256 * 1024  # bytes that are handed to a socket at a time


class Sink(Protocol):
    """A WebSocket, written to without waiting.

    Attributes:
        on_writable: Called when it takes frames again.
    """

    on_writable: Callable[[], object]

    @property
    def is_writable(self) -> bool:
        """Whether it takes frames."""

    def write(self, texts: Sequence[str]) -> None:
        """Send frames, in one system call if they are few; to be called while it takes some."""

    def close(self, code: int, reason: str) -> None:
        """Say that this is the end, after what was written; of a client that does not read even that, let go."""

    def release(self) -> None:
        """Do nothing more for it."""


class Room:
    """The room for what waits, which all clients of a backend share.

    Attributes:
        waiting: Bytes in all outboxes.

    Args:
        frames: Of one client.
        size: Bytes of one client.
        total: Bytes of all clients.
    """

    def __init__(
        self, *, frames: int = FRAMES_LIMIT, size: int = BYTES_LIMIT, total: int = TOTAL_LIMIT
    ) -> None:
        self.waiting = 0
        self._frames = frames
        self._size = size
        self._total = total
        self._slow: set[Outbox] = set()

    def taken(self, outbox: Outbox, size: int) -> None:
        """Note that so many bytes more wait in an outbox, or fewer."""
        self.waiting += size
        if outbox.frames:
            self._slow.add(outbox)
        else:
            self._slow.discard(outbox)

    def excess(self, outbox: Outbox) -> Outbox | None:
        """Return the outbox that has to go after one has grown, or None."""
        if outbox.frames > self._frames or outbox.size > self._size:
            return outbox
        if self.waiting > self._total:
            return max(self._slow, key=lambda slow: slow.size)
        return None


class Outbox:
    """Frames on their way to one client.

    Args:
        sink: Where they go.
        room: That they may take.
        on_full: Called when more waits than may; the client is to be cut off.

    Attributes:
        size: Bytes that wait. Frames are ASCII, so a character is a byte.
    """

    def __init__(self, sink: Sink, room: Room, on_full: Callable[[], object]) -> None:
        self.size = 0
        self._sink = sink
        self._room = room
        self._on_full = on_full
        self._waiting: deque[str] = deque()

    @property
    def frames(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, texts: Sequence[str]) -> None:
        """Send frames after those that wait; what the socket does not take waits, too."""
        if len(texts) == 1 and not self._waiting and self._sink.is_writable:
            self._sink.write(texts)
            return
        self._waiting.extend(texts)
        self._grow(sum(map(len, texts)))
        self.flush()
        if self._waiting and (full := self._room.excess(self)) is not None:
            full._on_full()

    def flush(self) -> None:
        """Send what waits, for as long as the socket takes it."""
        while self._waiting and self._sink.is_writable:
            texts = [self._waiting.popleft()]
            size = len(texts[0])
            while self._waiting and size + len(self._waiting[0]) <= WRITE_LIMIT:
                texts.append(self._waiting.popleft())
                size += len(texts[-1])
            self._sink.write(texts)
            self._grow(-size)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._grow(-self.size)

    def _grow(self, size: int) -> None:
        self.size += size
        self._room.taken(self, size)
