"""Who asks a backend, seen from outside: over sockets, with our own clients where they have a part in it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from jupyter_jobs import Command
from jupyter_jobs.appsync.auth import ApiKeyAuth, ApiKeyVerifier, subprotocols
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.limits import (
    FRAMES,
    REQUESTS,
    REQUESTS_OF_GUESTS,
    STARTS,
    Pace,
)
from jupyter_jobs.backend.realtime import session
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.backend.web import door
from jupyter_jobs.backend.web.app import Backend
from jupyter_jobs.backend.web.web_server import WebServer
from jupyter_jobs.errors import RequestRefused, Throttled, Unauthorized
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.embedded import EmbeddedBackend, find_backend
from jupyter_jobs.jobs.requests import submit_input
from jupyter_jobs.jobs.target import find_target
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend
from tests.support.bare_api import BareApi
from tests.support.following import until

TYPENAME = "{ __typename }"
EVENTS = "subscription { onJobUpdate { id status version } }"
GUEST = "da2-guest-of-the-test"


def guests(folder: Path, **more: Any) -> tuple[str, str]:
    """The options that let in a guest."""
    path = folder / "guests.json"
    path.write_text(json.dumps({"api_keys": [GUEST], **more}))
    return "--auth", str(path)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend with guests."""
    folder = tmp_path_factory.mktemp("hosting")
    with running_backend(folder / "data", *guests(folder)) as running:
        yield running


def api_of(backend: RunningBackend, key: str) -> JobApi:
    return JobApi(AppSyncClient(backend.http, ApiKeyAuth(key)))


def submit(backend: RunningBackend, key: str, request: Any) -> dict[str, Any]:
    """Submit by our own client; the job."""
    api = api_of(backend, key)
    try:
        return api.run_sync(calls.submit(submit_input(request)))
    finally:
        asyncio.run(api.wire.aclose())


@pytest.mark.parametrize(
    "request_", [Command(["touch", "pwned"]), print], ids=["command", "function"]
)
def test_no_code_of_a_guests_is_run(hosting: RunningBackend, request_: Any) -> None:
    with pytest.raises(RequestRefused, match="runs named requests for its guests") as refused:
        submit(hosting, GUEST, request_)

    assert refused.value.error_type == "Unauthorized"
    assert submit(hosting, hosting.key, Command(["true"]))["kind"] == "COMMAND"


def test_a_guest_has_named_requests_run_by_the_backends_own_python(hosting: RunningBackend) -> None:
    job = submit(hosting, GUEST, "Process data")

    assert (job["kind"], job["status"]) == ("REQUEST", "QUEUED")
    asked = {"query": "query P($id: ID!) { jobPayload(id: $id) }", "variables": {"id": job["id"]}}
    assert hosting.request("/graphql", json.dumps(asked).encode())["data"] == {"jobPayload": None}


def test_guests_are_told_no_more_than_counts_of_connections(hosting: RunningBackend) -> None:
    status, told, _ = post(hosting, GUEST, "/stats", method="GET")

    assert status == 200
    assert {"connections", "subscriptions"} <= told.keys()
    assert told.keys() & {"pid", "jobs", "notices", "processes", "waitsFor"} == set()
    assert {"pid", "jobs", "notices"} <= hosting.stats().keys()


def test_trusted_guests_have_any_code_run(tmp_path: Path) -> None:
    with running_backend(tmp_path / "data", *guests(tmp_path, trusted=True)) as backend:
        assert submit(backend, GUEST, Command(["true"]))["kind"] == "COMMAND"


def post(
    backend: RunningBackend,
    key: str,
    path: str = "/graphql",
    body: Any = None,
    *,
    method: str = "POST",
) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
    address = urlsplit(backend.http)
    connection = http.client.HTTPConnection(address.netloc, timeout=PATIENCE_S)
    with closing(connection):
        text = json.dumps(body or {"query": TYPENAME})
        connection.request(method, path, text, {"x-api-key": key})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers


