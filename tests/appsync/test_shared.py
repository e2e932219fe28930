from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest
from websockets.asyncio.server import ServerConnection as WebSocket

from jupyter_jobs.appsync import backoff, link, shared
from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.protocol import Stale
from jupyter_jobs.appsync.protocol import client as protocol_client
from jupyter_jobs.appsync.shared import SharedConnection
from jupyter_jobs.appsync.subscription import Subscription
from jupyter_jobs.errors import SubscriptionRefused
from tests.support.recorder import Recorder, link_of
from tests.support.server import KEY, FakeAppSync, Peer, Start
from tests.support.story import FOREVER, TIMING, Story

EVENT = {"data": {"onX": {"id": "1"}}}


async def test_the_connection_opens_with_the_first_subscription(story: Story) -> None:
    assert story.client.status.state == "idle"

    story.told.subscribe(story.client, id="7")
    await story.until_started()

    assert story.told.states == ["connecting", "connected"]
    (peer,) = story.server.peers
    assert peer.authorization == {"host": story.server.endpoint.host, "x-api-key": KEY}
    (start,) = peer.starts
    assert start.authorization == peer.authorization
    assert json.loads(start.data)["variables"] == {"id": "7"}


async def test_events_reach_their_subscription(story: Story) -> None:
    other = Recorder()
    story.told.subscribe(story.client)
    other.subscribe(story.client)
    await story.until_started()
    await other.until(lambda: other.started)
    (peer,) = story.server.peers

    peer.machine.publish(peer.starts[0].id, EVENT)
    peer.machine.publish(peer.starts[1].id, {"data": None, "errors": [{"message": "m"}]})
    await peer.flush()

    await other.until(lambda: other.data)
    assert story.told.data == [EVENT]
    assert other.data == [{"data": None, "errors": [{"message": "m"}]}]


async def test_a_lost_socket_is_replaced_and_everything_starts_again(
    story: Story, waits: list[float]
) -> None:
    waits.append(0.0)
    for _ in range(3):
        story.told.subscribe(story.client)
    await story.until_started(3)

    story.server.peers[0].cut()
    await story.until_started(6)

    assert story.told.states == ["connecting", "connected", "reconnecting", "connected"]
    assert "the socket closed" in story.told.statuses[2].error
    assert len(story.server.peers) == 2
    assert len({start.id for start in story.server.starts}) == 6
    assert story.told.ended == []


async def test_a_wait_is_told_with_its_end_and_can_be_cut_short(
    story: Story, waits: list[float]
) -> None:
    story.told.subscribe(story.client)
    await story.until_started()

    story.server.peers[0].cut()
    await story.until_state("reconnecting")

    status = story.client.status
    assert status.attempt == 1
    assert status.retry_at is not None
    assert status.retry_at > time.time() + FOREVER / 2
    story.client.reconnect_now()
    await story.until_started(2)
    assert story.client.status.attempt == 0


async def test_attempts_that_fail_are_counted(story: Story, waits: list[float]) -> None:
    waits += [0.0, 0.0]
    story.server.upgrade_status = 404

    story.told.subscribe(story.client)
    await story.told.until(lambda: story.client.status.attempt == 3)

    assert story.client.status.state == "reconnecting"
    assert "HTTP 404" in story.client.status.error
    story.server.upgrade_status = None
    story.client.reconnect_now()
    await story.until_started()


async def test_a_connection_that_was_well_for_long_begins_again_with_short_waits(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Backoff, "delay", lambda self, failures, **_: asked.append(failures) or 0.0)
    story.told.subscribe(story.client)
    for times in (1, 2, 3):
        await story.until_started(times)
        story.server.peers[-1].cut()
    await story.until_started(4)
    assert asked == [1, 2, 3]

    monkeypatch.setattr(backoff, "HEALTHY_S", 0.0)
    story.server.peers[-1].cut()
    await story.until_started(5)

    assert asked == [1, 2, 3, 1]


