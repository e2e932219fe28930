from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from jupyter_jobs.appsync import shared
from jupyter_jobs.appsync.auth import AnyOf, ApiKeyAuth, ApiKeyVerifier, TokenAuth, TokenVerifier
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import (
    ConfigurationError,
    LocalProtocolError,
    MonitorClosed,
    RequestRefused,
)
from tests.support.recorder import Recorder
from tests.support.server import KEY, Answer, FakeAppSync

TIMING = Timing(close_s=0.2, linger_s=0.05)
EVENT = {"data": {"onX": {"id": "1"}}}


def make(server: FakeAppSync, key: str = KEY) -> AppSyncClient:
    return AppSyncClient(server.endpoint, ApiKeyAuth(key), timing=TIMING)


async def test_operations_run_from_the_loop_and_from_any_thread(server: FakeAppSync) -> None:
    async with make(server) as client:
        assert await client.execute("query Q { x }", {"a": None}, idempotent=True) == {"ok": True}
        assert await asyncio.to_thread(client.execute_sync, "query Q { x }") == {"ok": True}

    assert [post.body["variables"] for post in server.posts] == [{"a": None}, {}]


async def test_a_refusal_is_raised_where_it_was_caused(server: FakeAppSync) -> None:
    server.answers = [Answer({"data": {"x": None}, "errors": [{"message": "no x"}]})] * 2
    async with make(server) as client:
        with pytest.raises(RequestRefused, match="no x"):
            await client.execute("mutation { x }")
        with pytest.raises(RequestRefused, match="no x"):
            await asyncio.to_thread(client.execute_sync, "mutation { x }")


async def test_clients_of_one_api_share_one_connection(server: FakeAppSync) -> None:
    clients = [make(server) for _ in range(3)]
    recorders = [Recorder() for _ in clients]
    for client, recorder in zip(clients, recorders, strict=True):
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)  # noqa: B023  awaited here

    assert len(server.peers) == 1
    await server.peers[0].publish(EVENT)
    for recorder in recorders:
        await recorder.until(lambda: recorder.data)  # noqa: B023  awaited here

    await clients[0].aclose()
    await clients[1].aclose()
    assert recorders[0].ended == [None]
    assert recorders[2].ended == []
    assert clients[2].status.state == "connected"
    await clients[2].aclose()
    await server.peers[0].websocket.wait_closed()


async def test_other_credentials_have_another_connection(server: FakeAppSync) -> None:
    server.verifier = AnyOf([ApiKeyVerifier([KEY, "other"]), TokenVerifier(lambda token: True)])
    auths = [ApiKeyAuth(KEY), ApiKeyAuth("other"), TokenAuth("jwt"), TokenAuth(lambda: "jwt")]
    clients = [AppSyncClient(server.endpoint, auth, timing=TIMING) for auth in auths]

    for client in clients:
        recorder = Recorder()
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)  # noqa: B023  awaited here

    assert len(server.peers) == 4
    for client in clients:
        await client.aclose()


async def test_another_loop_has_another_connection(server: FakeAppSync) -> None:
    recorder = Recorder()
    client = make(server)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)

    async def elsewhere() -> None:
        other = Recorder()
        async with make(server) as client:
            other.subscribe(client)
            await other.until(lambda: other.started)

    await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    assert len(server.peers) == 2
    await client.aclose()


async def test_a_client_that_is_forgotten_leaves_nothing_behind(server: FakeAppSync) -> None:
    before = set(shared._registry)
    client = make(server)
    client.on_status(print)
    connection = weakref.ref(client._shared)

    del client
    gc.collect()

    assert connection() is None
    assert set(shared._registry) <= before


async def test_a_connection_that_was_closed_is_not_shared_again(server: FakeAppSync) -> None:
    for _ in range(2):
        recorder = Recorder()
        async with make(server) as client:
            recorder.subscribe(client)
            await recorder.until(lambda: recorder.started)  # noqa: B023  awaited here

    assert len(server.peers) == 2


