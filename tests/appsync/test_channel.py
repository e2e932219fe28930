from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection as WebSocket
from websockets.http11 import Request, Response

from jupyter_jobs.appsync import channel, realtime
from jupyter_jobs.appsync.auth import ApiKeyAuth, TokenAuth, TokenVerifier
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.appsync.protocol import Refused
from tests.support.recorder import Recorder, link_of
from tests.support.server import KEY, UNAUTHORIZED, FakeAppSync, Peer, Start

AT_ONCE = Backoff(base_s=0.0)
NEVER = Backoff(base_s=1000.0, multiplier=1.0, cap_s=1000.0)


def timing(*, backoff: Backoff = AT_ONCE, recycle_after_s: float = 1e6) -> Timing:
    return Timing(close_s=0.2, linger_s=0.05, backoff=backoff, recycle_after_s=recycle_after_s)


def event(number: int) -> dict[str, object]:
    return {"data": {"onX": {"id": number}}}


@pytest.fixture(autouse=True)
def _recycles_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "RECYCLE_BACKOFF", Backoff(base_s=0.01, cap_s=0.01))


async def test_an_old_socket_is_replaced_without_a_word_and_without_a_loss(
    server: FakeAppSync,
) -> None:
    told, numbers = Recorder(), itertools.count()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.2))
    client.on_status(told.on_status)
    for _ in range(3):
        told.subscribe(client)
    await told.until(lambda: told.started >= 3)

    sent = 0
    while len(server.peers) < 3:
        sent = next(numbers)
        for peer in server.peers:
            if peer.websocket.state.name == "OPEN":
                await peer.publish(event(sent))
        await asyncio.sleep(0.005)

    await told.until(lambda: event(sent) in told.data)
    heard = {payload["data"]["onX"]["id"] for payload in told.data}
    assert heard == set(range(sent + 1))
    assert told.started >= 6
    assert told.states == ["connecting", "connected"]
    await server.peers[0].websocket.wait_closed()
    await client.aclose()


async def test_the_old_socket_stays_until_all_is_started_on_the_new_one(
    server: FakeAppSync,
) -> None:
    told = Recorder()
    waiting: list[tuple[Peer, Start]] = []

    def decide(peer: Peer, start: Start) -> None:
        if peer is server.peers[0] or len(peer.starts) == 1:
            peer.machine.accept(start.id)
        else:
            waiting.append((peer, start))

    server.on_start = decide
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.1))
    told.subscribe(client)
    told.subscribe(client)
    await told.until(lambda: told.started == 3)
    await server.until(lambda: waiting)

    await server.peers[0].publish(event(1))
    await told.until(lambda: told.data.count(event(1)) == 2)
    first = link_of(client)
    peer, start = waiting[0]
    peer.machine.accept(start.id)
    await peer.flush()
    await told.until(lambda: told.started == 4)
    await server.peers[0].websocket.wait_closed()

    assert link_of(client) is not first
    await client.aclose()


async def test_what_comes_while_a_socket_is_replaced_is_started_on_both(
    server: FakeAppSync,
) -> None:
    told, late = Recorder(), Recorder()
    waiting: list[Start] = []
    server.on_start = lambda peer, start: (
        peer.machine.accept(start.id)
        if peer is server.peers[0] or "late" in start.data
        else waiting.append(start)
    )
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.1))
    told.subscribe(client)
    await server.until(lambda: waiting)

    subscription = late.subscribe(client, id="late")
    await late.until(lambda: late.started == 2)
    subscription.close()
    await server.until(lambda: all(peer.heard[-1]["type"] == "stop" for peer in server.peers))

    assert late.ended == [None]
    await client.aclose()


async def test_an_old_socket_stays_while_there_is_no_new_one(server: FakeAppSync) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.1))
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)
    refused = 0

    async def refuse(websocket: WebSocket) -> None:
        nonlocal refused
        refused += 1
        await websocket.close()

    server.talk = refuse
    await server.until(lambda: refused >= 2)
    await server.peers[0].publish(event(1))
    await told.until(lambda: told.data)
    server.talk = None

    await told.until(lambda: told.started == 2)
    assert told.states == ["connecting", "connected"]
    await client.aclose()