async def test_a_server_of_another_protocol_is_left(story: Story, waits: list[float]) -> None:
    async def greet(websocket: WebSocket) -> None:
        await websocket.send("220 hello")
        await websocket.wait_closed()

    story.server.talk = greet

    story.told.subscribe(story.client)
    await story.until_state("reconnecting")

    assert "not of the AppSync real-time protocol" in story.client.status.error


@pytest.mark.parametrize("frame", ["nonsense", b"\xff\x00", "[]", '{"type":"data"}'])
async def test_a_frame_that_cannot_be_read_makes_all_look_at_the_present_state(
    story: Story, frame: str | bytes
) -> None:
    other = Recorder()
    story.told.subscribe(story.client)
    other.subscribe(story.client)
    await story.until_started()
    await other.until(lambda: other.started)

    await story.server.peers[0].websocket.send(frame)

    await other.until(lambda: other.data)
    assert (story.told.data, other.data) == ([{}], [{}])
    assert story.told.states == ["connecting", "connected"]


async def test_a_frame_of_a_newer_server_is_passed_over_with_a_word_in_the_log(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="jupyter_jobs.appsync")
    story.told.subscribe(story.client)
    await story.until_started()

    await story.server.peers[0].websocket.send('{"type":"news"}')
    await story.server.peers[0].publish(EVENT)
    await story.told.until(lambda: story.told.data)

    assert "passed over a frame of the unknown type 'news'" in caplog.text
    assert len(story.server.peers) == 1


async def test_a_silent_connection_is_stale_and_comes_back(
    server: FakeAppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol_client, "STALE_AFTER_S", 0.2)
    server._machine.update(keep_alive_s=1e6)
    story = Story(server, ApiKeyAuth(KEY))
    story.told.subscribe(story.client)
    await story.until_started()

    await story.until_state("stale")
    assert "silent" in story.client.status.error
    await server.peers[0].publish(EVENT)
    await story.until_state("connected")

    assert story.told.data == [EVENT]
    assert len(server.peers) == 1
    await story.client.aclose()


async def test_a_stale_connection_is_replaced_when_asked(
    server: FakeAppSync, waits: list[float]
) -> None:
    waits.append(0.0)
    server._machine.update(keep_alive_s=1e6, connection_timeout_ms=10_000)
    story = Story(server, ApiKeyAuth(KEY))
    story.told.subscribe(story.client)
    await story.until_started()
    link = link_of(story.client)
    link._handle(link, Stale())

    story.client.reconnect_now()

    await story.until_started(2)
    assert len(server.peers) == 2
    await story.client.aclose()


async def test_a_refused_subscription_ends_alone(story: Story) -> None:
    def decide(peer: Peer, start: Start) -> None:
        if "bad" in start.data:
            message = "Not Authorized to access onX on type Subscription"
            peer.machine.refuse(start.id, [{"errorType": "Unauthorized", "message": message}])
        else:
            peer.machine.accept(start.id)

    story.server.on_start = decide
    refused = Recorder()
    story.told.subscribe(story.client)
    refused.subscribe(story.client, id="bad")
    await refused.until(lambda: refused.ended)
    await story.until_started()

    (error,) = refused.ended
    assert isinstance(error, SubscriptionRefused)
    assert error.host == story.server.endpoint.host
    assert "Not Authorized to access onX" in str(error)
    await story.server.peers[0].publish(EVENT)
    await story.told.until(lambda: story.told.data)
    assert len(story.server.peers) == 1


async def test_closing_a_subscription_stops_it_at_the_server(story: Story) -> None:
    subscription = story.told.subscribe(story.client)
    story.told.subscribe(story.client)
    await story.until_started(2)
    (peer,) = story.server.peers

    subscription.close()
    subscription.close()

    assert story.told.ended == [None]
    assert repr(subscription).endswith(", closed)")
    await story.server.until(lambda: peer.heard[-1]["type"] == "stop")
    assert len(peer.machine.subscriptions) == 1


