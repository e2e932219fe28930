"""How the shared connection is doing, in words for people."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["ConnectionState", "ConnectionStatus"]


class ConnectionState(StrEnum):
    """Where the connection is."""

    IDLE = "idle"  # nobody subscribes, so there is none
    CONNECTING = "connecting"
    CONNECTED = "connected"
    STALE = "stale"  # open, and silent for longer than the server's keep-alive
    RECONNECTING = "reconnecting"
    AUTH_FAILED = "auth_failed"  # refused for good; it waits for `reconnect_now()`
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One moment of a connection.

    Attributes:
        state: Where it is.
        attempt: Attempts that have failed in a row.
        retry_at: When the next one begins, in seconds since the epoch, or None.
        error: Why it is not connected: a sentence without secrets, or empty.
        since: When this state began, in seconds since the epoch.
    """

    state: ConnectionState = ConnectionState.IDLE
    attempt: int = 0
    retry_at: float | None = None
    error: str = ""
    since: float = field(default_factory=time.time, compare=False)