async def test_many_wrong_keys_are_made_to_wait_and_the_owner_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FAILURES", Pace(3, 0.01))
    async with in_this_process(tmp_path) as backend:
        ask = partial(asyncio.to_thread, post, backend)
        statuses = [(await ask("da2-wrong"))[0] for _ in range(5)]
        _, told, headers = await ask("da2-wrong")
        wrong = AppSyncClient(backend.http, ApiKeyAuth("da2-wrong"), timeout=5)
        with pytest.raises(Throttled, match=r"gets too many requests: wait \d+ s") as throttled:
            await wrong.execute(TYPENAME, idempotent=True)
        with pytest.raises(InvalidStatus) as upgrade:
            await connect(backend.realtime, subprotocols=offered(backend, "da2-wrong"), proxy=None)
        owner = (await ask(KEY))[0]
        async with socket_of(backend, KEY) as talk:
            greeted = await receive(talk)
        await wrong.aclose()

    assert statuses == [401, 401, 401, 429, 429]
    assert (headers["connection"], 50 < int(headers["retry-after"]) <= 100) == ("close", True)
    assert told["errors"][0]["errorType"] == "TooManyRequestsException"
    assert throttled.value.retry_after is not None
    assert upgrade.value.response.status_code == 429
    assert (owner, greeted["type"]) == (200, "connection_ack")


def offered(backend: RunningBackend, key: str) -> Any:
    return subprotocols({"host": urlsplit(backend.http).netloc, "x-api-key": key})


@asynccontextmanager
async def socket_of(backend: RunningBackend, key: str) -> AsyncIterator[ClientConnection]:
    protocols = offered(backend, key)
    async with connect(backend.realtime, subprotocols=protocols, proxy=None) as talk:
        await talk.send('{"type": "connection_init"}')
        yield talk


async def receive(talk: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while (frame := json.loads(await talk.recv()))["type"] == "ka":
            pass
    return frame


def start(backend: RunningBackend, id_: str, key: str) -> str:
    data = json.dumps({"query": EVENTS, "variables": {}})
    shown = {"host": urlsplit(backend.http).netloc, "x-api-key": key}
    payload = {"data": data, "extensions": {"authorization": shown}}
    return json.dumps({"id": id_, "type": "start", "payload": payload})


@asynccontextmanager
async def in_this_process(folder: Path) -> AsyncIterator[RunningBackend]:
    """The web face of a backend, whose limits a test may change."""
    bare, ready = BareApi(folder), asyncio.Event()
    face = Backend(bare.api, Topics(build()), ApiKeyVerifier([KEY]))
    server = WebServer(face.app, on_ready=ready.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        await ready.wait()
        at = f"127.0.0.1:{listener.getsockname()[1]}/graphql"
        process: Any = None
        try:
            yield RunningBackend(f"http://{at}", f"ws://{at}/realtime", KEY, folder, process)
        finally:
            server.stop()
            await serving
            bare.repository.close()


async def test_starts_that_come_too_fast_are_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "STARTS", Pace(3, 0.001))
    answers = []
    async with in_this_process(tmp_path) as backend, socket_of(backend, KEY) as talk:
        await receive(talk)
        for n in range(5):
            await talk.send(start(backend, f"s{n}", KEY))
            answers.append(await receive(talk))

    assert [answer["type"] for answer in answers] == [*["start_ack"] * 3, "error", "error"]
    assert answers[3]["id"] == "s3"
    assert "LimitExceededError" in json.dumps(answers[3]["payload"])


async def test_a_flood_of_messages_closes_its_connection_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FRAMES", Pace(50, 0.001))
    async with (
        in_this_process(tmp_path) as backend,
        socket_of(backend, KEY) as calm,
        socket_of(backend, KEY) as mad,
    ):
        await receive(calm)
        for _ in range(50):
            await mad.send('{"type": "stop", "id": "none"}')
        with pytest.raises(ConnectionClosed) as closed:
            await hear_out(mad)
        await calm.send(start(backend, "s", KEY))
        answer = await receive(calm)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason == "too many messages a second"
    assert answer["type"] == "start_ack"


async def hear_out(talk: ClientConnection) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await talk.recv()


def test_kernels_that_are_busy_stay_far_below_the_limits() -> None:
    most_on_a_connection = 100

    assert STARTS.burst >= 2 * most_on_a_connection
    assert FRAMES.burst >= 2 * STARTS.burst
    assert min(REQUESTS.burst, REQUESTS_OF_GUESTS.burst) >= 50 * 20


# The key, changed while it is in use.


@pytest.fixture
def rotating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBackend]:
    """The user's own backend, with a key of its own making, and a guest."""
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "data/runtime"))
    with running_backend(
        tmp_path / "data", *guests(tmp_path), env={"JUPYTER_JOBS_API_KEY": ""}
    ) as running:
        yield replace(running, key=found().key)


