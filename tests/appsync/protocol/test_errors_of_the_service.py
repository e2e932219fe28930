"""Every error that the service is known to send, as it was seen on the wire, and what becomes of whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_jobs.appsync.protocol import (
    ClientEvent,
    Consequence,
    Full,
    Ignored,
    Lost,
    Received,
    Refused,
    Started,
    State,
)
from tests.support.pair import ConnectionPair

LIVE, STARTING = "s1", "s2"


def frame(type: str, errors: Any, id: str | None = None, *, bare: bool = False) -> str:
    head = {} if id is None else {"id": id}
    return json.dumps({**head, "type": type, "payload": errors if bare else {"errors": errors}})


def refuses_the_connection(consequence: Consequence) -> Any:
    def check(pair: ConnectionPair, events: list[ClientEvent]) -> None:
        (lost,) = events
        assert isinstance(lost, Lost)
        assert lost.consequence is consequence
        assert pair.client.state is State.CLOSED

    return check


def refuses_the_start(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    (refused,) = [event for event in events if not isinstance(event, Ignored)]
    assert isinstance(refused, Refused)
    assert refused.key == "starting"


def renews_the_start(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    assert all(isinstance(event, Ignored) for event in events)
    assert started_again(pair) == ["s3"]


def renews_the_start_later(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    assert all(isinstance(event, Ignored) for event in events)
    assert started_again(pair) == []
    pair.accepts = True
    assert Started("starting") in pair.wait(60)


def moves_the_start(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    assert events == [Full("starting", alone=False)]


def changes_nothing(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    (ignored,) = events
    assert isinstance(ignored, Ignored)
    assert started_again(pair) == []


def is_an_event_without_a_body(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    (received,) = events
    assert isinstance(received, Received)
    assert received.key == "live"


def starts_the_live_one_again(pair: ConnectionPair, events: list[ClientEvent]) -> None:
    assert events == []
    pair.accepts = True
    assert Started("live") in pair.wait(1)


def started_again(pair: ConnectionPair) -> list[str]:
    starts = [json.loads(text) for text in pair.to_server if '"start"' in text]
    return [start["id"] for start in starts][2:]


UNAUTHORIZED = {
    "errorType": "UnauthorizedException",
    "message": "You are not authorized to make this call.",
    "errorCode": 401,
}
DEEPDISH = {
    "errorType": "com.amazonaws.deepdish.graphql.auth#UnauthorizedException",
    "message": "You are not authorized to make this call.",
    "errorCode": 400,
}
EXPIRED = {"errorType": "UnauthorizedException", "message": "Token has expired.", "errorCode": 401}
DENIED = {"errorType": "UnauthorizedException", "message": "Permission denied"}
NO_FIELD = {
    "errorType": "Unauthorized",
    "message": "Not Authorized to access onX on type Subscription",
}
BAD = {"errorType": "BadRequestException", "message": "Missing host header", "errorCode": 400}
UNSUPPORTED = {
    "errorType": "UnsupportedOperation",
    "message": "unknown not supported through the realtime channel",
}
RATE = {"errorType": "LimitExceededError", "message": "Rate limit exceeded"}
MAX = {
    "errorType": "MaxSubscriptionsReachedError",
    "message": "Max number of 100 subscriptions reached",
}
OLD_MAX = {"errorType": "MaxSubscriptionsReachedException", "message": "MaxSubscriptionsReached"}
DUPLICATED = {"errorType": "DuplicatedOperationError", "message": "the id is in use"}
NULL_ROOT = {
    "data": {"onX": None},
    "errors": [
        {
            "message": "Cannot return null for non-nullable type: 'T' within parent 'P' (/onX/f)",
            "path": ["onX", "f"],
        }
    ],
}

ROWS = {
    "connection: unauthorized": (
        frame("connection_error", [UNAUTHORIZED]),
        refuses_the_connection(Consequence.RENEW),
    ),
    "connection: unauthorized, with a package and code 400": (
        frame("connection_error", [DEEPDISH]),
        refuses_the_connection(Consequence.RENEW),
    ),
    "connection: unauthorized, no message": (
        frame("connection_error", [{"errorType": "Unauthorized", "errorCode": 401}]),
        refuses_the_connection(Consequence.RENEW),
    ),
    "connection: expired": (
        frame("connection_error", [EXPIRED]),
        refuses_the_connection(Consequence.RENEW),
    ),
    "connection: malformed": (
        frame("connection_error", [BAD]),
        refuses_the_connection(Consequence.REFUSE),
    ),
    "connection: not known": (
        frame("connection_error", [{"errorType": "News"}]),
        refuses_the_connection(Consequence.BACK_OFF),
    ),
    "connection: no reason": (
        '{"type":"connection_error"}',
        refuses_the_connection(Consequence.BACK_OFF),
    ),
    "start: expired": (frame("error", [EXPIRED], STARTING), renews_the_start),
    "start: expired, no id": (frame("error", [EXPIRED]), renews_the_start),
    "start: denied by IAM": (frame("error", [DENIED], STARTING), refuses_the_start),
    "start: denied by a directive": (frame("error", [NO_FIELD], STARTING), refuses_the_start),
    "start: unsupported, empty id": (frame("error", [UNSUPPORTED], ""), refuses_the_start),
    "start: rate limit, an object": (frame("error", RATE), renews_the_start_later),
    "start: rate limit, a list": (frame("error", [RATE]), renews_the_start_later),
    "start: rate limit, empty id": (frame("error", RATE, ""), renews_the_start_later),
    "start: rate limit, with id": (frame("error", RATE, STARTING), renews_the_start_later),
    "start: 100 reached, an object": (frame("error", MAX, STARTING), moves_the_start),
    "start: 100 reached, a list": (frame("error", [MAX], STARTING), moves_the_start),
    "start: 100 reached, old name, bare": (
        frame("error", OLD_MAX, STARTING, bare=True),
        moves_the_start,
    ),
    "start: 100 reached, no id": (frame("error", MAX), renews_the_start_later),
    "start: id in use": (frame("error", [DUPLICATED], STARTING), renews_the_start),
    "live: id in use": (frame("error", [DUPLICATED], LIVE), changes_nothing),
    "start: too many values": (
        frame(
            "error",
            [
                {
                    "message": "subscription exceeds maximum value limit 5 for operator `in`.",
                    "errorCode": 400,
                }
            ],
            STARTING,
        ),
        refuses_the_start,
    ),
    **{
        f"start: {message}": (frame("error", [{"message": message}], STARTING), refuses_the_start)
        for message in (
            "subscription exceeds maximum value limit 5 for operator `in`.",
            "Filters exceed maximum attributes limit 5",
            "Filters combination exceed maximum limit",
            "filter uses same fieldName multiple time",
            "Validation error of type FieldUndefined: Field 'x' in type 'Y' is undefined",
            "Variable 'x' has coerced Null value for NonNull type 'Y!'",
            "something new",
        )
    },
    "start: no reason": (
        json.dumps({"id": STARTING, "type": "error"}),
        refuses_the_start,
    ),
    "event: null root": (
        json.dumps({"id": LIVE, "type": "data", "payload": NULL_ROOT}),
        is_an_event_without_a_body,
    ),
    "event: no data": (
        json.dumps({"id": LIVE, "type": "data", "payload": {"data": None}}),
        is_an_event_without_a_body,
    ),
    "event: null payload": (
        json.dumps({"id": LIVE, "type": "data", "payload": None}),
        is_an_event_without_a_body,
    ),
    "event: no payload": (json.dumps({"id": LIVE, "type": "data"}), is_an_event_without_a_body),
    "event: not JSON": ("{", lambda pair, events: is_an_event_without_a_body(pair, events[1:])),
    "complete, unasked": (json.dumps({"id": LIVE, "type": "complete"}), starts_the_live_one_again),
    "complete, of another": (json.dumps({"id": "x", "type": "complete"}), changes_nothing),
    "unknown type": ('{"type":"connection_terminate"}', changes_nothing),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_the_service_says_has_one_outcome(row: str) -> None:
    text, check = ROWS[row]
    pair = ConnectionPair().open()
    pair.subscribe("live")
    pair.accepts = False
    pair.subscribe("starting")

    check(pair, pair.hear(text))


@pytest.mark.parametrize("row", [row for row in ROWS if row.startswith(("start", "live", "event"))])
def test_what_concerns_one_leaves_the_others_alone(row: str) -> None:
    text, _ = ROWS[row]
    pair = ConnectionPair().open()
    pair.subscribe("live")
    pair.accepts = False
    pair.subscribe("starting")
    pair.hear(text)

    pair.server.publish(LIVE, {"data": {"onX": {"id": "1"}}})

    assert pair.pump() == [Received("live", {"data": {"onX": {"id": "1"}}})]
    assert pair.client.state is State.OPEN