async def test_a_new_socket_takes_over_at_once_when_the_old_one_dies(server: FakeAppSync) -> None:
    told, waiting = Recorder(), []
    server.on_start = lambda peer, start: (
        peer.machine.accept(start.id) if len(server.peers) == 1 else waiting.append((peer, start))
    )
    client = AppSyncClient(
        server.endpoint, ApiKeyAuth(KEY), timing=timing(backoff=NEVER, recycle_after_s=0.1)
    )
    client.on_status(told.on_status)
    told.subscribe(client)
    await server.until(lambda: waiting)
    second = client._shared._channels[0]._successor

    server.peers[0].cut()
    await server.peers[0].websocket.wait_closed()
    peer, start = waiting[0]
    peer.machine.accept(start.id)
    await peer.flush()
    await told.until(lambda: told.started == 2)

    assert link_of(client) is second
    assert told.states == ["connecting", "connected"]
    await client.aclose()


async def test_waking_ends_the_wait_for_the_network(server: FakeAppSync) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(backoff=NEVER))
    client.on_status(told.on_status)
    server.upgrade_status = 404
    told.subscribe(client)
    await told.until(lambda: client.status.state == "reconnecting")
    server.upgrade_status = None

    client._shared._channels[0].wake()

    await told.until(lambda: told.started)
    await client.aclose()


async def test_waking_finds_a_dead_peer_soon(
    server: FakeAppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "GRACE_S", 0.01)
    monkeypatch.setattr(realtime, "PROBE_S", 0.1)
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)
    server.peers[0].websocket.transport.pause_reading()

    client._shared._channels[0].wake()

    await told.until(lambda: told.started == 2)
    assert "a ping was not answered within 0.1 s" in {s.error for s in told.statuses}
    await client.aclose()


async def test_waking_leaves_a_live_peer_alone(
    server: FakeAppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "GRACE_S", 0.01)
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    told.subscribe(client)
    await told.until(lambda: told.started)

    client._shared._channels[0].wake()
    await link_of(client)._pump._probe

    assert len(server.peers) == 1
    assert client.status.state == "connected"
    await client.aclose()


async def test_other_credentials_end_the_wait_after_refused_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "AUTH_POLL_S", 0.01)
    tokens, asked = ["old"], asyncio.Semaphore(0)

    def token() -> str:
        asked.release()
        return tokens[0]

    async with FakeAppSync(verifier=TokenVerifier(lambda token: token == "new")) as server:
        told = Recorder()
        client = AppSyncClient(server.endpoint, TokenAuth(token), timing=timing())
        client.on_status(told.on_status)
        told.subscribe(client)
        await told.until(lambda: client.status.state == "auth_failed")
        for _ in range(6):
            await asked.acquire()
        assert len(server.peers) == 2
        assert "then monitor.reconnect()" in client.status.error

        tokens[0] = "new"
        await told.until(lambda: told.started)

        assert len(server.peers) == 3
        await client.aclose()


async def test_reconnect_during_an_attempt_that_fails_makes_another_at_once() -> None:
    asked, go = itertools.count(1), asyncio.Event()

    async def token() -> str:
        number = next(asked)
        if number == 2:
            await go.wait()
        return "old" if number <= 2 else "new"

    async with FakeAppSync(verifier=TokenVerifier(lambda token: token == "new")) as server:
        told = Recorder()
        client = AppSyncClient(server.endpoint, TokenAuth(token), timing=timing())
        client.on_status(told.on_status)
        told.subscribe(client)
        await told.until(lambda: len(told.states) == 2)  # connecting, reconnecting
        client.reconnect_now()
        go.set()

        await told.until(lambda: told.started)

        assert "auth_failed" in told.states
        assert len(server.peers) == 3
        await client.aclose()


