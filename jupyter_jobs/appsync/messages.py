"""The frames of the AppSync real-time protocol: one frozen dataclass each, both directions.

Text frames, one JSON object each, over a WebSocket with the sub-protocol `graphql-ws` (AppSync developer guide,
"Building a real-time WebSocket client"; the shapes it leaves out are from captured traffic). The client speaks first.

    client -> server
      connection_init   opens the talk, right after the socket
      start             id, payload.data: a *string* of JSON with query and variables,
                        payload.extensions.authorization: the credentials of this one subscription
      stop              id; the server answers with complete

    server -> client
      connection_ack    the talk is open; payload.connectionTimeoutMs: a longer silence means it is dead
      connection_error  payload.errors; the server closes the socket after it
      ka                keep-alive: at once after connection_ack, then every 60 s; never answered
      start_ack         id; the subscription is live (no promise that an event sent now arrives)
      data              id, payload: {"data": …, "errors"?: […]}
      error             id, payload.errors: a list or one object. Without an id, or with an empty one, it concerns
                        the starts that are in flight, not those that are live
      complete          id; the answer to stop, or the server's own end of a subscription

What is not in this list is decoded as `Unknown`, so that a newer server does not break an older client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

from jupyter_jobs.errors import RemoteProtocolError

__all__ = [
    "DEFAULT_TIMEOUT_MS",
    "SUBPROTOCOL",
    "Complete",
    "ConnectionAck",
    "ConnectionErrors",
    "ConnectionInit",
    "Data",
    "Error",
    "Frame",
    "KeepAlive",
    "Start",
    "StartAck",
    "Stop",
    "Unknown",
    "decode",
    "dumps",
    "encode",
    "encode_data",
    "loads",
    "parse",
    "read",
]

SUBPROTOCOL = "graphql-ws"
DEFAULT_TIMEOUT_MS = 300_000

Errors = list[dict[str, Any]]


def _json_loads(text: str | bytes) -> Any:
    # json guesses the encoding of bytes, which costs more than to know it.
    return json.loads(text if isinstance(text, str) else text.decode())


_loads: Callable[[str | bytes], Any]
try:
    _loads = import_module("orjson").loads  # optional; halves the cost of a frame
except ImportError:
    _loads = _json_loads

_encode = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make one each time


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """Client: let us talk."""

    type: ClassVar = "connection_init"


@dataclass(frozen=True, slots=True)
class ConnectionAck:
    """Server: we are talking; call me dead after this much silence."""

    type: ClassVar = "connection_ack"
    timeout_ms: int = DEFAULT_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class ConnectionErrors:
    """Server: I will not talk to you."""

    type: ClassVar = "connection_error"
    errors: Errors


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Server: I am here."""

    type: ClassVar = "ka"


@dataclass(frozen=True, slots=True)
class Start:
    """Client: start this subscription.

    Attributes:
        id: Unique on the connection, never used twice.
        data: The JSON text of the query and its variables. A string, because a signature is made over its bytes.
        authorization: Credentials by lower-case header name.
    """

    type: ClassVar = "start"
    id: str
    data: str
    authorization: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartAck:
    """Server: the subscription is live."""

    type: ClassVar = "start_ack"
    id: str


@dataclass(frozen=True, slots=True)
class Data:
    """Server: an event of this subscription."""

    type: ClassVar = "data"
    id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """Server: this subscription failed, or, without an id, something that you have just sent did."""

    type: ClassVar = "error"
    id: str | None
    errors: Errors


@dataclass(frozen=True, slots=True)
class Stop:
    """Client: end this subscription."""

    type: ClassVar = "stop"
    id: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Server: this subscription has ended."""

    type: ClassVar = "complete"
    id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a type that this protocol does not have."""

    type: ClassVar = ""
    name: str


Frame = (
    ConnectionInit
    | ConnectionAck
    | ConnectionErrors
    | KeepAlive
    | Start
    | StartAck
    | Data
    | Error
    | Stop
    | Complete
    | Unknown
)


def dumps(value: Any) -> str:
    """Return compact JSON, all in ASCII: what a peer has sent may hold characters that UTF-8 has not."""
    return _encode(value)


