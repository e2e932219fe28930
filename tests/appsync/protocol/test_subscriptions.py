"""The client's book of starts, driven through the whole machine."""

from __future__ import annotations

import json

import pytest

from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    ClientEvent,
    Consequence,
    Full,
    Ignored,
    NeedsAuthorization,
    Received,
    Refused,
    Started,
)
from jupyter_jobs.appsync.protocol.subscriptions import (
    MAX_IN_FLIGHT,
    MAX_OPERATIONS,
    START_ACK_TIMEOUT_S,
)
from tests.support.pair import AUTHORIZATION, DATA, ConnectionPair

EXPIRED = {"errorType": "UnauthorizedException", "message": "Token has expired."}
DENIED = {"errorType": "UnauthorizedException", "message": "Permission denied"}


@pytest.fixture
def pair() -> ConnectionPair:
    """A connection that is open."""
    return ConnectionPair().open()


def sent(pair: ConnectionPair) -> list[tuple[str, str]]:
    """What the client has sent since the ack, as (type, id)."""
    frames = [json.loads(text) for text in pair.to_server[1:]]
    return [(frame["type"], frame["id"]) for frame in frames]


def said(type: str, id: str | None, error: object = None) -> str:
    frame: dict[str, object] = {"type": type}
    if id is not None:
        frame["id"] = id
    if error is not None:
        frame["payload"] = {"errors": error}
    return json.dumps(frame)


def test_events_come_between_start_and_stop(pair: ConnectionPair) -> None:
    assert pair.subscribe("a") == [Started("a")]
    pair.server.publish("s1", {"data": {"onX": 1}})
    assert pair.pump() == [Received("a", {"data": {"onX": 1}})]

    assert pair.stop("a") == []

    assert sent(pair) == [("start", "s1"), ("stop", "s1")]
    assert pair.server.subscriptions == ()
    assert pair.hear(said("data", "s1")) == [Ignored("data for a subscription that has ended")]


def test_a_start_carries_the_authorization_made_for_it(pair: ConnectionPair) -> None:
    pair.subscribe("a")

    frame = json.loads(pair.to_server[-1])
    assert frame["payload"]["extensions"] == {"authorization": AUTHORIZATION}