async def test_fresh_credentials_are_asked_for_as_such(server: FakeAppSync) -> None:
    class Auth:
        identity = "renewing"

        def __init__(self) -> None:
            self.renewed: list[bool] = []

        def headers(self, attempt: object) -> dict[str, str]:
            self.renewed.append(attempt.renew)
            return {"Authorization": "new" if attempt.renew else "old"}

    server.verifier = TokenVerifier(lambda token: token == "new")
    told, auth = Recorder(), Auth()
    client = AppSyncClient(server.endpoint, auth, timing=timing())

    told.subscribe(client)
    await told.until(lambda: told.started)

    # The connection, then the start.
    assert auth.renewed == [False, True, False, True]
    await client.aclose()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_for_time_gets_it(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(self: FakeAppSync, websocket: WebSocket, request: Request) -> Response:
        response = websocket.respond(HTTPStatus(status), "busy")
        response.headers["Retry-After"] = "500"
        return response

    monkeypatch.setattr(FakeAppSync, "_process_request", busy)
    async with FakeAppSync() as server:
        told = Recorder()
        client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
        client.on_status(told.on_status)
        told.subscribe(client)
        await told.until(lambda: client.status.state == "reconnecting")

        assert f"HTTP {status}" in client.status.error
        assert client.status.retry_at is not None
        assert client.status.retry_at - client.status.since > 400
        await client.aclose()


async def test_a_socket_that_the_server_closes_is_replaced_whatever_its_code(
    server: FakeAppSync, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="jupyter_jobs.appsync")
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    told.subscribe(client)

    for number, code in enumerate((1000, 1001, 1008, 1011, 3001, 4401), start=1):
        await told.until(lambda: told.started == number)  # noqa: B023  awaited here
        await server.peers[-1].websocket.close(code)

    await told.until(lambda: told.started == 7)
    assert "4401" in caplog.text
    await client.aclose()


async def test_a_start_whose_credentials_stay_refused_waits_for_others_on_the_same_socket(
    server: FakeAppSync,
) -> None:
    tokens = ["good"]
    server.verifier = TokenVerifier(lambda token: token == "good")
    told, refused = Recorder(), Recorder()
    client = AppSyncClient(server.endpoint, TokenAuth(lambda: tokens[0]), timing=timing())
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)

    tokens[0] = "bad"
    refused.subscribe(client)
    await told.until(lambda: "auth_failed" in told.states)
    error = client.status.error
    await server.peers[0].publish(event(1))
    await told.until(lambda: told.data)
    tokens[0] = "good"
    client.reconnect_now()
    await refused.until(lambda: refused.started)

    assert "refused the credentials of a subscription" in error
    assert "monitor.reconnect()" in error
    assert refused.ended == []
    assert told.states == ["connecting", "connected", "auth_failed", "connected"]
    assert len(server.peers) == 1
    assert len(server.starts) == 4  # the other's, two with the bad token, one with the good
    await client.aclose()


async def test_a_start_that_waits_for_credentials_is_made_as_soon_as_there_are_others(
    server: FakeAppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "AUTH_POLL_S", 0.01)
    asked = itertools.count()
    tokens = ["good", "bad", *["bad"] * 10]
    server.verifier = TokenVerifier(lambda token: token == "good")
    told = Recorder()
    client = AppSyncClient(
        server.endpoint,
        TokenAuth(lambda: tokens[n] if (n := next(asked)) < len(tokens) else "good"),
        timing=timing(),
    )

    told.subscribe(client)
    await told.until(lambda: told.started)

    assert len(server.starts) == 3
    await client.aclose()


async def test_a_start_that_waits_for_credentials_can_be_given_up(server: FakeAppSync) -> None:
    tokens = itertools.chain(["good"], itertools.repeat("bad"))
    server.verifier = TokenVerifier(lambda token: token == "good")
    told = Recorder()
    client = AppSyncClient(server.endpoint, TokenAuth(lambda: next(tokens)), timing=timing())
    client.on_status(told.on_status)
    subscription = told.subscribe(client)
    await told.until(lambda: "auth_failed" in told.states)

    subscription.close()

    assert told.ended == [None]
    assert client.status.state == "connected"
    await client.aclose()