async def test_a_connection_that_nobody_uses_is_closed_after_a_while(story: Story) -> None:
    subscription = story.told.subscribe(story.client)
    await story.until_started()

    subscription.close()
    await story.until_state("idle")

    (peer,) = story.server.peers
    await peer.websocket.wait_closed()
    story.told.subscribe(story.client)
    await story.until_started(2)
    assert len(story.server.peers) == 2


async def test_a_connection_that_is_used_again_in_time_is_kept(story: Story) -> None:
    story.told.subscribe(story.client).close()
    subscription = story.told.subscribe(story.client)
    await story.until_started()
    subscription.close()

    story.told.subscribe(story.client)
    await story.until_started(2)
    await asyncio.sleep(TIMING.linger_s * 2)

    assert len(story.server.peers) == 1
    assert story.client.status.state == "connected"


async def test_a_wait_ends_when_nobody_is_left(story: Story, waits: list[float]) -> None:
    story.server.upgrade_status = 404
    subscription = story.told.subscribe(story.client)
    await story.until_state("reconnecting")

    subscription.close()

    await story.until_state("idle")


async def test_a_subscription_made_while_the_socket_dies_is_started_on_the_next(
    story: Story, waits: list[float]
) -> None:
    waits.append(0.0)
    story.told.subscribe(story.client)
    await story.until_started()
    link_of(story.client).connection.close()
    story.server.peers[0].cut()

    story.told.subscribe(story.client)

    await story.until_started(3)


