from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection as WebSocket
from websockets.http11 import Request, Response

from jupyter_jobs.appsync import realtime, shared, wakes
from jupyter_jobs.appsync.auth import ApiKeyAuth, TokenAuth
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import subscriptions
from jupyter_jobs.appsync.realtime import open_websocket
from jupyter_jobs.appsync.timing import LATE_S
from jupyter_jobs.errors import ConnectionLost, Unauthorized
from tests.support.recorder import Recorder, link_of
from tests.support.server import KEY, FakeAppSync, in_thread

QUICK = Timing(ping_every_s=0.05, pong_within_s=0.1, close_s=0.2, linger_s=0.05)
PATIENT = replace(QUICK, pong_within_s=0.3)
"""Where no connection may be lost though the machine is busy, and one would be by a cell that blocks."""
EVENT = {"data": {"onX": {"id": "1"}}}


@pytest.mark.usefixtures("short_grace")
async def test_a_blocked_loop_keeps_its_connection_and_reads_what_has_come() -> None:
    server = FakeAppSync(keep_alive_s=1e6, connection_timeout_ms=800)
    with in_thread(server) as run:
        recorder = Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=PATIENT)
        client.on_status(recorder.on_status)
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)

        for _ in range(3):
            run(server.peers[0].publish(EVENT))
            time.sleep(LATE_S + 0.5)  # noqa: ASYNC251  the cell that blocks
            run(server.peers[0].publish(EVENT))

        await recorder.until(lambda: len(recorder.data) == 6)
        assert len(server.peers) == 1
        assert recorder.states == ["connecting", "connected"]
        await client.aclose()


async def test_a_cell_that_blocks_while_a_start_waits_does_not_start_it_again() -> None:
    server = FakeAppSync()
    with in_thread(server) as run:
        pending: list[str] = []
        server.on_start = lambda peer, start: pending.append(start.id)
        recorder = Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=PATIENT)
        recorder.subscribe(client)
        await asyncio.to_thread(run, server.until(lambda: pending))
        pump, loop = link_of(client)._pump, asyncio.get_running_loop()
        (operation,) = pump.connection._subscriptions._in_flight.values()
        operation.deadline = loop.time() + 0.1
        pump.settle([])

        time.sleep(LATE_S + 0.5)  # noqa: ASYNC251  the cell that blocks
        server.peers[0].machine.accept(pending[0])
        run(server.peers[0].flush())

        await recorder.until(lambda: recorder.started)
        assert pending == [operation.id]
        await client.aclose()


async def test_a_peer_that_answers_no_ping_is_left_for_another(server: FakeAppSync) -> None:
    recorder = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=QUICK)
    client.on_status(recorder.on_status)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)

    server.peers[0].websocket.transport.pause_reading()

    await recorder.until(lambda: recorder.started == 2)
    assert "a ping was not answered within 0.1 s" in {s.error for s in recorder.statuses}
    await client.aclose()


async def test_events_are_as_good_as_a_pong(server: FakeAppSync) -> None:
    recorder = Recorder()
    timing = Timing(ping_every_s=0.01, pong_within_s=0.3, close_s=0.2)
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    server.peers[0].websocket.transport.pause_reading()

    for number in range(1, 31):
        await server.peers[0].publish(EVENT)
        await recorder.until(lambda: len(recorder.data) == number)  # noqa: B023  awaited here
        await asyncio.sleep(0.02)

    assert len(server.peers) == 1
    await client.aclose()


async def test_a_flood_leaves_the_loop_to_others(server: FakeAppSync) -> None:
    recorder, turns, flood = Recorder(), 0, 20_000
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=QUICK)
    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    peer = server.peers[0]
    (id_,) = peer.machine.subscriptions
    for _ in range(flood):
        peer.machine.publish(id_, EVENT)
    publishing = asyncio.create_task(peer.flush())

    while len(recorder.data) < flood:
        turns += 1
        await asyncio.sleep(0)

    assert turns > 5
    await publishing
    await client.aclose()


async def test_closing_does_not_wait_for_a_flood_to_be_read() -> None:
    async def flood(websocket: WebSocket) -> None:
        await websocket.send('{"type":"connection_ack"}')
        websocket.transport.pause_reading()
        for number in range(20_000):
            await websocket.send('{"type":"ka"}')
            if number % 100 == 0:
                await asyncio.sleep(0)  # a send that finds room does not give the loop away
        await websocket.wait_closed()

    async with FakeAppSync() as server:
        server.talk = flood
        recorder = Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=QUICK)
        client.on_status(recorder.on_status)
        recorder.subscribe(client)
        await recorder.until(lambda: "connected" in recorder.states)

        async with asyncio.timeout(10):
            await client.aclose()

        assert client.status.state == "closed"


async def test_closing_leaves_thousands_of_events_unread_and_nothing_alive() -> None:
    server, before = FakeAppSync(), asyncio.all_tasks()
    with in_thread(server) as run:
        recorder = Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=QUICK)
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)

        async def flood() -> None:
            peer = server.peers[0]
            for _ in range(5_000):
                peer.machine.publish(peer.machine.subscriptions[0], EVENT)
            await peer.flush()

        run(flood())  # blocks this loop, so all of them wait in buffers
        async with asyncio.timeout(10):
            await client.aclose()

        assert len(recorder.data) < 5_000
        assert asyncio.all_tasks() == before
        run(server.peers[0].websocket.wait_closed())


