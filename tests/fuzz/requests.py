"""Requests over HTTP: nearly right ones, and all ways of wrong that have a name."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.documents import documents, json_values
from tests.fuzz.exchanges import Exchange

__all__ = ["exchanges"]

_METHODS = ["POST", "GET", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "P\tST", ""]
_TARGETS = [
    "/graphql",
    "/graphql/realtime",
    "/ping",
    "/stats",
    "/metrics",
    "/",
    "*",
    "/graphql?header=e30=&payload=e30=",
    "/graphql/../stats",
    "//graphql",
    "/%00",
    "/%ff%fe",
    "http://127.0.0.1/graphql",
    "/" + "a" * 70_000,
    "graphql",
    "",
]
_VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/1.1 ", "HTTP/9.9", ""]
_LENGTHS = [
    b"0",
    b"1",
    b"-1",
    b"+5",
    b"99999999999999999999999",
    b"1e3",
    b"0x10",
    b"",
    b" ",
    b"5, 5",
    b"67108865",
]
_CHUNK_SIZES = [
    b"0",
    b"5",
    b"ffffffffffffffff",
    b"-1",
    b"g",
    b"",
    b"5;name=value",
    b"0" * 5_000,
    b"5 ",
]
_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"query"',
    b"{",
    b"{}",
    b'{"query": 1}',
    b'{"query": "{ listJobs { nextToken } }", "variables": []}',
    b'{"query": "{ listJobs { nextToken } }", "operationName": {}}',
    b'{"query": "{ listJobs { nextToken } }", "variables": {"a": NaN}}',
    b'{"query": "\\ud800"}',
    b'{"query": "\\u0000"}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"query": "' + b"\xc3\x28" + b'"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 10_000,
    b'{"query": "' + b"{" * 20_000 + b'"}',
    b'{"query": "{' + b" listJobs" * 20_000 + b'}"}',
    b'{"query": "' + b"#" * 300_000 + b'"}',
]
_HEADERS = [
    b"Origin: http://evil.example",
    b"Origin: null",
    b"Origin: \xff",
    b"Host: evil.example",
    b"Host: [::1",
    b"Host:",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Content-Encoding: gzip",
    b"Content-Type: multipart/form-data; boundary=x",
    b"x-api-key: " + b"k" * 10_000,
    b"x-api-key:",
    b"Authorization: AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
    b"Authorization: Bearer \xff.\x00.",
    b"Cookie: " + b"a=b; " * 2_000,
    b"no colon",
    b" folded: value",
    b"Na me: value",
    b"X: a\x00b",
    b"X: a\rb",
    b"X" * 70_000 + b": y",
    b": empty",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
]


def exchanges(host: str, key: str) -> st.SearchStrategy[Exchange]:
    """Exchanges with a server that is reached by that name and lets in that key."""
    request = st.one_of(
        _posts(host, key), _posts(host, key), _odd_requests(host, key), st.binary(max_size=500)
    )
    return st.builds(
        _exchange,
        st.lists(request, min_size=1, max_size=4).map(b"".join),
        st.lists(st.floats(0, 1), max_size=3),
        st.sampled_from([0.0, 0.0, 0.0, 0.002]),
        st.sampled_from(["half-close", "half-close", "close", "reset"]),
        st.one_of(st.just(1.0), st.just(1.0), st.floats(0, 1)),
    )


def _exchange(sent: bytes, cuts: list[float], pause: float, ending: Any, share: float) -> Exchange:
    """Cut into pieces what is sent, and perhaps leave before its end."""
    sent = sent[: int(share * len(sent))] if share < 1.0 else sent
    places = [0, *sorted(int(cut * len(sent)) for cut in cuts), len(sent)]
    pieces = tuple(sent[a:b] for a, b in pairwise(places) if a < b)
    return Exchange(pieces, pause, ending)


@st.composite
def _posts(draw: st.DrawFn, host: str, key: str) -> bytes:
    """A request that is right, of a document that may not be."""
    document, variables = draw(documents())
    body: dict[str, Any] = {"query": document, "variables": variables}
    if draw(st.integers(0, 9)) == 0:
        body[draw(st.sampled_from(["query", "variables", "operationName"]))] = draw(json_values())
    content = json.dumps(body).encode()
    return _request("POST", "/graphql", "HTTP/1.1", [b"Host: " + host.encode(), _key(key)], content)


@st.composite
def _odd_requests(draw: st.DrawFn, host: str, key: str) -> bytes:
    """A request that is wrong in one place or more."""
    headers = [b"Host: " + host.encode()] if draw(st.integers(0, 9)) else []
    if draw(st.integers(0, 4)):
        headers.append(_key(key))
    headers += draw(st.lists(st.sampled_from(_HEADERS), max_size=2))
    if draw(st.integers(0, 19)) == 0:
        headers += [b"X-%d: y" % number for number in range(draw(st.sampled_from([50, 5_000])))]
    body = draw(st.one_of(st.sampled_from(_BODIES), st.binary(max_size=200)))
    if draw(st.integers(0, 3)) == 0:
        headers.append(b"Transfer-Encoding: chunked")
        body = draw(_chunks(body))
        length = draw(st.sampled_from([None, None, b"5"]))
    else:
        right = str(len(body)).encode()
        length = draw(st.sampled_from([right, right, right, None, *_LENGTHS]))
    if length is not None:
        headers.append(b"Content-Length: " + length)
    usual = draw(st.integers(0, 2))
    return _request(
        "POST" if usual else draw(st.sampled_from(_METHODS)),
        "/graphql" if usual else draw(st.sampled_from(_TARGETS)),
        "HTTP/1.1" if usual else draw(st.sampled_from(_VERSIONS)),
        headers,
        body,
        length=False,
        line_end=draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])),
    )


@st.composite
def _chunks(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks, of which some lie about their size."""
    chunks = []
    for part in (body[:40], body[40:]):
        right = b"%x" % len(part)
        size = draw(st.sampled_from([right, right, right, *_CHUNK_SIZES]))
        chunks.append(size + b"\r\n" + part + draw(st.sampled_from([b"\r\n", b"\r\n", b"\n", b""])))
    return b"".join(chunks) + draw(
        st.sampled_from([b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n", b""])
    )


def _request(
    method: str,
    target: str,
    version: str,
    headers: list[bytes],
    body: bytes,
    *,
    length: bool = True,
    line_end: bytes = b"\r\n",
) -> bytes:
    if length:
        headers = [*headers, b"Content-Length: %d" % len(body)]
    head = [f"{method} {target} {version}".encode(), *headers]
    return line_end.join(head) + 2 * line_end + body


def _key(key: str) -> bytes:
    return b"x-api-key: " + key.encode()