async def test_a_client_that_comes_while_the_last_one_goes_gets_its_own(
    server: FakeAppSync,
) -> None:
    recorder, late = Recorder(), Recorder()
    client, other = make(server), make(server)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)

    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0)
    late.subscribe(other)
    await closing

    await late.until(lambda: late.started)
    assert other.status.state == "connected"
    await other.aclose()


async def test_closing_ends_what_is_subscribed_and_tells(server: FakeAppSync) -> None:
    recorder = Recorder()
    client = make(server)
    client.on_status(recorder.on_status)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)

    await client.aclose()
    await client.aclose()

    assert recorder.ended == [None]
    assert recorder.states == ["connecting", "connected", "closed"]
    assert client.status.state == "closed"


async def test_a_close_that_nobody_waits_for_still_closes_everything(server: FakeAppSync) -> None:
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=TIMING)
    recorder = Recorder()
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    await client.execute("query { x }")
    transport = client._http._async

    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert transport.is_closed
    await server.peers[0].websocket.wait_closed()


async def test_one_client_of_several_is_told_of_its_own_end(server: FakeAppSync) -> None:
    one, other = Recorder(), Recorder()
    client, stays = make(server), make(server)
    client.on_status(one.on_status)
    stays.on_status(other.on_status)
    other.subscribe(stays)
    await other.until(lambda: other.started)

    await client.aclose()

    assert one.states == ["connecting", "connected", "closed"]
    assert other.states == ["connecting", "connected"]
    await stays.aclose()


async def test_an_observer_can_leave(server: FakeAppSync) -> None:
    recorder = Recorder()
    client = make(server)
    leave = client.on_status(recorder.on_status)

    leave()
    leave()

    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    await client.aclose()
    assert recorder.statuses == []


async def test_a_closed_client_says_so(server: FakeAppSync) -> None:
    client = make(server)
    await client.aclose()

    with pytest.raises(MonitorClosed, match=r"127\.0\.0\.1.*make a new one"):
        Recorder().subscribe(client)
    with pytest.raises(MonitorClosed):
        client.on_status(print)
    with pytest.raises(MonitorClosed):
        await client.execute("query { x }")
    client.reconnect_now()


