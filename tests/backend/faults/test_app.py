from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from jupyter_jobs.appsync.auth import subprotocols
from jupyter_jobs.jobs.operations import GET_JOB, ON_JOB_UPDATE, SUBMIT_JOB
from tests.support.backend import PATIENCE_S, RunningBackend, running_backend


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "quiet").write_text("{}")
    guests = folder / "guests"
    guests.write_text(json.dumps({"api_keys": ["da2-guest"]}))
    options = ["--external", "--faults", str(folder / "quiet"), "--auth", str(guests)]
    with running_backend(folder / "data", *options) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet_again(faulty: RunningBackend) -> Iterator[None]:
    yield
    plan(faulty)


def plan(backend: RunningBackend, *rules: dict[str, Any]) -> dict[str, int]:
    """Go over to other rules; what the former ones did."""
    return backend.request("/faults", json.dumps({"rules": list(rules)}).encode())


def done(backend: RunningBackend) -> dict[str, int]:
    return backend.request("/faults")


def submit(backend: RunningBackend, id_: str, key: str | None = None) -> tuple[int, str, bytes]:
    """Submit a job; status, kind and body of the answer."""
    address = urlsplit(backend.http)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=PATIENCE_S
    )
    body = json.dumps({"query": SUBMIT_JOB, "variables": {"input": {"id": id_, "request": "r"}}})
    try:
        connection.request("POST", "/graphql", body, {"x-api-key": key or backend.key})
        answer = connection.getresponse()
        return answer.status, answer.headers["content-type"], answer.read()
    finally:
        connection.close()


def is_there(backend: RunningBackend, id_: str) -> bool:
    return backend.execute(GET_JOB, {"id": id_})["data"]["getJob"] is not None


@asynccontextmanager
async def socket(
    backend: RunningBackend, *, key: str | None = None
) -> AsyncIterator[ClientConnection]:
    host = urlsplit(backend.http).netloc
    offered = subprotocols({"host": host, "x-api-key": key or backend.key})
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(backend.realtime, subprotocols=offered, proxy=None, close_timeout=0.1) as opened,
    ):
        yield opened


async def started(backend: RunningBackend, opened: ClientConnection) -> None:
    """Subscribe to all jobs, without waiting for an answer."""
    authorization = {"host": urlsplit(backend.http).netloc, "x-api-key": backend.key}
    data = json.dumps({"query": ON_JOB_UPDATE["id"], "variables": {}})
    payload = {"data": data, "extensions": {"authorization": authorization}}
    await opened.send('{"type": "connection_init"}')
    await opened.send(json.dumps({"id": "s", "type": "start", "payload": payload}))


async def types(opened: ClientConnection, count: int) -> list[str]:
    return [json.loads(await opened.recv())["type"] for _ in range(count)]


def test_without_the_option_there_is_no_such_endpoint(external_backend: RunningBackend) -> None:
    for body in (None, b"{}"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            external_backend.request("/faults", body)
        refused.value.close()

        assert refused.value.code == 404


@pytest.mark.parametrize("headers", [{"x-api-key": "da2-guest"}, {"x-api-key": "da2-wrong"}])
def test_only_the_own_key_chooses_faults(faulty: RunningBackend, headers: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        faulty.request("/faults", b"{}", **headers)
    refused.value.close()

    assert refused.value.code == 401


def test_a_page_of_another_origin_chooses_none(faulty: RunningBackend) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        faulty.request("/faults", b"{}", Origin="https://evil.example")
    refused.value.close()

    assert refused.value.code == 403


def test_a_wrong_plan_is_refused_with_its_reason(faulty: RunningBackend) -> None:
    for body, said in [(b"{", "Expecting"), (b'{"rules": [{"fault": "explode"}]}', "rule 1")]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            faulty.request("/faults", body)

        assert refused.value.code == 400
        assert said in json.load(refused.value)["message"]


@pytest.mark.parametrize(("when", "took_effect"), [("before", False), ("after", True)])
@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_status_comes_before_or_after_the_mutation(
    faulty: RunningBackend, status: int, when: str, took_effect: bool
) -> None:
    plan(
        faulty,
        {"fault": "status", "status": status, "when": when, "where": {"operation": "submitJob"}},
    )

    answer = submit(faulty, f"status-{status}-{when}")

    assert answer[0] == status
    assert answer[1].startswith("text/html")
    assert is_there(faulty, f"status-{status}-{when}") is took_effect
    assert done(faulty) == {f"status {when}": 1}


def test_a_throttle_may_say_when_to_come_back(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "status", "status": 429, "retry_after": 3})

    with pytest.raises(urllib.error.HTTPError) as refused:
        faulty.execute("{ __typename }")
    refused.value.close()

    assert refused.value.headers["retry-after"] == "3"


@pytest.mark.parametrize(("when", "took_effect"), [("before", False), ("after", True)])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("cut", ConnectionResetError),
        ("truncate", http.client.IncompleteRead),
        ("hang", TimeoutError),
    ],
)
def test_an_answer_does_not_come_whole(
    faulty: RunningBackend,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: type[Exception],
    when: str,
    took_effect: bool,
) -> None:
    plan(faulty, {"fault": fault, "when": when, "count": 1})
    monkeypatch.setattr("tests.backend.faults.test_app.PATIENCE_S", 0.5)

    with pytest.raises(error):
        submit(faulty, f"{fault}-{when}")

    assert done(faulty) == {f"{fault} {when}": 1}
    assert is_there(faulty, f"{fault}-{when}") is took_effect


