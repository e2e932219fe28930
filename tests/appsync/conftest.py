from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from jupyter_jobs.appsync import realtime, timing
from jupyter_jobs.appsync.auth import ApiKeyAuth, Auth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.http import HttpTransport
from tests.support.raw_http import RawHttp
from tests.support.server import KEY, FakeAppSync
from tests.support.story import FOREVER, Story

QUERY = "query GetX($id: ID!) { getX(id: $id) { id } }"
Execute = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@pytest.fixture(params=["async", "sync"])
async def execute(request: pytest.FixtureRequest) -> AsyncIterator[Execute]:
    """Run one operation, either way, without waiting between retries."""
    transports: dict[object, HttpTransport] = {}

    async def execute(
        server: FakeAppSync | RawHttp | Endpoint,
        auth: Auth = ApiKeyAuth(KEY),  # noqa: B008  immutable
        *,
        idempotent: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  handed on
        variables: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        endpoint = server if isinstance(server, Endpoint) else server.endpoint
        key = (endpoint, auth)
        if key not in transports:
            transports[key] = HttpTransport(
                endpoint, auth, timeout_s=20, backoff=Backoff(base_s=0.0)
            )
        transport = transports[key]
        execute = partial(
            transport.execute if request.param == "async" else transport.execute_sync,
            QUERY,
            variables or {"id": "1"},
            idempotent=idempotent,
            timeout=timeout,
        )
        return await (execute() if request.param == "async" else asyncio.to_thread(execute))  # type: ignore[misc,no-any-return,arg-type]  # one of two

    yield execute
    for transport in transports.values():
        await transport.aclose()


@pytest.fixture
def nobody() -> Endpoint:
    """An endpoint at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return Endpoint.parse(f"http://127.0.0.1:{unused.getsockname()[1]}/graphql")


@pytest.fixture
async def server() -> AsyncIterator[FakeAppSync]:
    """An API on this machine."""
    async with FakeAppSync() as server:
        yield server


@pytest.fixture
async def story(server: FakeAppSync) -> AsyncIterator[Story]:
    """A client with the right key, not connected yet."""
    story = Story(server, ApiKeyAuth(KEY))
    yield story
    await story.client.aclose()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make every wait endless; a test puts shorter ones in, to be used up from the left."""
    waits: list[float] = []
    monkeypatch.setattr(
        Backoff, "delay", lambda self, failures, **_: waits.pop(0) if waits else FOREVER
    )
    return waits


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a loop that was late catch up quickly."""
    monkeypatch.setattr(timing, "GRACE_S", 0.1)
    monkeypatch.setattr(realtime, "GRACE_S", 0.1)
