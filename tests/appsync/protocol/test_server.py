from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_jobs.appsync.protocol import Closed, ServerConnection, Start, Stop
from jupyter_jobs.appsync.protocol.server import INIT_TIMEOUT_S

INIT = '{"type":"connection_init"}'
ACK = {"type": "connection_ack", "payload": {"connectionTimeoutMs": 300_000}}
KA = {"type": "ka"}


def start(id: str) -> str:
    return json.dumps(
        {
            "type": "start",
            "id": id,
            "payload": {"data": "{}", "extensions": {"authorization": {"X-Api-Key": "k"}}},
        }
    )


def sent(server: ServerConnection) -> list[dict[str, Any]]:
    return [json.loads(text) for text in server.data_to_send()]


def opened(**arguments: Any) -> ServerConnection:
    server = ServerConnection(**arguments)
    server.receive(INIT, 0.0)
    server.data_to_send()
    return server


def live(*ids: str, **arguments: Any) -> ServerConnection:
    server = opened(**arguments)
    for id_ in ids:
        server.receive(start(id_), 0.0)
        server.accept(id_)
    server.data_to_send()
    return server


def test_the_ack_is_followed_by_a_keep_alive_at_once_and_every_minute() -> None:
    server = ServerConnection()

    server.receive(INIT, 100.0)

    assert sent(server) == [ACK, KA]
    assert server.next_deadline() == 160.0
    assert server.tick(159.9) == []
    assert sent(server) == []
    server.tick(160.0)
    assert sent(server) == [KA]
    assert server.next_deadline() == 220.0


def test_the_timeout_that_the_ack_names_can_be_chosen() -> None:
    server = ServerConnection(connection_timeout_ms=7)

    server.receive(INIT, 0.0)

    assert sent(server)[0]["payload"] == {"connectionTimeoutMs": 7}


@pytest.mark.parametrize("text", [start("a"), '{"type":"stop","id":"a"}'])
def test_what_comes_before_the_ack_is_ignored(text: str) -> None:
    server = ServerConnection()

    assert server.receive(text, 0.0) == []
    assert sent(server) == []


def test_a_start_goes_to_the_application_with_its_authorization() -> None:
    server = opened()

    assert server.receive(start("a"), 0.0) == [Start("a", "{}", {"x-api-key": "k"})]
    assert sent(server) == []
    assert server.accept("a")
    assert sent(server) == [{"id": "a", "type": "start_ack"}]
    assert server.subscriptions == ("a",)


def test_a_refused_start_gets_its_errors_and_is_forgotten() -> None:
    server = opened()
    server.receive(start("a"), 0.0)

    assert server.refuse("a", [{"message": "no"}])

    assert sent(server) == [
        {"id": "a", "type": "error", "payload": {"errors": [{"message": "no"}]}}
    ]
    assert server.subscriptions == ()
    assert not server.accept("a")


@pytest.mark.parametrize("is_live", [False, True])
def test_an_id_in_use_is_refused_and_the_one_that_uses_it_goes_on(is_live: bool) -> None:
    server = opened()
    server.receive(start("a"), 0.0)
    if is_live:
        server.accept("a")
        server.data_to_send()

    assert server.receive(start("a"), 0.0) == []

    (error,) = sent(server)
    assert (error["id"], error["payload"]["errors"][0]["errorType"]) == (
        "a",
        "DuplicatedOperationError",
    )
    assert server.subscriptions == ("a",)


def test_pending_starts_count_towards_the_limit() -> None:
    server = opened(max_subscriptions=2)
    server.receive(start("a"), 0.0)
    server.receive(start("b"), 0.0)

    assert server.receive(start("c"), 0.0) == []

    message = "Max number of 2 subscriptions reached"
    error = {"errorType": "MaxSubscriptionsReachedError", "message": message}
    assert sent(server) == [{"id": "c", "type": "error", "payload": {"errors": error}}]
    server.receive('{"type":"stop","id":"a"}', 0.0)
    assert server.receive(start("d"), 0.0) != []


def test_events_go_to_live_subscriptions_only() -> None:
    server = live("a")
    server.receive(start("b"), 0.0)

    assert server.publish("a", {"data": {"onX": 1}})
    assert server.publish("a", '{"data":{"onX":2}}')
    assert not server.publish("b", {})
    assert not server.publish("c", {})

    assert [frame["payload"]["data"]["onX"] for frame in sent(server)] == [1, 2]


def test_a_stop_is_answered_each_time_and_told_once() -> None:
    server = live("a")
    stop = '{"type":"stop","id":"a"}'

    assert server.receive(stop, 0.0) == [Stop("a")]
    assert server.receive(stop, 0.0) == []

    assert sent(server) == [{"id": "a", "type": "complete"}] * 2
    assert not server.publish("a", {})


def test_a_start_that_was_stopped_while_it_was_decided_stays_stopped() -> None:
    server = opened()
    server.receive(start("a"), 0.0)
    server.receive('{"type":"stop","id":"a"}', 0.0)
    server.data_to_send()

    assert not server.accept("a")
    assert not server.refuse("a", [])
    assert sent(server) == []


def test_an_answer_is_given_once() -> None:
    server = live("a")

    assert not server.accept("a")
    assert sent(server) == []


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "{}", '{"type":"ka"}', '{"type":"what"}', INIT, '{"type":"start","id":"a"}'],
)
def test_what_cannot_be_understood_is_answered_and_harms_nobody(text: str) -> None:
    server = live("a")

    assert server.receive(text, 0.0) == []

    (frame,) = sent(server)
    assert (frame["id"], frame["payload"]["errors"][0]["errorType"]) == ("", "UnsupportedOperation")
    assert server.publish("a", {})


def test_a_rejected_connection_says_why_and_closes() -> None:
    server = ServerConnection()
    errors = [{"errorType": "UnauthorizedException", "message": "no", "errorCode": 401}]

    server.reject(errors)
    server.reject(errors)

    assert sent(server) == [{"type": "connection_error", "payload": {"errors": errors}}]
    assert server.closed
    assert server.receive(INIT, 0.0) == []
    assert server.tick(1e9) == []
    assert server.next_deadline() is None


def test_a_client_that_says_nothing_is_closed() -> None:
    server = ServerConnection()
    assert server.next_deadline() is None
    assert server.tick(5.0) == []

    assert server.next_deadline() == 5.0 + INIT_TIMEOUT_S
    assert server.tick(5.0 + INIT_TIMEOUT_S) == [Closed("no connection_init within 30 s")]
    assert server.closed


def test_a_connection_is_closed_at_its_age_however_busy() -> None:
    server = live("a", max_age_s=90.0)
    server.tick(60.0)

    assert server.next_deadline() == 90.0
    assert server.tick(90.0) == [Closed("the connection is 90 s old")]
    assert server.subscriptions == ()
    assert not server.publish("a", {})