async def test_a_client_is_bound_to_the_loop_it_was_first_used_on(server: FakeAppSync) -> None:
    client = make(server)
    client.on_status(print)

    async def elsewhere() -> None:
        client.on_status(print)

    with pytest.raises(LocalProtocolError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
    with pytest.raises(LocalProtocolError, match="call_soon_threadsafe"):
        await asyncio.to_thread(client.on_status, print)
    with pytest.raises(LocalProtocolError, match="call_soon_threadsafe"):
        await asyncio.to_thread(make(server).on_status, print)
    await client.aclose()


@pytest.mark.parametrize("auth", ["da2-key", None, {"x-api-key": "da2-key"}])
def test_a_bare_key_is_no_authorization(auth: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ApiKeyAuth\(…\)") as error:
        AppSyncClient("https://api.example.com/graphql", auth)

    assert "da2" not in str(error.value)


def test_a_timeout_must_leave_time() -> None:
    with pytest.raises(ConfigurationError, match="more than 0"):
        AppSyncClient("https://api.example.com/graphql", ApiKeyAuth("k"), timeout=0)


def test_a_client_is_made_without_a_loop_and_shows_no_key() -> None:
    client = AppSyncClient("https://api.example.com/graphql", ApiKeyAuth(KEY))

    assert client.endpoint == Endpoint.parse("https://api.example.com/graphql")
    assert client.status.state == "idle"
    client.reconnect_now()
    assert repr(client) == "AppSyncClient('api.example.com', ApiKeyAuth)"


def test_importing_loads_neither_httpx_nor_websockets() -> None:
    program = "import sys, jupyter_jobs.appsync.client; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"httpx", "websockets"} & set(loaded) == set()


async def test_no_thread_is_left_behind(server: FakeAppSync) -> None:
    async def token() -> str:
        return "jwt"

    before = set(threading.enumerate())
    client = AppSyncClient(server.endpoint, TokenAuth(token), timing=TIMING)
    thread = threading.Thread(target=client.execute_sync, args=("query { x }",))
    thread.start()
    await server.until(lambda: server.posts)
    await asyncio.to_thread(thread.join)
    await client.aclose()

    left = set(threading.enumerate()) - before
    assert [t.name for t in left if not t.name.startswith("asyncio_")] == []


async def test_other_credentials_move_all_that_is_subscribed(server: FakeAppSync) -> None:
    server.verifier = ApiKeyVerifier([KEY, "other"])
    recorder, stays = Recorder(), Recorder()
    client, neighbour = make(server), make(server)
    client.on_status(recorder.on_status)
    recorder.subscribe(client)
    stays.subscribe(neighbour)
    await recorder.until(lambda: recorder.started)
    await stays.until(lambda: stays.started)

    client.reauthorize(ApiKeyAuth("other"))
    await recorder.until(lambda: recorder.started == 2)
    await client.execute("query { x }")

    assert server.peers[1].authorization["x-api-key"] == "other"
    assert server.posts[-1].headers["x-api-key"] == "other"
    assert recorder.ended == []
    assert recorder.states == ["connecting", "connected", "connecting", "connected"]
    assert (stays.started, neighbour.status.state) == (1, "connected")
    await client.aclose()
    await neighbour.aclose()
    assert recorder.states[-1] == "closed"


async def test_other_credentials_resume_after_refused_ones(server: FakeAppSync) -> None:
    recorder = Recorder()
    client = make(server, key="wrong")
    client.on_status(recorder.on_status)
    recorder.subscribe(client)
    await recorder.until(lambda: client.status.state == "auth_failed")

    client.reauthorize(ApiKeyAuth(KEY))

    await recorder.until(lambda: recorder.started)
    await client.aclose()


async def test_other_credentials_before_the_first_use_are_simply_used(server: FakeAppSync) -> None:
    client = make(server, key="wrong")

    client.reauthorize(ApiKeyAuth(KEY))

    recorder = Recorder()
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    with pytest.raises(ConfigurationError, match="auth must be"):
        client.reauthorize("da2-…")  # type: ignore[arg-type]  # what a user may write
    await client.aclose()


async def test_clients_share_a_connection_whatever_their_timing(server: FakeAppSync) -> None:
    one, other = Recorder(), Recorder()
    client = make(server)
    impatient = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=Timing(linger_s=0.01))
    one.subscribe(client)
    other.subscribe(impatient)
    await one.until(lambda: one.started)
    await other.until(lambda: other.started)

    assert len(server.peers) == 1
    await client.aclose()
    await impatient.aclose()


@pytest.mark.parametrize("wrong", [{"max_retries": -1}, {"retry_delay": -0.1}])
def test_retries_cannot_be_negative(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="0 or more"):
        AppSyncClient("https://api.example.com/graphql", ApiKeyAuth("k"), **wrong)


@pytest.mark.parametrize("end", ["pass", "loop.close()", "loop.close(); del client; gc.collect()"])
def test_a_loop_that_just_stops_or_is_closed_leaves_no_noise(end: str) -> None:
    program = f"""
import asyncio
import gc
from tests.support.recorder import Recorder
from tests.support.server import KEY, FakeAppSync, in_thread
from jupyter_jobs.appsync import ApiKeyAuth, AppSyncClient

async def subscribe(endpoint):
    recorder, client = Recorder(), AppSyncClient(endpoint, ApiKeyAuth(KEY))
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    await client.execute("query {{ x }}")
    return client

server = FakeAppSync()
with in_thread(server) as run:
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(subscribe(server.endpoint))
    {end}
print("done")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )

    assert (ended.stdout, ended.stderr) == ("done\n", "")
