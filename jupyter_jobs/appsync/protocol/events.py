"""What a connection tells the one who drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from jupyter_jobs.appsync.messages import Start, Stop
from jupyter_jobs.appsync.protocol.tables import Consequence

__all__ = [
    "ClientEvent",
    "Closed",
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
    """A start wants its credentials: answer with `authorize`, `postpone` or `decline`.

    Attributes:
        key: The subscription.
        id: This start of it.
        data: The text that is going to be sent as `payload.data`.
    """

    key: str
    id: str
    data: str


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
    """

    reason: str
    consequence: Consequence = Consequence.BACK_OFF


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame was understood as far as needed and passed over; for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The server is to close the socket, after what is in `data_to_send` has gone out."""

    reason: str


ClientEvent = (
    Opened | NeedsAuthorization | Started | Received | Refused | Stale | Revived | Lost | Ignored
)
ServerEvent = Start | Stop | Closed