async def test_a_start_that_waits_for_credentials_is_made_anew_on_the_next_socket(
    server: FakeAppSync,
) -> None:
    tokens = itertools.chain(["good", "bad", "bad"], itertools.repeat("good"))
    server.verifier = TokenVerifier(lambda token: token == "good")
    told = Recorder()
    client = AppSyncClient(server.endpoint, TokenAuth(lambda: next(tokens)), timing=timing())
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: "auth_failed" in told.states)

    server.peers[0].cut()
    await told.until(lambda: told.started)

    assert client.status.state == "connected"
    assert len(server.peers) == 2
    await client.aclose()


async def test_a_new_socket_that_is_lost_too_early_leaves_the_old_one_in_use(
    server: FakeAppSync,
) -> None:
    told = Recorder()

    def decide(peer: Peer, start: Start) -> None:
        if len(server.peers) == 2:
            peer.cut()
        else:
            peer.machine.accept(start.id)

    server.on_start = decide
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.1))
    client.on_status(told.on_status)
    told.subscribe(client)
    await server.until(lambda: len(server.peers) >= 2)

    await server.peers[0].publish(event(1))

    await told.until(lambda: told.started >= 2)
    assert event(1) in told.data
    assert told.states == ["connecting", "connected"]
    assert len(server.peers) >= 3
    await client.aclose()


async def test_an_interrupt_that_hits_the_connection_begins_it_anew(server: FakeAppSync) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)
    channel_ = client._shared._channels[0]

    channel_._runner.get_loop().call_soon(link_of(client).running.cancel)

    await told.until(lambda: told.started == 2)
    assert told.states == ["connecting", "connected", "reconnecting", "connected"]
    await client.aclose()


async def test_a_start_that_waits_for_credentials_still_does_when_a_new_socket_was_lost(
    server: FakeAppSync,
) -> None:
    told, parked = Recorder(), Recorder()

    def decide(peer: Peer, start: Start) -> None:
        if peer is server.peers[0] and "parked" in start.data and len(peer.starts) < 4:
            peer.machine.refuse(start.id, [UNAUTHORIZED])
        elif peer is server.peers[0] or "parked" in start.data:
            peer.machine.accept(start.id)  # on the second socket the other one gets no answer

    server.on_start = decide
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.2))
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)
    parked.subscribe(client, id="parked")
    await told.until(lambda: client.status.state == "auth_failed")
    await parked.until(lambda: parked.started)

    server.upgrade_status = 404  # no third one
    server.peers[1].cut()
    await server.peers[1].websocket.wait_closed()
    await asyncio.sleep(0.05)
    waits = client.status.state
    client.reconnect_now()
    await parked.until(lambda: parked.started == 2)

    assert waits == "auth_failed"
    assert client.status.state == "connected"
    assert [len(peer.starts) for peer in server.peers] == [4, 2]
    await client.aclose()


async def test_a_start_that_is_refused_on_a_new_socket_alone_waits_for_credentials_there(
    server: FakeAppSync,
) -> None:
    told, refused = Recorder(), Recorder()
    accepts = False

    def decide(peer: Peer, start: Start) -> None:
        if peer is server.peers[0] or "refused" not in start.data or accepts:
            peer.machine.accept(start.id)
        else:
            peer.machine.refuse(start.id, [UNAUTHORIZED])

    server.on_start = decide
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.3))
    client.on_status(told.on_status)
    told.subscribe(client)
    refused.subscribe(client, id="refused")
    await refused.until(lambda: refused.started)

    await told.until(lambda: client.status.state == "auth_failed")
    await server.peers[0].websocket.wait_closed()
    accepts = True
    client.reconnect_now()
    await refused.until(lambda: refused.started == 2)

    assert client.status.state == "connected"
    assert told.started >= 2
    await client.aclose()


