"""Every rule of the protocol that is a table. What is not in a table is passed over with a word in the log.

Rule 1  A connection is NEW, CONNECTING once connection_init is sent (client), OPEN after connection_ack, CLOSED at
        its end. `CLIENT` and `SERVER` say which frame may arrive when.
Rule 2  An operation is one `start` on the wire, with an id that is never used twice. `OPERATION` says what each frame
        does to it on the client.
Rule 3  An error has a consequence, by its type, message or code. `ERRORS` and `CODES` say which.
Rule 4  One odd frame ends nothing that can go on. On an open connection a frame that cannot be read may have been an
        event of any subscription, so each that is live gets an event without a body, and asks for the present state.
        Before connection_ack it is the end: whoever talks there is not AppSync.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

__all__ = [
    "CLIENT",
    "CODES",
    "ERRORS",
    "OPERATION",
    "SERVER",
    "Consequence",
    "Stage",
    "State",
    "consequence_of",
    "describe",
]


class State(Enum):
    """Where a connection is in its life."""

    NEW = auto()
    CONNECTING = auto()
    OPEN = auto()
    CLOSED = auto()


class Stage(Enum):
    """Where one start is in its life, on the client."""

    AUTHORIZING = auto()  # the caller was asked for credentials; nothing is sent
    STARTING = auto()  # start is sent
    LIVE = auto()  # start_ack has come
    STOPPING = auto()  # stop is sent
    ABANDONED = (
        auto()
    )  # no longer wanted, and perhaps alive at the server: stopped as soon as it answers


class Consequence(Enum):
    """What an error means for the one it concerns."""

    RENEW = auto()  # try once more with fresh credentials
    BACK_OFF = auto()  # try again later
    REFUSE = auto()  # trying again is useless
    FULL = auto()  # the connection holds no more of them: another one may
    DUPLICATE = auto()  # the id is in use: no harm to an operation that is live
    UNKNOWN = auto()


CLIENT: Mapping[tuple[State, str], State] = {
    (State.CONNECTING, "connection_ack"): State.OPEN,
    (State.CONNECTING, "connection_error"): State.CLOSED,
    (State.CONNECTING, "error"): State.CONNECTING,
    (State.CONNECTING, "ka"): State.CONNECTING,
    (State.OPEN, "connection_error"): State.CLOSED,
    (State.OPEN, "ka"): State.OPEN,
    (State.OPEN, "start_ack"): State.OPEN,
    (State.OPEN, "data"): State.OPEN,
    (State.OPEN, "error"): State.OPEN,
    (State.OPEN, "complete"): State.OPEN,
}
"""(state, frame that arrives) -> next state of the client."""

SERVER: Mapping[tuple[State, str], State] = {
    (State.NEW, "connection_init"): State.OPEN,
    (State.NEW, "start"): State.NEW,  # ignored before the ack, as the service does
    (State.NEW, "stop"): State.NEW,
    (State.OPEN, "start"): State.OPEN,
    (State.OPEN, "stop"): State.OPEN,
}
"""(state, frame that arrives) -> next state of the server. What is missing is answered UnsupportedOperation."""

OPERATION: Mapping[tuple[Stage, str], Stage | None] = {
    (Stage.STARTING, "start_ack"): Stage.LIVE,
    (Stage.STARTING, "data"): Stage.STARTING,  # the service promises no order
    (Stage.STARTING, "error"): None,
    (Stage.STARTING, "complete"): None,
    (Stage.LIVE, "data"): Stage.LIVE,
    (Stage.LIVE, "error"): None,
    (Stage.LIVE, "complete"): None,
    (Stage.STOPPING, "start_ack"): Stage.STOPPING,
    (Stage.STOPPING, "data"): Stage.STOPPING,
    (Stage.STOPPING, "error"): None,
    (Stage.STOPPING, "complete"): None,
    (Stage.ABANDONED, "start_ack"): Stage.STOPPING,
    (Stage.ABANDONED, "data"): Stage.STOPPING,
    (Stage.ABANDONED, "error"): None,
    (Stage.ABANDONED, "complete"): None,
}
"""(stage, frame that arrives) -> next stage; None ends the operation."""

ERRORS: Sequence[tuple[str, str, Consequence]] = (
    ("LimitExceeded", "", Consequence.BACK_OFF),
    ("MaxSubscriptionsReached", "", Consequence.FULL),
    ("DuplicatedOperation", "", Consequence.DUPLICATE),
    # A clock is wrong, as for a moment after a sleep; each attempt is signed anew.
    ("", "Signature expired", Consequence.BACK_OFF),
    ("", "Signature not yet current", Consequence.BACK_OFF),
    ("Unauthorized", "Permission denied", Consequence.REFUSE),
    ("Unauthorized", "Not Authorized to access", Consequence.REFUSE),
    ("Unauthorized", "", Consequence.RENEW),
    # What is wrong with an AWS signature; in a request's answer, these are types of their own.
    ("BadRequest", "signature we calculated", Consequence.RENEW),
    ("BadRequest", "security token included", Consequence.RENEW),
    ("BadRequest", "", Consequence.REFUSE),
    ("UnsupportedOperation", "", Consequence.REFUSE),
    # What the service says of a document or a filter comes without a type.
    ("", "Validation error", Consequence.REFUSE),
    ("", "has coerced Null value", Consequence.REFUSE),
    ("", "maximum value limit", Consequence.REFUSE),
    ("", "maximum attributes limit", Consequence.REFUSE),
    ("", "combination exceed maximum limit", Consequence.REFUSE),
    ("", "same fieldName multiple time", Consequence.REFUSE),
)
"""(part of errorType, part of message, consequence); the first row that fits. Parts, because the service puts
packages before its types: `com.amazonaws.deepdish.graphql.auth#UnauthorizedException`."""

CODES: Mapping[int, Consequence] = {
    400: Consequence.REFUSE,
    401: Consequence.RENEW,
    403: Consequence.REFUSE,
}
"""errorCode -> consequence, where the type is missing or unknown."""


def consequence_of(errors: Sequence[Mapping[str, Any]]) -> Consequence:
    """Return what a frame's errors mean: the first error that is known decides."""
    for error in errors:
        kind, message = str(error.get("errorType") or ""), str(error.get("message") or "")
        for type_part, message_part, consequence in ERRORS:
            if type_part in kind and message_part in message:
                return consequence
        code = error.get("errorCode")
        if isinstance(code, int) and code in CODES:
            return CODES[code]
    return Consequence.UNKNOWN


def describe(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return a frame's errors as a clause for people."""
    parts = [
        ": ".join(str(error[name]) for name in ("errorType", "message") if error.get(name))
        or f"code {error.get('errorCode')}"
        for error in errors
    ]
    return "; ".join(parts) or "no reason given"