async def test_frames_are_logged_with_arrows_and_without_secrets(
    server: FakeAppSync, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.WARNING)
    recorder = Recorder()
    token = "opaque-token-of-no-known-shape"
    server.verifier = type("Yes", (), {"verify": lambda *_: None})()
    client = AppSyncClient(server.endpoint, TokenAuth(token), timing=QUICK)

    recorder.subscribe(client)
    await recorder.until(lambda: recorder.started)
    await client.aclose()

    lines = [r.getMessage() for r in caplog.records if r.name.startswith("jupyter_jobs")]
    assert '> {"type":"connection_init"}' in lines
    assert '< {"type":"ka"}' in lines
    assert any(line.startswith("= ConnectionStatus(state=") for line in lines)
    assert server.starts[0].authorization["authorization"] == token
    assert token not in caplog.text
    assert "header-" not in caplog.text.replace("header-[hidden]", "")


@pytest.mark.parametrize("status", [401, 403])
async def test_an_upgrade_that_is_refused_for_its_credentials_says_so(
    server: FakeAppSync, status: int
) -> None:
    server.upgrade_status = status

    with pytest.raises(Unauthorized, match=rf"127\.0\.0\.1.*HTTP {status}"):
        await open_websocket(server.endpoint, {"x-api-key": KEY}, QUICK)


async def test_an_upgrade_that_is_refused_otherwise_points_to_the_url(server: FakeAppSync) -> None:
    server.upgrade_status = 404

    with pytest.raises(ConnectionLost, match=r"HTTP 404.*check the URL") as error:
        await open_websocket(server.endpoint, {}, QUICK)

    assert error.value.__cause__ is not None


async def test_credentials_do_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeAppSync() as thief:

        async def redirect(self: FakeAppSync, websocket: WebSocket, request: Request) -> Response:
            response = websocket.respond(302, "")  # type: ignore[arg-type]  # a status is an int
            response.headers["Location"] = thief.endpoint.realtime
            return response

        monkeypatch.setattr(FakeAppSync, "_process_request", redirect)
        async with FakeAppSync() as redirecting:
            with pytest.raises(ConnectionLost, match="HTTP 302"):
                await open_websocket(redirecting.endpoint, {"x-api-key": KEY}, QUICK)

        assert thief.peers == []


async def test_the_upgrade_names_its_own_host_and_the_authorization_that_of_graphql(
    server: FakeAppSync,
) -> None:
    recorder = Recorder()
    async with AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=QUICK) as client:
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)

    (peer,) = server.peers
    assert peer.websocket.request is not None
    hosts = peer.websocket.request.headers.get_all("host")
    assert hosts == [server.endpoint.realtime.split("/")[2]]
    assert peer.authorization is not None
    assert peer.authorization["host"] == server.endpoint.host != hosts[0]


async def test_the_environments_proxy_is_not_asked_for_this_machine(
    server: FakeAppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")

    websocket = await open_websocket(server.endpoint, {"x-api-key": KEY}, QUICK)

    assert websocket.subprotocol == "graphql-ws"
    assert server.peers[0].authorization == {"x-api-key": KEY}
    await websocket.close()


@pytest.mark.parametrize("realtime_url", [None, "wss://nowhere.invalid/graphql/realtime"])
async def test_a_host_that_is_not_there_is_named(realtime_url: str | None) -> None:
    host = "nowhere.invalid" if realtime_url is None else "api.invalid"
    endpoint = Endpoint.parse(f"https://{host}/graphql", realtime_url)

    with pytest.raises(ConnectionLost, match=r"no connection to nowhere\.invalid"):
        await open_websocket(endpoint, {}, QUICK)


@pytest.mark.usefixtures("short_grace")
async def test_a_cell_that_outlasts_every_patience_costs_nothing_at_a_healthy_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name, seconds in (
        (shared, "LOOK_EVERY_S", 0.05),
        (wakes, "LOOK_EVERY_S", 0.05),
        (wakes, "BLOCKED_S", 0.5),  # so each block is also looked into
        (realtime, "PROBE_S", 0.6),
        (subscriptions, "START_ACK_TIMEOUT_S", 1.0),
    ):
        monkeypatch.setattr(module, name, seconds)
    server = FakeAppSync(keep_alive_s=0.1, connection_timeout_ms=1600)
    with in_thread(server) as run:
        recorder, late = Recorder(), Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=PATIENT)
        client.on_status(recorder.on_status)
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)

        for number in range(1, 3):
            late.subscribe(client)  # its start is on its way when the loop stops
            await asyncio.sleep(0)
            time.sleep(2.0)  # noqa: ASYNC251  the cell that blocks
            run(server.peers[0].publish(EVENT))
            await late.until(lambda: late.started == number)  # noqa: B023  awaited here
            await recorder.until(lambda: len(recorder.data) == number)  # noqa: B023
            await link_of(client)._pump._probe

        assert len(server.peers) == 1
        assert len(server.starts) == 3
        assert recorder.states == ["connecting", "connected"]
        await client.aclose()