async def test_what_a_replaced_socket_still_says_ends_nothing(server: FakeAppSync) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(recycle_after_s=0.2))
    subscription = told.subscribe(client)
    await told.until(lambda: told.started)
    old, channel_ = link_of(client), client._shared._channels[0]
    await told.until(lambda: told.started == 2)
    await asyncio.wait({old.running})

    channel_._handle(old, Refused(subscription.key, [{"message": "Subscription ended."}], False))

    assert told.ended == []
    while not told.data:  # the newest socket may be one on which it is not started yet
        await server.peers[-1].publish(event(1))
        await asyncio.sleep(0.01)
    await client.aclose()


async def test_a_token_function_that_was_cancelled_is_asked_again(server: FakeAppSync) -> None:
    asked = itertools.count()
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()

    async def token() -> str:
        if next(asked) in (0, 2):  # for the connection, and for the first start on it
            await cancelled
        return "good"

    server.verifier = TokenVerifier(lambda token: token == "good")
    told = Recorder()
    client = AppSyncClient(server.endpoint, TokenAuth(token), timing=timing())
    client.on_status(told.on_status)

    told.subscribe(client)
    await told.until(lambda: told.started)

    assert "CancelledError" in {s.error for s in told.statuses if s.error}.pop()
    assert len(server.peers) == 1
    await client.aclose()


async def test_a_server_that_acknowledges_and_closes_is_tried_less_and_less(
    server: FakeAppSync,
) -> None:
    async def acknowledge(websocket: WebSocket) -> None:
        await websocket.recv()
        await websocket.send('{"type":"connection_ack","payload":{"connectionTimeoutMs":300000}}')
        await websocket.close()

    server.talk = acknowledge
    told = Recorder()
    short = Backoff(base_s=0.0001, cap_s=0.02)
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing(backoff=short))
    client.on_status(told.on_status)
    told.subscribe(client)

    await server.until(lambda: len(server.peers) >= 30)

    failed = [s.attempt for s in told.statuses if s.retry_at is not None]
    assert failed == list(range(1, len(failed) + 1))  # nothing begins the waits anew
    assert len(failed) >= 29
    await client.aclose()


async def test_a_text_frame_that_is_no_utf8_is_passed_over(server: FakeAppSync) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    told.subscribe(client)
    await told.until(lambda: told.started)

    await server.peers[0].websocket.send(b'{"type":"data","id":"\xff"}', text=True)
    await server.peers[0].publish(event(1))
    await told.until(lambda: event(1) in told.data)

    assert told.data == [{}, event(1)]  # the first asks for the present state
    assert len(server.peers) == 1
    await client.aclose()


async def test_a_frame_beyond_all_measure_costs_the_socket_and_a_large_one_does_not(
    server: FakeAppSync,
) -> None:
    told = Recorder()
    client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing())
    client.on_status(told.on_status)
    told.subscribe(client)
    await told.until(lambda: told.started)

    large = event(1) | {"more": "x" * (realtime.MAX_FRAME_BYTES - 1000)}
    await server.peers[0].publish(large)
    await told.until(lambda: told.data)
    await server.peers[0].publish(large | {"too": "y" * 1000})
    await told.until(lambda: told.started == 2)

    assert told.data == [large]
    assert "message too big" in " ".join(s.error for s in told.statuses)
    await client.aclose()


async def test_frames_may_come_compressed(server: FakeAppSync) -> None:
    told = Recorder()
    remote = dataclasses.replace(server.endpoint, is_loopback=False)
    client = AppSyncClient(remote, ApiKeyAuth(KEY), timing=timing())
    told.subscribe(client)
    await told.until(lambda: told.started)

    await server.peers[0].publish(event(1) | {"more": "x" * 100_000})
    await told.until(lambda: told.data)

    assert len(told.data[0]["more"]) == 100_000
    assert server.peers[0].websocket.protocol.extensions != []
    await client.aclose()
