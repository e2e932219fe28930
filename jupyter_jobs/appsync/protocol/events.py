"""What a connection tells the one who drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from jupyter_jobs.appsync.messages import Start, Stop
from jupyter_jobs.appsync.protocol.tables import Consequence

__all__ = [
    "ClientEvent",
    "Closed",
    "Full",
    "Ignored",
    "Lost",
    "NeedsAuthorization",
    "Opened",
    "Received",
    "Refused",
    "Revived",
    "ServerEvent",
    "Stale",
    "Started",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """The server has acknowledged the connection."""


@dataclass(frozen=True, slots=True)
class NeedsAuthorization:
    """A start wants its credentials: answer with `authorize` or `postpone`.

    Attributes:
        key: The subscription.
        id: This start of it.
        data: The text that is going to be sent as `payload.data`.
        renew: Whether the server refused the credentials of the start before.
    """

    key: str
    id: str
    data: str
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A subscription is live, for the first time or again."""

    key: str


class Received(NamedTuple):
    """An event of a subscription: the payload of its `data` frame. A tuple, for there are many."""

    key: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A subscription has ended for good; the connection and the others go on.

    Attributes:
        key: The subscription.
        errors: What the server said.
        unauthorized: Whether it was refused for its credentials, fresh ones too.
    """

    key: str
    errors: list[dict[str, Any]]
    unauthorized: bool


@dataclass(frozen=True, slots=True)
class Full:
    """A subscription has left this connection, which holds no more; another one may have room.

    Attributes:
        key: The subscription.
        alone: Whether the server refused it though it was the only one, so that no connection will do.
    """

    key: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """Nothing has been heard for longer than the server's keep-alive; it may be lost."""


@dataclass(frozen=True, slots=True)
class Revived:
    """Something was heard again after `Stale`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over; nothing can be sent or received on it any more.

    Attributes:
        reason: A clause for people.
        consequence: RENEW: connect once more with fresh credentials. REFUSE: do not try again. BACK_OFF: try again.
        offline: Whether there was no way to the server at all; known to the one who opens the socket.
        retry_after: Seconds that the server asks to wait at least.
    """

    reason: str
    consequence: Consequence = Consequence.BACK_OFF
    offline: bool = False
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame was understood as far as needed and passed over; for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The server is to close the socket, after what is in `data_to_send` has gone out."""

    reason: str


ClientEvent = (
    Opened
    | NeedsAuthorization
    | Started
    | Received
    | Refused
    | Full
    | Stale
    | Revived
    | Lost
    | Ignored
)
ServerEvent = Start | Stop | Closed