async def test_a_callback_that_fails_is_logged_and_harms_nobody(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a mistake in a cell")

    story.client.on_status(fail)
    story.client.subscribe("subscription { onX }", on_started=fail, on_data=fail, on_ended=fail)
    story.told.subscribe(story.client)
    await story.until_started()

    for number in (1, 2):
        await story.server.peers[0].publish(EVENT)
        await story.told.until(lambda: len(story.told.data) == number)  # noqa: B023  awaited here

    assert caplog.text.count("a mistake in a cell") >= 4


async def test_a_connection_that_an_accident_ended_is_begun_again(
    story: Story,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    waits.append(0.0)
    monkeypatch.setattr(link, "ClientConnection", lambda **_: monkeypatch.undo() or 1 / 0)
    monkeypatch.setattr(Backoff, "delay", lambda self, failures, **_: 0.0)

    story.told.subscribe(story.client)
    await story.until_started()

    assert story.told.states == ["connecting", "reconnecting", "connected"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_loop_that_ends_takes_its_connection_along(server: FakeAppSync) -> None:
    def elsewhere() -> None:
        async def subscribe() -> None:
            story = Story(server, ApiKeyAuth(KEY))
            story.told.subscribe(story.client)
            await story.until_started()

        asyncio.run(subscribe())

    await asyncio.to_thread(elsewhere)

    await server.peers[0].websocket.wait_closed()
    assert len(server.peers) == 1


async def test_what_happens_to_the_connection_is_in_the_log(
    server: FakeAppSync, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="jupyter_jobs.appsync")
    waits.append(0.0)
    story = Story(server, ApiKeyAuth(KEY))
    subscription = story.told.subscribe(story.client)
    await story.until_started()
    story.server.peers[0].cut()
    await story.until_started(2)
    subscription.close()
    await story.until_state("idle")

    lines = [r.getMessage() for r in caplog.records if r.name == "jupyter_jobs.appsync"]
    assert lines[:2] == [
        "Creating shared AppSync WebSocket client",
        "✓ Shared AppSync client connected",
    ]
    assert "next attempt in 0.0 s" in lines[2]
    assert lines[4].endswith("nobody subscribes")
    await story.client.aclose()


async def test_what_the_first_connection_has_no_room_for_goes_to_a_further_one(
    waits: list[float],
) -> None:
    async with FakeAppSync(max_subscriptions=4) as server:
        story = Story(server, ApiKeyAuth(KEY))
        subscriptions = [story.told.subscribe(story.client) for _ in range(10)]
        await story.until_started(10)

        assert story.told.ended == []
        assert sorted(len(peer.machine.subscriptions) for peer in server.peers) == [2, 4, 4]
        assert story.client.status.state == "connected"
        for subscription in subscriptions[:-1]:
            subscription.close()
        for peer in server.peers[:2]:
            await peer.websocket.wait_closed()
        await server.peers[2].publish(EVENT)
        await story.told.until(lambda: story.told.data)
        assert story.client.status.state == "connected"
        await story.client.aclose()


async def test_a_hundred_and_one_subscriptions_have_two_connections(story: Story) -> None:
    for _ in range(101):
        story.told.subscribe(story.client)
    await story.until_started(101)

    assert [len(peer.machine.subscriptions) for peer in story.server.peers] == [100, 1]


async def test_a_server_that_holds_none_at_all_refuses_them_without_a_loop() -> None:
    async with FakeAppSync(max_subscriptions=0) as server:
        story = Story(server, ApiKeyAuth(KEY))
        for _ in range(30):
            story.told.subscribe(story.client)
        await story.told.until(lambda: len(story.told.ended) == 30)

        assert {type(error) for error in story.told.ended} == {SubscriptionRefused}
        assert sum(frame["type"] == "start" for peer in server.peers for frame in peer.heard) <= 30
        assert len(server.peers) <= 2
        await story.client.aclose()


async def test_a_channel_that_is_lost_shows_though_another_is_well(
    server: FakeAppSync, waits: list[float]
) -> None:
    server._machine.update(max_subscriptions=1)
    story = Story(server, ApiKeyAuth(KEY))
    story.told.subscribe(story.client)
    story.told.subscribe(story.client)
    await story.until_started(2)

    server.peers[1].cut()
    await story.until_state("reconnecting")

    story.client.reconnect_now()
    await story.until_started(3)
    assert story.client.status.state == "connected"
    await story.client.aclose()


async def test_a_state_knows_since_when_it_is(story: Story, waits: list[float]) -> None:
    began = time.time()
    story.told.subscribe(story.client)
    await story.until_started()
    since = story.client.status.since

    story.server.peers[0].cut()
    await story.until_state("reconnecting")

    assert began <= since <= story.client.status.since <= time.time()
    (connected,) = [s for s in story.told.statuses if s.state == "connected"]
    assert connected.since == since


async def test_a_machine_that_slept_is_noticed_by_its_clocks(
    server: FakeAppSync, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LOOK_EVERY_S", 0.02)
    slept = 0.0
    connection = SharedConnection(
        server.endpoint,
        ApiKeyAuth(KEY),
        TIMING,
        asyncio.get_running_loop(),
        wall=lambda: time.time() + slept,
    )
    connection.users = 1
    told = Recorder()
    connection.observe(told.on_status)
    subscription = Subscription(
        connection,
        "{}",
        on_started=told.on_started,
        on_data=told.on_data,
        on_ended=told.on_ended,
    )
    server.upgrade_status = 404
    connection.add(subscription)
    await told.until(lambda: connection.status.state == "reconnecting")
    server.upgrade_status = None

    slept = 3600.0

    await told.until(lambda: told.started)
    await connection.release()


async def test_those_that_end_together_may_close_each_other() -> None:
    async with FakeAppSync(max_subscriptions=0) as server:
        ended: list[int] = []
        story = Story(server, ApiKeyAuth(KEY))

        def end(number: int) -> None:
            ended.append(number)
            for subscription in subscriptions:
                subscription.close()

        subscriptions = [
            story.client.subscribe(
                "subscription { onX }",
                on_started=list,
                on_data=list,
                on_ended=lambda error, number=number: end(number),
            )
            for number in range(3)
        ]
        story.told.subscribe(story.client)
        await story.told.until(lambda: story.told.ended)

        assert sorted(ended) == [0, 1, 2]
        await story.client.aclose()