async def test_an_upgrade_is_refused(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "refuse_upgrade", "status": 429, "count": 1})

    with pytest.raises(InvalidStatus) as refused:
        async with socket(faulty):
            pass
    async with socket(faulty) as opened:
        await started(faulty, opened)

        assert await types(opened, 3) == ["connection_ack", "ka", "start_ack"]
    assert refused.value.response.status_code == 429


async def test_a_connection_is_closed_with_a_code(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "close", "code": 4000, "frames": 3})

    async with socket(faulty) as opened:
        await started(faulty, opened)
        heard = await types(opened, 3)
        with pytest.raises(ConnectionClosed) as closed:
            await opened.recv()

    assert heard == ["connection_ack", "ka", "start_ack"]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000


async def test_a_connection_is_reset(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "reset", "ms": 50})

    async with socket(faulty) as opened:
        with pytest.raises(ConnectionClosed) as closed:
            await opened.recv()

    assert closed.value.rcvd is None
    assert isinstance(closed.value.__cause__, ConnectionResetError)


async def test_a_stalled_connection_answers_not_even_a_ping(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "stall", "frames": 2, "for_ms": 600})

    async with socket(faulty) as opened:
        await started(faulty, opened)
        heard = await types(opened, 2)
        pong = await opened.ping()
        with pytest.raises(ConnectionClosed):
            await pong

    assert heard == ["connection_ack", "ka"]
    assert faulty.stats()["subscriptions"] == 0


async def test_the_server_ends_a_subscription(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "complete", "ms": 50})

    async with socket(faulty) as opened:
        await started(faulty, opened)

        assert await types(opened, 4) == ["connection_ack", "ka", "start_ack", "complete"]
        stats = await asyncio.to_thread(faulty.stats)
        assert (stats["connections"], stats["subscriptions"]) == (1, 0)


async def test_events_are_late_and_double(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "delay", "ms": 50, "count": 1}, {"fault": "duplicate"})

    async with socket(faulty) as opened:
        await started(faulty, opened)
        await types(opened, 3)
        for id_ in ("late", "double"):
            await asyncio.to_thread(submit, faulty, id_)
        heard = [json.loads(await opened.recv()) for _ in range(3)]

    ids = [frame["payload"]["data"]["onJobUpdate"]["id"] for frame in heard]
    assert sorted(ids) == ["double", "double", "late"]


async def test_credentials_expire_everywhere_and_others_do_not(faulty: RunningBackend) -> None:
    plan(faulty, {"fault": "expire", "where": {"purpose": "request"}, "count": 1})

    refused = [(await asyncio.to_thread(submit, faulty, "expired"))[0] for _ in range(2)]
    other = await asyncio.to_thread(submit, faulty, "expired", "da2-guest")
    async with socket(faulty) as opened:
        error = json.loads(await opened.recv())
    plan(faulty)
    again = await asyncio.to_thread(submit, faulty, "expired")

    assert (refused, other[0], again[0]) == ([401, 401], 200, 200)
    assert error["type"] == "connection_error"
    assert error["payload"]["errors"][0]["message"] == "Token has expired."