def found() -> EmbeddedBackend:
    backend = find_backend()
    assert backend is not None
    return backend


def rotate(backend: RunningBackend) -> dict[str, Any]:
    status, told, _ = post(backend, found().key, "/key")
    assert status == 200, told
    return told


def test_the_old_key_is_refused_as_soon_as_there_is_a_new_one(rotating: RunningBackend) -> None:
    rotate(rotating)

    assert post(rotating, rotating.key)[0] == 401
    assert found().key != rotating.key
    assert post(rotating, found().key)[0] == 200


async def test_sockets_of_the_old_key_are_closed_and_those_of_guests_stay(
    rotating: RunningBackend,
) -> None:
    async with socket_of(rotating, rotating.key) as own, socket_of(rotating, GUEST) as guest:
        await receive(own)
        await receive(guest)
        told = rotate(rotating)
        said = await receive(own)
        with pytest.raises(ConnectionClosed):
            await own.recv()
        await guest.send(start(rotating, "s", GUEST))
        answer = await receive(guest)

    assert told == {"rotated": True, "closed": 1}
    assert said["type"] == "connection_error"
    assert said["payload"]["errors"][0]["errorCode"] == 401
    assert answer["type"] == "start_ack"


def slow(seconds: float) -> set[int]:
    time.sleep(seconds)
    return {1, 2}


async def test_the_users_own_clients_go_on_and_so_do_the_jobs(rotating: RunningBackend) -> None:
    states: list[str] = []
    async with JobClient(find_target(), group="g") as client:
        client.start()
        await until(client, lambda: client.connection.state == "connected")
        job = await client.submit(slow, 3)
        client.watch(lambda: states.append(client.connection.state))
        rotate(rotating)
        second = await client.submit(Command(["true"]))
        value = await job
        await second
        await until(client, lambda: client.connection.state == "connected")

    assert value == {1, 2}
    assert "auth_failed" not in states


@pytest.mark.parametrize("who", ["guest", "nobody"])
def test_nobody_else_changes_the_key(rotating: RunningBackend, who: str) -> None:
    status, told, _ = post(rotating, GUEST if who == "guest" else "da2-wrong", "/key")

    assert status == (403 if who == "guest" else 401)
    assert told["errors"]
    assert post(rotating, rotating.key)[0] == 200


def test_a_key_that_was_given_stays(hosting: RunningBackend) -> None:
    status, told, _ = post(hosting, hosting.key, "/key")

    assert status == 409
    assert "JUPYTER_JOBS_API_KEY; set another one there" in told["errors"][0]["message"]
    assert post(hosting, hosting.key)[0] == 200


def test_a_client_with_a_key_of_its_own_hears_that_it_is_refused(rotating: RunningBackend) -> None:
    kept = api_of(rotating, rotating.key)
    ask: Callable[[], object] = lambda: kept.run_sync(calls.page(None, limit=1))  # noqa: E731  # named for what it does
    ask()
    rotate(rotating)

    with pytest.raises(Unauthorized, match="not authorized"):
        ask()
    asyncio.run(kept.wire.aclose())