def test_an_event_may_overtake_the_start_ack(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    assert pair.hear(said("data", "s1")) == [Received("a", {})]
    assert pair.hear(said("start_ack", "s1")) == [Started("a")]


def test_at_most_ten_starts_are_in_flight(pair: ConnectionPair) -> None:
    pair.accepts = False
    for number in range(25):
        pair.subscribe(f"k{number}")
    assert len(sent(pair)) == MAX_IN_FLIGHT

    pair.server.accept("s1")
    pair.pump()

    assert len(sent(pair)) == MAX_IN_FLIGHT + 1
    pair.accepts = True
    for number in range(2, 12):
        pair.server.accept(f"s{number}")
    pair.pump()
    assert len(pair.server.subscriptions) == 25


def test_starts_that_wait_for_credentials_are_in_flight_too(pair: ConnectionPair) -> None:
    pair.authorizes = False
    for number in range(25):
        pair.subscribe(f"k{number}")

    asked = [event for event in pair.client_events if isinstance(event, NeedsAuthorization)]
    assert len(asked) == MAX_IN_FLIGHT


def test_a_start_without_answer_is_made_again_under_a_new_id(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    pair.wait(START_ACK_TIMEOUT_S - 0.1)
    assert sent(pair) == [("start", "s1")]
    pair.accepts = True
    assert pair.wait(1) == [Started("a")]

    assert sent(pair) == [("start", "s1"), ("start", "s2")]


@pytest.mark.parametrize("answer", ["start_ack", "data"])
def test_a_start_that_answers_too_late_is_stopped(pair: ConnectionPair, answer: str) -> None:
    pair.loses = lambda text: "start_ack" in text and "s1" in text
    pair.subscribe("a")
    pair.wait(START_ACK_TIMEOUT_S + 1)
    assert pair.server.subscriptions == ("s1", "s2")
    pair.loses = lambda text: False

    assert pair.hear(said(answer, "s1")) == []

    assert sent(pair)[-1] == ("stop", "s1")
    assert pair.server.subscriptions == ("s2",)


def test_a_start_that_is_refused_too_late_harms_nobody(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")
    pair.accepts = True
    pair.wait(START_ACK_TIMEOUT_S + 1)

    assert pair.hear(said("error", "s1", [DENIED])) == []
    assert pair.hear(said("data", "s2")) == [Received("a", {})]


def test_a_subscription_stopped_before_its_ack_is_stopped_at_the_server_after_it(
    pair: ConnectionPair,
) -> None:
    pair.accepts = False
    pair.subscribe("a")
    pair.stop("a")
    assert sent(pair) == [("start", "s1")]

    pair.server.accept("s1")

    assert pair.pump() == []
    assert sent(pair) == [("start", "s1"), ("stop", "s1")]
    assert pair.server.subscriptions == ()


def test_a_subscription_stopped_before_its_credentials_came_is_never_started(
    pair: ConnectionPair,
) -> None:
    pair.authorizes = False
    pair.subscribe("a")
    pair.stop("a")

    pair.client.authorize("s1", AUTHORIZATION, pair.now)

    pair.pump()
    assert sent(pair) == []
    assert pair.client.postpone("s1", pair.now) == []
    assert pair.wait(100) == []


def test_a_subscription_stopped_in_the_queue_is_never_started(pair: ConnectionPair) -> None:
    pair.accepts = False
    for number in range(MAX_IN_FLIGHT + 2):
        pair.subscribe(f"k{number}")
    pair.stop(f"k{MAX_IN_FLIGHT}")

    pair.server.accept("s1")
    pair.server.accept("s2")
    pair.pump()

    assert len(sent(pair)) == MAX_IN_FLIGHT + 1
    assert pair.client.stop("never", pair.now) == []


def test_a_key_can_be_used_again_after_its_stop(pair: ConnectionPair) -> None:
    pair.subscribe("a")
    pair.stop("a")

    assert pair.subscribe("a") == [Started("a")]
    assert sent(pair) == [("start", "s1"), ("stop", "s1"), ("start", "s2")]


def test_credentials_that_are_not_to_be_had_are_asked_for_later(pair: ConnectionPair) -> None:
    pair.authorizes = False
    pair.subscribe("a")

    assert pair.client.postpone("s1", pair.now) == []
    pair.authorizes = True

    assert pair.wait(0.4) == []
    assert pair.wait(0.1) == [Started("a")]
    assert sent(pair) == [("start", "s2")]


def test_an_end_by_the_server_is_a_loss_and_the_start_is_made_again(pair: ConnectionPair) -> None:
    pair.subscribe("a")

    pair.end("s1")

    assert pair.wait(1) == [Started("a")]
    assert sent(pair) == [("start", "s1"), ("start", "s2")]


def test_a_subscription_that_is_ended_again_and_again_is_started_ever_later(
    pair: ConnectionPair,
) -> None:
    pair.subscribe("a")
    began = pair.now
    starts = []
    for _ in range(5):
        pair.end(pair.server.subscriptions[0])
        while not pair.server.subscriptions:
            pair.wait(0.25)
        starts.append(pair.now - began)

    assert starts == [0.5, 1.5, 3.5, 7.5, 15.5]
    pair.wait(60)
    pair.end(pair.server.subscriptions[0])
    assert pair.wait(0.5) == [Started("a")]


@pytest.mark.parametrize(
    "error",
    [
        DENIED,
        {"message": "Validation error of type FieldUndefined"},
        {"message": "too many values", "errorCode": 400},
    ],
)
def test_a_refusal_ends_that_subscription_and_no_other(
    pair: ConnectionPair, error: dict[str, object]
) -> None:
    pair.subscribe("a")
    pair.accepts = False
    pair.subscribe("b")

    pair.server.refuse("s2", [error])

    assert pair.pump() == [Refused("b", [error], unauthorized=False)]
    assert pair.wait(100) == []
    pair.server.publish("s1", {})
    assert pair.pump() == [Received("a", {})]
    pair.accepts = True
    assert pair.subscribe("b") == [Started("b")]


def test_a_live_subscription_can_be_refused(pair: ConnectionPair) -> None:
    pair.subscribe("a")

    pair.server.refuse("s1", [DENIED])

    assert pair.pump() == [Refused("a", [DENIED], unauthorized=False)]


def test_a_complaint_about_the_id_of_a_live_subscription_is_passed_over(
    pair: ConnectionPair,
) -> None:
    pair.subscribe("a")

    events = pair.hear(said("error", "s1", [{"errorType": "DuplicatedOperationError"}]))

    assert events == [Ignored("a complaint about the id of a live subscription")]
    assert pair.hear(said("data", "s1")) == [Received("a", {})]


def test_refused_credentials_are_made_anew_once_and_at_once(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    pair.server.refuse("s1", [EXPIRED])
    pair.pump()
    assert sent(pair) == [("start", "s1"), ("start", "s2")]
    pair.server.refuse("s2", [EXPIRED])

    assert pair.pump() == [Refused("a", [EXPIRED], unauthorized=True)]


def test_credentials_may_expire_again_another_day(pair: ConnectionPair) -> None:
    pair.subscribe("a")
    for _ in range(3):
        pair.server.refuse(pair.server.subscriptions[0], [EXPIRED])
        assert pair.pump() == [Started("a")]
        pair.wait(60)

    pair.server.refuse(pair.server.subscriptions[0], [EXPIRED])
    pair.pump()
    pair.server.refuse(pair.server.subscriptions[0], [EXPIRED])
    assert pair.pump() == [Refused("a", [EXPIRED], unauthorized=True)]


def test_a_throttled_start_with_its_id_is_made_again_later(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")
    pair.server.refuse("s1", [{"errorType": "LimitExceededError"}])
    pair.pump()
    pair.accepts = True

    assert pair.wait(0.4) == []
    assert pair.wait(0.1) == [Started("a")]


def test_a_throttle_pauses_all_starts_and_leaves_the_live_ones_alone(pair: ConnectionPair) -> None:
    pair.subscribe("live")
    pair.accepts = False
    pair.subscribe("a")
    pair.subscribe("b")

    paused = pair.hear(said("error", None, {"errorType": "LimitExceededError"}))
    pair.server.accept("s3")
    started = pair.pump()
    pair.subscribe("c")

    assert paused == [Ignored("an error without id: LimitExceededError")]
    assert started == [Started("b")]
    pair.accepts = True
    assert pair.wait(1.4) == []
    pair.server.publish("s1", {})
    assert pair.pump() == [Received("live", {})]
    assert pair.wait(1) == [Started("c"), Started("a")]


def test_throttles_in_a_row_pause_longer_and_count_once_a_pause(pair: ConnectionPair) -> None:
    pair.accepts = False
    limit = said("error", None, {"errorType": "LimitExceededError"})
    pair.subscribe("a")
    pair.hear(limit)
    pair.hear(limit)
    pair.wait(1.5)
    pair.wait(0.5)
    assert sent(pair) == [("start", "s1"), ("start", "s2")]

    pair.hear(limit)

    pair.subscribe("b")
    pair.wait(1.9)
    assert len(sent(pair)) == 2
    pair.wait(0.2)
    assert sent(pair)[2] == ("start", "s3")


@pytest.mark.parametrize(
    ("error", "unauthorized"),
    [({"errorType": "UnsupportedOperation"}, False), ({"errorType": "BadRequestException"}, False)],
)
def test_an_error_without_id_that_forbids_refuses_the_starts_in_flight(
    pair: ConnectionPair, error: dict[str, object], unauthorized: bool
) -> None:
    pair.subscribe("live")
    pair.accepts = False
    pair.subscribe("a")

    events = pair.hear(said("error", "", [error]))

    assert events[1:] == [Refused("a", [error], unauthorized)]
    assert pair.hear(said("data", "s1")) == [Received("live", {})]


def test_an_error_without_id_about_credentials_renews_the_starts_in_flight(
    pair: ConnectionPair,
) -> None:
    pair.accepts = False
    pair.subscribe("a")

    pair.hear(said("error", None, [EXPIRED]))

    assert sent(pair) == [("start", "s1"), ("start", "s2")]


def test_an_error_without_id_that_is_not_known_is_passed_over(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    assert pair.hear(said("error", None, [{"message": "odd"}])) == [
        Ignored("an error without id: odd")
    ]
    assert pair.hear(said("start_ack", "s1")) == [Started("a")]


def test_a_stop_is_not_held_up_by_what_still_arrives(pair: ConnectionPair) -> None:
    pair.subscribe("a")
    pair.loses = lambda text: "stop" in text
    pair.stop("a")

    for answer in ("start_ack", "data", "complete"):
        assert pair.hear(said(answer, "s1")) == []
    assert pair.hear(said("complete", "s1")) == [
        Ignored("complete for a subscription that has ended")
    ]


def test_an_id_that_is_said_to_be_in_use_is_replaced_once(pair: ConnectionPair) -> None:
    duplicated = {"errorType": "DuplicatedOperationError", "message": "m"}
    pair.accepts = False
    pair.subscribe("a")

    pair.server.refuse("s1", [duplicated])
    assert pair.pump() == []
    pair.server.refuse("s2", [duplicated])

    assert pair.pump() == [Refused("a", [duplicated], unauthorized=False)]


def test_a_start_after_refused_credentials_asks_for_fresh_ones(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    pair.server.refuse("s1", [{"errorType": "UnauthorizedException"}])
    pair.pump()

    asked = [e.renew for e in pair.client_events if isinstance(e, NeedsAuthorization)]
    assert asked == [False, True]


def test_what_the_server_has_no_room_for_leaves_with_all_that_wait() -> None:
    pair = ConnectionPair(max_subscriptions=3).open()
    for key in "abc":
        pair.subscribe(key)

    events = pair.subscribe("d")

    assert events == [Full("d", alone=False)]
    assert pair.client.capacity == 3
    assert pair.subscribe("e") == [Full("e", alone=False)]
    assert [id for kind, id in sent(pair) if kind == "start"] == ["s1", "s2", "s3", "s4"]
    pair.stop("a")
    assert pair.subscribe("f") == [Started("f")]


def test_a_connection_holds_no_more_than_the_service_does() -> None:
    pair = ConnectionPair().open()
    for number in range(MAX_OPERATIONS):
        pair.subscribe(str(number))

    assert pair.subscribe("one more") == [Full("one more", alone=False)]
    assert pair.client.occupied == MAX_OPERATIONS


def test_what_was_stopped_counts_until_the_server_has_said_so(pair: ConnectionPair) -> None:
    pair.accepts = False
    pair.subscribe("a")

    pair.client.stop("a", pair.now)

    assert pair.client.occupied == 1
    pair.server.accept("s1")
    pair.pump()
    assert pair.client.occupied == 0


def test_a_server_that_has_no_room_for_one_alone_will_never_have() -> None:
    pair = ConnectionPair(max_subscriptions=0).open()

    assert pair.subscribe("a") == [Full("a", alone=True)]
    assert pair.subscribe("b") == [Full("b", alone=True)]


def test_the_consequences_of_errors_are_all_provided_for() -> None:
    assert {consequence.name for consequence in Consequence} == {
        "RENEW",
        "BACK_OFF",
        "REFUSE",
        "FULL",
        "DUPLICATE",
        "UNKNOWN",
    }


def test_a_server_that_ends_whatever_starts_sees_no_storm() -> None:
    client, now = ClientConnection(rand=lambda: 1.0), 0.0
    starts: list[str] = []

    def talk(events: list[ClientEvent]) -> None:
        for event in events:
            if isinstance(event, NeedsAuthorization):
                client.authorize(event.id, AUTHORIZATION, now)
        for text in client.data_to_send():
            if (frame := json.loads(text))["type"] == "start":
                starts.append(frame["id"])
                for type_ in ("start_ack", "complete"):
                    talk(client.receive(json.dumps({"type": type_, "id": frame["id"]}), now))

    client.connect(now)
    for key in ("a", "b", "c"):
        client.subscribe(key, DATA, now)
    talk(client.receive('{"type":"connection_ack"}', now))
    while now < 3600:
        now = client.next_deadline()
        talk(client.receive('{"type":"ka"}', now))
        talk(client.tick(now))

    # Each waits 0.5, 1, 2, 4, 8, 16 s, and then 30 s.
    assert len(starts) == len(set(starts))
    assert 3 * 3600 / 30 <= len(starts) <= 3 * (3600 / 30 + 7)
    assert client.occupied == 3
