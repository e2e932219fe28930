"""How patient a connection is, and a deadline that is not held against a loop that was blocked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_jobs.appsync.backoff import Backoff

__all__ = ["GRACE_S", "LATE_S", "PatientTimer", "Timing"]

LATE_S = 0.25
"""A timer that comes this much late tells of a loop that was blocked."""
GRACE_S = 1.0
"""How long such a loop gets to read what has arrived meanwhile."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a connection is, in seconds.

    Attributes:
        open_s: For the TCP, TLS and WebSocket handshakes together, and for credentials.
        ping_every_s: Between two pings.
        pong_within_s: For the answer to one, unless a frame comes instead.
        close_s: For the closing handshake; after it the socket is cut.
        linger_s: How long a connection that nobody uses is kept.
        backoff: How long it waits after each attempt that failed.
        recycle_after_s: Age at which it is replaced by a new one, or up to a twentieth earlier: the service closes every
            connection after 24 hours.
    """

    open_s: float = 10.0
    ping_every_s: float = 20.0
    pong_within_s: float = 20.0
    close_s: float = 0.5
    linger_s: float = 5.0
    backoff: Backoff = Backoff()  # noqa: RUF009  frozen
    recycle_after_s: float = 82_800.0


class PatientTimer:
    """One deadline that is not held against a loop that was blocked when it came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None
        self._grace_until = 0.0

    def set(self, when: float | None) -> None:
        """Set the deadline, on the loop's clock, in place of the former one; None for no deadline."""
        if self._handle is not None:
            if self._handle.when() == when:
                return
            self._handle.cancel()
            self._handle = None
        if when is not None:
            when = max(when, self._loop.time(), self._grace_until)
            self._handle = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        assert self._handle is not None
        now = self._loop.time()
        late = now - self._handle.when() > LATE_S
        self._handle = None
        if late:
            self._grace_until = now + GRACE_S
            self.set(self._grace_until)
        else:
            self._callback()
