"""What goes wrong on the way of one POST: each shape of it is a row here, tried on a real server, sync and async."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import pytest

from jupyter_jobs.appsync import http
from jupyter_jobs.appsync.auth import TokenAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import (
    ConnectionLost,
    RequestRefused,
    RequestTimedOut,
    ServerFault,
    Throttled,
    Unauthorized,
    UnusableAnswer,
    WireError,
)
from tests.support.raw_http import Act, RawHttp, act, answer, close, drip, head, reset, stay_silent
from tests.support.server import KEY

Execute = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@dataclass(frozen=True)
class Fault:
    """What a server does to each attempt, and what comes of it.

    Attributes:
        attempts: How many there are of an operation that may run twice without harm; any other is tried once.
    """

    act: Act
    error: type[WireError]
    says: str
    attempts: int = 4


REFUSAL = {"data": {"f": None}, "errors": [{"errorType": "X", "message": "no"}]}
BOTH = {"data": {"f": 1}, "errors": [{"message": "half"}]}
EXPIRED = {"errors": [{"errorType": "UnauthorizedException", "message": "Token has expired."}]}
HTML = ("content-type", "text/html")
GZIP = ("content-encoding", "gzip")

FAULTS = {
    "a refusal comes with 200": Fault(act(answer(200, REFUSAL)), RequestRefused, "no", 1),
    "data and errors at once": Fault(act(answer(200, BOTH)), RequestRefused, "half", 1),
    "errors as one object": Fault(
        act(answer(200, {"errors": {"message": "one"}})), RequestRefused, "one", 1
    ),
    "malformed": Fault(
        act(answer(400, {"errors": [{"message": "Invalid JSON"}]})), RequestRefused, "Invalid", 1
    ),
    "401 as documented": Fault(act(answer(401, EXPIRED)), Unauthorized, "has expired; check", 1),
    "401 without JSON": Fault(act(answer(401, b"who?", HTML)), Unauthorized, "no reason given", 1),
    "403 of a firewall": Fault(act(answer(403, b"<html>", HTML)), RequestRefused, "firewall", 1),
    "404 of a web server": Fault(act(answer(404, b"", HTML)), RequestRefused, "/graphql", 1),
    "429 without JSON": Fault(act(answer(429, b"slow", HTML)), Throttled, "wait a little"),
    "429 for a moment": Fault(act(answer(429, b"", ("retry-after", "0"))), Throttled, "wait 0 s"),
    "429 for long": Fault(act(answer(429, b"", ("retry-after", "90"))), Throttled, "wait 90 s", 1),
    "500 with JSON": Fault(
        act(answer(500, {"errors": [{"message": "schema"}]})), ServerFault, "HTTP 500.*schema"
    ),
    "502 without JSON": Fault(act(answer(502, b"<html>", HTML)), ServerFault, "502 .text/html"),
    "503 until then": Fault(
        act(answer(503, b"", ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"))),
        Throttled,
        "wait",
        1,
    ),
    "a login page": Fault(act(answer(200, b"<html>", HTML)), UnusableAnswer, "200 .text/html"),
    "an empty answer": Fault(act(answer(200, b"")), UnusableAnswer, "no content type"),
    "a redirect": Fault(
        act(answer(307, b"", ("location", "https://else.where/x?token=t"))),
        RequestRefused,
        "redirects to https://else.where, and credentials",
        1,
    ),
    "cut in the headers": Fault(close(b"HTTP/1.1 200 OK\r\nconte"), ConnectionLost, "broke"),
    "cut in the body": Fault(close(answer()[:-3]), ConnectionLost, "broke before .* whole"),
    "cut in a chunk": Fault(
        close(head(200, None, ("transfer-encoding", "chunked")) + b"9\r\n{"),
        ConnectionLost,
        "broke",
    ),
    "closed without a word": Fault(close(b""), ConnectionLost, "broke"),
    "reset before the answer": Fault(reset(), ConnectionLost, "broke"),
    "reset in the answer": Fault(reset(answer()[:-3]), ConnectionLost, "broke"),
    "no HTTP": Fault(close(b"SSH-2.0-OpenSSH\r\n\r\n"), ConnectionLost, "broke"),
    "no gzip": Fault(act(answer(200, b"no gzip", GZIP)), UnusableAnswer, "cannot be read"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_one_error_and_tried_again_only_where_that_is_safe(
    name: str, execute: Execute
) -> None:
    fault = FAULTS[name]
    for idempotent, attempts in ((False, 1), (True, fault.attempts)):
        async with RawHttp(*[fault.act] * 5) as server:
            with pytest.raises(WireError, match=fault.says) as raised:
                await execute(server, idempotent=idempotent)

            assert type(raised.value) is fault.error
            assert raised.value.host == server.endpoint.host
            assert len(server.requests) == attempts


SLOW = {
    "no answer": stay_silent(),
    "half of the headers": stay_silent(b"HTTP/1.1 200 OK\r\nconte"),
    "half of the body": stay_silent(answer()[:-3]),
    "a body that never ends": drip(
        head(200, None, ("transfer-encoding", "chunked")), repeat(b"1\r\n \r\n"), 0.02
    ),
}


@pytest.mark.parametrize("name", SLOW)
async def test_no_call_outlasts_its_time(name: str, execute: Execute) -> None:
    async with RawHttp(SLOW[name]) as server:
        with pytest.raises(RequestTimedOut, match=r"127\.0\.0\.1.*0\.5 s.*timeout=") as error:
            await execute(server, idempotent=True, timeout=0.5)

        assert isinstance(error.value, TimeoutError)
        assert error.value.__cause__ is not None
        await server.left.wait()
        assert len(server.requests) <= 1  # a busy machine may need all of the time to connect


async def test_a_server_that_does_not_read_is_given_up(execute: Execute) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        deaf = Endpoint.parse(f"http://127.0.0.1:{listening.getsockname()[1]}/graphql")

        with pytest.raises(RequestTimedOut, match="did not answer in time"):
            await execute(deaf, variables={"text": "x" * 20_000_000}, timeout=1.0)


async def test_credentials_that_do_not_come_hold_no_call_up(
    nobody: Endpoint, execute: Execute
) -> None:
    comes = threading.Event()

    async def token() -> str:
        await asyncio.to_thread(comes.wait)
        return KEY

    try:
        with pytest.raises(RequestTimedOut, match=r"127\.0\.0\.1"):
            await execute(nobody, TokenAuth(token), timeout=0.3)
    finally:
        comes.set()
        for thread in threading.enumerate():
            if thread.name == "jupyter-jobs-auth":
                await asyncio.to_thread(thread.join)


async def test_what_never_left_is_tried_again_whatever_it_is(
    nobody: Endpoint, execute: Execute
) -> None:
    asked: list[None] = []

    def key() -> str:
        asked.append(None)
        return KEY

    with pytest.raises(ConnectionLost, match=r"no connection to 127.*listen") as error:
        await execute(nobody, TokenAuth(key))

    assert len(asked) == 4
    assert error.value.host == nobody.host
    assert error.value.__cause__ is not None


async def test_a_host_that_does_not_take_connections_is_tried_again(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_CONNECT_TIMEOUT_S", 0.05)
    asked: list[None] = []

    def key() -> str:
        asked.append(None)
        return KEY

    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(2):  # a queue of none takes one
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        with pytest.raises(ConnectionLost, match="no connection to"):
            await execute(Endpoint.parse(f"http://127.0.0.1:{address[1]}/graphql"), TokenAuth(key))

    assert len(asked) == 4


async def test_a_host_that_is_no_host_points_to_url_and_network(execute: Execute) -> None:
    with pytest.raises(ConnectionLost, match=r"nowhere\.invalid.*check the URL, the network"):
        await execute(Endpoint.parse("https://nowhere.invalid/graphql"))
