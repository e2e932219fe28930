from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth, Auth, TokenAuth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.http import HttpTransport
from jupyter_jobs.errors import (
    ConnectionLost,
    LocalProtocolError,
    MonitorClosed,
    RequestRefused,
    RequestTimedOut,
    ServerFault,
    Throttled,
    Unauthorized,
    WireError,
)
from tests.support.server import KEY, Answer, FakeAppSync

Execute = Callable[..., Coroutine[Any, Any, dict[str, Any]]]

QUERY = "query GetX($id: ID!) { getX(id: $id) { id } }"
DENIED = Answer({"errors": [{"errorType": "UnauthorizedException", "message": "Expired"}]}, 401)
AT_ONCE = Backoff(base_s=0.0)


@pytest.fixture
async def server() -> AsyncIterator[FakeAppSync]:
    """An API on this machine."""
    async with FakeAppSync() as server:
        yield server


@pytest.fixture(params=["async", "sync"])
async def execute(request: pytest.FixtureRequest) -> AsyncIterator[Execute]:
    """Run one operation, either way, without waiting between retries."""
    transports: dict[object, HttpTransport] = {}

    async def execute(
        server: FakeAppSync | Endpoint,
        auth: Auth = ApiKeyAuth(KEY),  # noqa: B008  immutable
        *,
        timeout_s: float = 20.0,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        endpoint = server if isinstance(server, Endpoint) else server.endpoint
        key = (endpoint, auth)
        if key not in transports:
            transports[key] = HttpTransport(endpoint, auth, timeout_s=timeout_s, backoff=AT_ONCE)
        transport, arguments = transports[key], (QUERY, {"id": "1"})
        if request.param == "async":
            return await transport.execute(*arguments, idempotent=idempotent)
        return await asyncio.to_thread(transport.execute_sync, *arguments, idempotent=idempotent)

    yield execute
    for transport in transports.values():
        await transport.aclose()


@pytest.fixture
def nobody() -> Endpoint:
    """An endpoint at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return Endpoint.parse(f"http://127.0.0.1:{unused.getsockname()[1]}/graphql")


async def test_an_operation_is_one_post_with_the_key(server: FakeAppSync, execute: Execute) -> None:
    server.answers = [Answer({"data": {"getX": {"id": "1"}}})]

    data = await execute(server)

    assert data == {"getX": {"id": "1"}}
    (post,) = server.posts
    assert post.body == {"query": QUERY, "variables": {"id": "1"}}
    assert post.headers["x-api-key"] == KEY
    assert post.headers["content-type"] == "application/json"


async def test_one_connection_serves_many_requests(server: FakeAppSync, execute: Execute) -> None:
    for _ in range(5):
        await execute(server)

    assert {post.connection for post in server.posts} == {1}


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


@pytest.mark.parametrize(
    "fault",
    [Answer({}, 503), Answer({}, 429), Answer(b"<html>", 200)],
    ids=["fault", "throttle", "html"],
)
async def test_a_fault_that_may_pass_is_tried_again_if_that_does_no_harm(
    server: FakeAppSync, execute: Execute, fault: Answer
) -> None:
    server.answers = [fault] * 3
    assert await execute(server, idempotent=True) == {"ok": True}
    assert len(server.posts) == 3 + 1

    server.answers = [fault] * (3 + 1)
    with pytest.raises(WireError) as error:
        await execute(server, idempotent=True)
    assert error.value.retryable
    assert len(server.posts) == 2 * (3 + 1)


async def test_what_might_be_done_twice_is_not_tried_again(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [Answer({}, 503)]

    with pytest.raises(ServerFault):
        await execute(server)

    assert len(server.posts) == 1


async def test_a_refusal_is_not_tried_again(server: FakeAppSync, execute: Execute) -> None:
    server.answers = [Answer({"data": None, "errors": [{"message": "no"}]})]

    with pytest.raises(RequestRefused, match="no"):
        await execute(server, idempotent=True)

    assert len(server.posts) == 1


async def test_a_retry_that_would_come_too_late_is_not_made(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [Answer({}, 429, (("retry-after", "21"),))]

    with pytest.raises(Throttled) as error:
        await execute(server, idempotent=True)

    assert error.value.retry_after == 21.0
    assert len(server.posts) == 1


async def test_a_retry_waits_as_long_as_the_service_asks(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [Answer({}, 429, (("retry-after", "0.01"),))]

    assert await execute(server, idempotent=True) == {"ok": True}


async def test_no_answer_in_time_is_said_with_the_time(
    server: FakeAppSync, execute: Execute
) -> None:
    server.answers = [Answer(delay=None)]

    with pytest.raises(RequestTimedOut, match=r"127\.0\.0\.1.*0\.2 s.*timeout=") as error:
        await execute(server, timeout_s=0.2)

    assert isinstance(error.value, TimeoutError)
    assert error.value.__cause__ is not None


async def test_an_endpoint_that_is_not_there_is_said_so(nobody: Endpoint, execute: Execute) -> None:
    with pytest.raises(ConnectionLost, match=r"no connection to 127.*listen") as error:
        await execute(nobody)

    assert error.value.host == nobody.host
    assert error.value.__cause__ is not None


async def test_a_host_that_is_no_host_points_to_url_and_network(execute: Execute) -> None:
    with pytest.raises(ConnectionLost, match=r"nowhere\.invalid.*check the URL, the network"):
        await execute(Endpoint.parse("https://nowhere.invalid/graphql"))


async def test_a_garbled_answer_is_the_servers_fault(server: FakeAppSync, execute: Execute) -> None:
    server.answers = [Answer(b"no gzip", headers=(("content-encoding", "gzip"),))]

    with pytest.raises(ServerFault, match="cannot be read"):
        await execute(server)


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
    transport = HttpTransport(nobody, ApiKeyAuth(KEY), timeout_s=20)

    for _ in range(2):
        with pytest.raises(ConnectionLost):
            asyncio.run(transport.execute(QUERY, None, idempotent=False))