def loads(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is not JSON, or nested beyond all measure.
    """
    try:
        return _loads(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def parse(text: str | bytes) -> dict[str, Any]:
    """Read the JSON object of one frame.

    Raises:
        RemoteProtocolError: It is not a JSON object.
    """
    try:
        message = _loads(text)
    except (ValueError, RecursionError) as exc:
        raise _not_the_protocol("no JSON") from exc
    if type(message) is not dict:
        raise _not_the_protocol("no JSON object")
    return message


def read(message: dict[str, Any]) -> Frame:
    """Make a frame, of either direction, from its JSON object.

    Raises:
        RemoteProtocolError: It has no `type`, or a part that its type needs is missing.
    """
    try:
        kind = _text(message["type"])
        reader = _READERS.get(kind)
        return reader(message) if reader is not None else Unknown(kind)
    except (KeyError, TypeError) as exc:
        raise _not_the_protocol("a part is missing or of the wrong kind") from exc


def decode(text: str | bytes) -> Frame:
    """Read one frame, of either direction; `parse` and `read` in one.

    Raises:
        RemoteProtocolError: It is not a frame.
    """
    return read(parse(text))


def encode(frame: Frame) -> str:
    """Return the text of a frame, as AppSync writes it.

    Raises:
        KeyError: The frame is `Unknown`; nobody sends those.
    """
    return _WRITERS[frame.type](frame)


def encode_data(id: str, payload: str) -> str:
    """Return the text of a `data` frame whose payload is JSON text already, made once for many subscribers."""
    return f'{{"id":{dumps(id)},"type":"data","payload":{payload}}}'


def _not_the_protocol(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"a frame that is not of the AppSync real-time protocol ({reason}); "
        "check that the endpoint is an AppSync GraphQL API"
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _errors(frame: dict[str, Any]) -> Errors:
    """Read `payload.errors`: a list, one object, or the error is the payload itself. All three are seen."""
    payload = _object(frame.get("payload"))
    found = payload.get("errors", payload)
    found = found if isinstance(found, list) else [found]
    return [error for error in found if isinstance(error, dict) and error]


def _read_ack(frame: dict[str, Any]) -> ConnectionAck:
    timeout_ms = _object(frame.get("payload")).get("connectionTimeoutMs")
    if isinstance(timeout_ms, int) and timeout_ms > 0:
        return ConnectionAck(timeout_ms)
    return ConnectionAck()


def _read_start(frame: dict[str, Any]) -> Start:
    payload = _object(frame["payload"])
    authorization = _object(_object(payload.get("extensions")).get("authorization"))
    return Start(
        _text(frame["id"]),
        _text(payload["data"]),
        {name.lower(): value for name, value in authorization.items() if isinstance(value, str)},
    )


def _read_data(frame: dict[str, Any]) -> Data:
    payload = frame.get("payload")
    return Data(_text(frame["id"]), payload if isinstance(payload, dict) else {})


def _read_error(frame: dict[str, Any]) -> Error:
    id_ = frame.get("id")
    return Error(id_ if isinstance(id_, str) and id_ else None, _errors(frame))


_READERS: Mapping[str, Callable[[dict[str, Any]], Frame]] = {
    "connection_init": lambda frame: ConnectionInit(),
    "connection_ack": _read_ack,
    "connection_error": lambda frame: ConnectionErrors(_errors(frame)),
    "ka": lambda frame: KeepAlive(),
    "start": _read_start,
    "start_ack": lambda frame: StartAck(_text(frame["id"])),
    "data": _read_data,
    "error": _read_error,
    "stop": lambda frame: Stop(_text(frame["id"])),
    "complete": lambda frame: Complete(_text(frame["id"])),
}

# The service writes one error about a limit as an object, all others as a list.
_LIMITS = ("LimitExceededError", "MaxSubscriptionsReachedError")


def _write_errors(frame: Any) -> str:
    errors = frame.errors
    single = len(errors) == 1 and errors[0].get("errorType") in _LIMITS
    head = {"id": frame.id} if isinstance(frame, Error) and frame.id is not None else {}
    return dumps(
        {**head, "type": frame.type, "payload": {"errors": errors[0] if single else errors}}
    )


def _write_start(frame: Any) -> str:
    extensions = {"authorization": dict(frame.authorization)}
    payload = {"data": frame.data, "extensions": extensions}
    return dumps({"id": frame.id, "type": "start", "payload": payload})


def _write_plain(frame: Any) -> str:
    return dumps({"type": frame.type})


def _write_id(frame: Any) -> str:
    return dumps({"id": frame.id, "type": frame.type})


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "connection_init": _write_plain,
    "connection_ack": lambda frame: dumps(
        {"type": "connection_ack", "payload": {"connectionTimeoutMs": frame.timeout_ms}}
    ),
    "connection_error": _write_errors,
    "ka": _write_plain,
    "start": _write_start,
    "start_ack": _write_id,
    "data": lambda frame: encode_data(frame.id, dumps(frame.payload)),
    "error": _write_errors,
    "stop": _write_id,
    "complete": _write_id,
}
