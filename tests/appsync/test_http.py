from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme

from jupyter_jobs.appsync.auth import ApiKeyAuth, TokenAuth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.http import HttpTransport
from jupyter_jobs.errors import (
    ConnectionLost,
    LocalProtocolError,
    MonitorClosed,
    RequestRefused,
    Unauthorized,
)
from tests.support.raw_http import RawHttp, act, answer, close, reset
from tests.support.server import KEY, Answer, FakeAppSync

Execute = Callable[..., Coroutine[Any, Any, dict[str, Any]]]

QUERY = "query GetX($id: ID!) { getX(id: $id) { id } }"
DENIED = Answer({"errors": [{"errorType": "UnauthorizedException", "message": "Expired"}]}, 401)


async def test_an_operation_is_one_post_with_the_key(server: FakeAppSync, execute: Execute) -> None:
    server.answers = [Answer({"data": {"getX": {"id": "1"}}})]

    data = await execute(server)

    assert data == {"getX": {"id": "1"}}
    (post,) = server.posts
    assert post.body == {"query": QUERY, "variables": {"id": "1"}}
    assert post.headers["x-api-key"] == KEY
    assert post.headers["content-type"] == "application/json"


async def test_the_environments_proxy_is_not_asked_for_this_machine(
    server: FakeAppSync, execute: Execute, nobody: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, nobody.http)

    assert await execute(server) == {"ok": True}


async def test_refused_credentials_are_asked_for_once_more(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [DENIED]
    tokens = iter(["old", "new", "newer"])

    assert await execute(server, TokenAuth(lambda: next(tokens))) == {"ok": True}

    assert [post.headers["authorization"] for post in server.posts] == ["old", "new"]


async def test_credentials_that_are_refused_twice_are_given_up(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [DENIED] * 3
    tokens = iter(["old", "new", "newer"])

    with pytest.raises(Unauthorized, match=r"127\.0\.0\.1.*Expired.*auth="):
        await execute(server, TokenAuth(lambda: next(tokens)), idempotent=True)

    assert len(server.posts) == 2


async def test_credentials_that_stay_the_same_are_not_shown_twice(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [DENIED]

    with pytest.raises(Unauthorized):
        await execute(server)

    assert len(server.posts) == 1


async def test_an_async_token_serves_a_thread_whose_loop_is_running(server: FakeAppSync) -> None:
    async def token() -> str:
        await asyncio.sleep(0)
        return "jwt"

    transport = HttpTransport(server.endpoint, TokenAuth(token), timeout_s=20)

    async def in_a_loop() -> dict[str, Any]:
        return transport.execute_sync(QUERY, {}, idempotent=False)

    data = await asyncio.to_thread(lambda: asyncio.run(in_a_loop()))

    assert data == {"ok": True}
    assert server.posts[0].headers["authorization"] == "jwt"
    await transport.aclose()


async def test_a_retry_waits_as_long_as_the_service_asks(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [Answer({}, 429, (("retry-after", "0.01"),))]

    assert await execute(server, idempotent=True) == {"ok": True}


async def test_a_compressed_answer_is_read(execute: Execute) -> None:
    body = gzip.compress(b'{"data":{"ok":true}}')
    async with RawHttp(act(answer(200, body, ("content-encoding", "gzip")))) as server:
        assert await execute(server) == {"ok": True}

        assert "accept-encoding: gzip" in server.requests[0]


async def test_a_redirect_takes_no_credentials_elsewhere(execute: Execute) -> None:
    async with RawHttp() as elsewhere:
        to = ("location", elsewhere.endpoint.http)
        async with RawHttp(act(answer(308, b"", to))) as server:
            with pytest.raises(RequestRefused):
                await execute(server, idempotent=True)

        assert elsewhere.connections == 0


async def test_a_hundred_calls_need_one_connection(execute: Execute) -> None:
    async with RawHttp() as server:
        for _ in range(100):
            await execute(server)

        assert (len(server.requests), server.connections) == (100, 1)


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(execute: Execute) -> None:
    async with RawHttp(close(answer()), reset(answer())) as server:
        for _ in range(3):
            server.left.clear()
            assert await execute(server) == {"ok": True}
            if server.connections < 3:
                await server.left.wait()

        assert (len(server.requests), server.connections) == (3, 3)


async def test_a_certificate_of_nobody_known_is_not_tried_again(
    execute: Execute, tmp_path: Path
) -> None:
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(ours)
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    async with RawHttp(tls=ours) as server:
        url = f"https://localhost:{server.port}/graphql"

        with pytest.raises(ConnectionLost, match=r"CERTIFICATE_VERIFY_FAILED.*PEM file with ca="):
            await execute(Endpoint.parse(url), idempotent=True)
        assert server.requests == []

        assert await execute(Endpoint.parse(url, ca=str(file))) == {"ok": True}


async def test_no_key_shows_in_log_or_error(
    server: FakeAppSync, execute: Execute, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers = [DENIED]

    with pytest.raises(Unauthorized) as error:
        await execute(server)

    assert KEY not in caplog.text + str(error.value) + repr(error.value)


async def test_a_closed_transport_says_so_and_closes_twice(server: FakeAppSync) -> None:
    transport = HttpTransport(server.endpoint, ApiKeyAuth(KEY), timeout_s=20)
    await transport.execute(QUERY, None, idempotent=False)

    await transport.aclose()
    await transport.aclose()

    with pytest.raises(MonitorClosed, match="make a new one"):
        await transport.execute(QUERY, None, idempotent=False)
    with pytest.raises(MonitorClosed):
        transport.execute_sync(QUERY, None, idempotent=False)


async def test_a_transport_belongs_to_one_loop_at_a_time(server: FakeAppSync) -> None:
    transport = HttpTransport(server.endpoint, ApiKeyAuth(KEY), timeout_s=20)
    await transport.execute(QUERY, None, idempotent=False)

    def elsewhere() -> None:
        asyncio.run(transport.execute(QUERY, None, idempotent=False))

    with pytest.raises(LocalProtocolError, match="another event loop"):
        await asyncio.to_thread(elsewhere)
    await transport.aclose()


def test_a_transport_may_move_on_when_its_loop_is_closed(nobody: Endpoint) -> None:
    transport = HttpTransport(nobody, ApiKeyAuth(KEY), timeout_s=20, backoff=Backoff(base_s=0.0))

    for _ in range(2):
        with pytest.raises(ConnectionLost):
            asyncio.run(transport.execute(QUERY, None, idempotent=False))


async def test_a_ping_shows_no_credentials_and_tells_who_answers() -> None:
    async with RawHttp(act(answer(200, b"healthy")), act(answer(404, b"who?"))) as server:
        transport = HttpTransport(server.endpoint, ApiKeyAuth(KEY), timeout_s=20)

        assert await transport.ping() == (200, "healthy")
        assert await transport.ping() == (404, "who?")
        assert server.requests[0].startswith("get /ping http/1.1\r\n")
        assert KEY not in "".join(server.requests)
        await transport.aclose()


async def test_a_ping_that_nobody_answers_is_a_lost_connection(nobody: Endpoint) -> None:
    transport = HttpTransport(nobody, ApiKeyAuth(KEY), timeout_s=20)

    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1"):
        await transport.ping()
    await transport.aclose()
