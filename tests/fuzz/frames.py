"""Talks over a WebSocket, in bytes: the upgrade, then frames in any order, of any kind, cut and joined in any way."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from jupyter_jobs.jobs.operations import ON_JOB_UPDATE
from tests.fuzz.documents import documents, json_values
from tests.fuzz.exchanges import Exchange

__all__ = ["talks", "upgrade"]

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_MASK = b"\x11\x22\x33\x44"
_TYPES = [
    "connection_init",
    "start",
    "stop",
    "ka",
    "data",
    "complete",
    "connection_ack",
    "connection_terminate",
    "subscribe",
    "",
    None,
    7,
]
_BAD_TEXTS = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b'{"type": "start"}',
    b'{"type": {}}',
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"type": "start", "id": "' + b"i" * 100_000 + b'"}',
    b" " * 300_000,
]
_CLOSES = [b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03", b"\x00\x00", b"\x03\xed", b"\x0f\xa0\xff\xfe"]


def talks(host: str, key: str) -> st.SearchStrategy[Exchange]:
    """Talks with a server that is reached by that name and lets in that key."""
    return st.builds(
        _talk,
        _upgrades(host, key),
        st.lists(_frames(host, key), max_size=8),
        st.sampled_from([b"", b"", _frame(_CLOSE, b"\x03\xe8")]),
        st.sampled_from([0.0, 0.0, 0.001]),
        st.sampled_from(["half-close", "half-close", "close", "reset"]),
        st.booleans(),
    )


def _talk(
    upgrade: bytes, frames: list[bytes], last: bytes, pause: float, ending: Any, joined: bool
) -> Exchange:
    said = [b"".join(frames)] if joined else frames
    return Exchange(tuple(part for part in [upgrade, *said, last] if part), pause, ending)


def upgrade(host: str, key: str) -> bytes:
    """Return an upgrade that is right."""
    return _request("/graphql/realtime", _headers(host, key))


def _headers(host: str, key: str) -> dict[str, str]:
    shown = json.dumps({"host": host, "x-api-key": key}).encode()
    offered = base64.urlsafe_b64encode(shown).rstrip(b"=").decode()
    return {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": f"graphql-ws, header-{offered}",
    }


def _request(target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@st.composite
def _upgrades(draw: st.DrawFn, host: str, key: str) -> bytes:
    """An upgrade; most are right, or all else would be in vain."""
    headers = _headers(host, key)
    offered = headers["Sec-WebSocket-Protocol"].rpartition("header-")[2]
    target = draw(st.sampled_from(["/graphql/realtime", "/graphql"]))
    if draw(st.integers(0, 7)) == 0:
        name = draw(st.sampled_from(sorted(headers)))
        value = draw(
            st.sampled_from(
                [
                    None,
                    "",
                    "x",
                    "12",
                    "graphql-ws",
                    "graphql-ws, header-",
                    "graphql-ws, header-!!!!",
                    "graphql-ws, header-" + "A" * 50_000,
                    f"header-{offered}",
                    ",,,",
                    "evil.example",
                ]
            )
        )
        if value is None:
            del headers[name]
        else:
            headers[name] = value
    if draw(st.integers(0, 19)) == 0:
        headers["Sec-WebSocket-Extensions"] = draw(
            st.sampled_from(["permessage-deflate", "permessage-deflate; x=y", ";;", "a" * 5_000])
        )
    return _request(target, headers)


@st.composite
def _frames(draw: st.DrawFn, host: str, key: str) -> bytes:
    """A frame, or a message in several."""
    shape = draw(st.integers(0, 9))
    if shape == 0:
        return draw(st.binary(max_size=60))
    if shape == 1:
        return _frame(_CLOSE, draw(st.sampled_from(_CLOSES)))
    if shape == 2:
        return _frame(draw(st.sampled_from([_PING, _PONG])), draw(st.binary(max_size=130)))
    payload = draw(
        st.one_of(_messages(host, key), _messages(host, key), st.sampled_from(_BAD_TEXTS))
    )
    opcode = _BINARY if shape == 3 else _TEXT
    if shape == 4:
        return _odd_frame(draw, opcode, payload)
    if shape == 5:
        middle = len(payload) // 2
        between = _frame(_PING, b"?") if draw(st.booleans()) else b""
        second = draw(st.sampled_from([0, 0, 0, _TEXT]))
        first = _frame(opcode, payload[:middle], last=False)
        return first + between + _frame(second, payload[middle:])
    return _frame(opcode, payload)


@st.composite
def _messages(draw: st.DrawFn, host: str, key: str) -> bytes:
    """A message of the protocol, which need not have its turn."""
    type_ = draw(st.sampled_from([*_TYPES[:3], *_TYPES[:3], *_TYPES[:3], *_TYPES]))
    message: dict[str, Any] = {"type": type_}
    if type_ in ("start", "stop") or draw(st.integers(0, 5)) == 0:
        message["id"] = draw(st.sampled_from(["1", "1", "2", "", None, 7, {}, "i" * 3_000]))
    if type_ == "start":
        message["payload"] = draw(st.one_of(_starts(host, key), _starts(host, key), json_values()))
    elif draw(st.integers(0, 3)) == 0:
        message["payload"] = draw(json_values())
    if draw(st.integers(0, 9)) == 0:
        message[draw(st.sampled_from(["type", "id", "payload", "more"]))] = draw(json_values())
    return json.dumps(message).encode()


@st.composite
def _starts(draw: st.DrawFn, host: str, key: str) -> dict[str, Any]:
    """The payload of a start."""
    if draw(st.booleans()):
        data: Any = {"query": ON_JOB_UPDATE["group"], "variables": {"group": "fuzz"}}
    else:
        document, variables = draw(documents())
        data = {"query": document, "variables": variables}
    text = draw(st.sampled_from([json.dumps(data), json.dumps(data), data, "{", "", None]))
    shown: Any = {"host": host, "x-api-key": key}
    if draw(st.integers(0, 4)) == 0:
        shown = draw(json_values())
    return {"data": text, "extensions": {"authorization": shown}}


def _odd_frame(draw: st.DrawFn, opcode: int, payload: bytes) -> bytes:
    """A frame that breaks a rule: without a mask, of an unknown kind, with reserved bits, with a length that lies."""
    flaw = draw(
        st.sampled_from(["mask", "opcode", "bits", "longer", "huge", "padded", "long ping"])
    )
    if flaw == "mask":
        return bytes([0x80 | opcode, min(len(payload), 125)]) + payload[:125]
    if flaw == "opcode":
        return _frame(draw(st.integers(3, 7)), payload)
    if flaw == "bits":
        return bytes([0xF0 | opcode]) + _frame(opcode, payload)[1:]
    if flaw == "longer":
        return bytes([0x80 | opcode, 0x80 | 125]) + _MASK + payload[:50]
    if flaw == "huge":
        return bytes([0x80 | opcode, 0x80 | 127]) + struct.pack("!Q", 2**63 - 1) + _MASK + b"abc"
    if flaw == "padded":
        return bytes([0x80 | opcode, 0x80 | 126]) + struct.pack("!H", 3) + _MASK + _masked(b"abc")
    return _frame(_PING, b"p" * 126)


def _frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    head = bytes([(0x80 if last else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 2**16:
        head += bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
    return head + _MASK + _masked(payload)


def _masked(payload: bytes) -> bytes:
    key = int.from_bytes((_MASK * (len(payload) // 4 + 1))[: len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
