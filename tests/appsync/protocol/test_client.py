"""The client's machine against the server's: the connection as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    Consequence,
    Ignored,
    Lost,
    NeedsAuthorization,
    Opened,
    Received,
    Refused,
    Revived,
    Stale,
    Started,
    State,
)
from jupyter_jobs.appsync.protocol.client import ACK_TIMEOUT_S, LOST_AFTER_S, STALE_AFTER_S
from jupyter_jobs.errors import LocalProtocolError, RemoteProtocolError
from tests.support.pair import AUTHORIZATION, DATA, ConnectionPair

ACK = '{"type":"connection_ack","payload":{"connectionTimeoutMs":300000}}'


def error(kind: str, message: str = "", **parts: object) -> str:
    return json.dumps({"payload": {"errors": [{"errorType": kind, "message": message}]}, **parts})


def test_a_connection_opens_with_init_and_ack() -> None:
    pair = ConnectionPair()
    assert pair.client.next_deadline() is None

    pair.open()

    assert pair.to_server == ['{"type":"connection_init"}']
    assert pair.client_events == [Opened()]
    assert pair.client.state is State.OPEN


def test_a_subscription_wanted_before_the_ack_starts_after_it() -> None:
    pair = ConnectionPair()
    assert pair.client.subscribe("a", DATA, pair.now) == []

    pair.open()

    assert pair.client_events == [Opened(), NeedsAuthorization("a", "s1", DATA), Started("a")]
    assert [json.loads(text)["type"] for text in pair.to_server] == ["connection_init", "start"]


def test_no_ack_in_time_is_a_loss_whatever_else_was_heard() -> None:
    pair = ConnectionPair()
    pair.loses = lambda text: "connection_ack" in text
    pair.open()
    pair.now += 10
    pair.hear('{"type":"ka"}')

    events = pair.wait(ACK_TIMEOUT_S)

    assert events == [Lost("no connection_ack came within 15 s")]
    assert pair.client.state is State.CLOSED
    assert pair.client.next_deadline() is None


def test_keep_alives_keep_a_quiet_connection_open_for_a_day() -> None:
    pair = ConnectionPair(max_age_s=1e9).open()

    assert pair.wait(86_400) == []
    assert pair.client.state is State.OPEN


def test_silence_makes_a_connection_stale_then_lost() -> None:
    pair = ConnectionPair(keep_alive_s=1e6).open()

    assert pair.wait(STALE_AFTER_S - 0.1) == []
    assert pair.wait(0.1) == [Stale()]
    assert pair.wait(LOST_AFTER_S - STALE_AFTER_S) == [Lost("nothing was heard for 150 s")]
    assert pair.wait(1000) == []


@pytest.mark.parametrize("text", ['{"type":"ka"}', '{"type":"what"}', "event"])
def test_any_frame_revives_a_stale_connection(text: str) -> None:
    pair = ConnectionPair(keep_alive_s=1e6).open()
    pair.subscribe("a")
    pair.wait(STALE_AFTER_S)
    pair.client_events.clear()

    pair.hear('{"id":"s1","type":"data","payload":{"data":1}}' if text == "event" else text)

    assert pair.client_events[0] == Revived()
    assert pair.client_events.count(Revived()) == 1
    assert (Received("a", {"data": 1}) in pair.client_events) is (text == "event")
    assert pair.wait(STALE_AFTER_S - 0.1) == []


def test_the_server_may_ask_for_a_shorter_patience_not_for_a_longer() -> None:
    short = ConnectionPair(keep_alive_s=1e6, connection_timeout_ms=20_000).open()
    long = ConnectionPair(keep_alive_s=1e6, connection_timeout_ms=10**9).open()

    assert short.wait(20) == [Stale(), Lost("nothing was heard for 20 s")]
    assert long.wait(LOST_AFTER_S) == [Stale(), Lost("nothing was heard for 150 s")]


def test_frames_that_waited_in_a_buffer_count_before_silence_does() -> None:
    pair = ConnectionPair(keep_alive_s=1e6).open()
    pair.subscribe("a")
    pair.now += 600
    buffered = ['{"id":"s1","type":"data","payload":{"data":1}}', '{"type":"ka"}']

    heard = [event for text in buffered for event in pair.hear(text)]

    assert heard == [Received("a", {"data": 1})]
    assert pair.client.tick(pair.now) == []
    assert pair.client.state is State.OPEN


@pytest.mark.parametrize(
    ("text", "consequence"),
    [
        (error("UnauthorizedException", type="connection_error"), Consequence.RENEW),
        (error("BadRequestException", type="connection_error"), Consequence.REFUSE),
        (error("LimitExceededError", type="connection_error"), Consequence.BACK_OFF),
        (error("SomethingNew", type="connection_error"), Consequence.BACK_OFF),
        ('{"type":"connection_error"}', Consequence.BACK_OFF),
        (error("UnauthorizedException", "Token has expired.", type="error"), Consequence.RENEW),
        (error("BadRequestException", type="error", id="s1"), Consequence.REFUSE),
    ],
)
def test_a_refused_connection_says_whether_to_come_again(
    text: str, consequence: Consequence
) -> None:
    pair = ConnectionPair()
    pair.client.connect(pair.now)

    (lost,) = pair.hear(text)

    assert isinstance(lost, Lost)
    assert lost.consequence is consequence
    assert "refused the connection" in lost.reason
    assert pair.client.state is State.CLOSED


def test_a_connection_may_be_refused_after_it_was_open() -> None:
    pair = ConnectionPair().open()

    pair.server.reject([{"errorType": "UnauthorizedException", "errorCode": 401}])

    assert pair.pump() == [
        Lost("the server refused the connection: UnauthorizedException", Consequence.RENEW)
    ]


def test_an_odd_error_before_the_ack_is_passed_over() -> None:
    pair = ConnectionPair()
    pair.client.connect(pair.now)

    assert pair.hear(error("Odd", "m", type="error")) == [
        Ignored("an error before connection_ack: Odd: m"),
        Opened(),
    ]


def test_an_unknown_frame_is_passed_over() -> None:
    pair = ConnectionPair().open()

    assert pair.hear('{"type":"news"}') == [Ignored("a frame of the unknown type 'news'")]


@pytest.mark.parametrize(
    "text",
    [ACK, '{"type":"connection_init"}', '{"type":"start_ack","id":"s1"}'],
    ids=["second ack", "a client's frame", "second start_ack"],
)
def test_a_frame_at_the_wrong_time_is_passed_over(text: str) -> None:
    pair = ConnectionPair().open()
    pair.subscribe("a")

    (event,) = pair.hear(text)

    assert isinstance(event, Ignored)
    pair.server.publish("s1", {"data": None})
    assert pair.pump() == [Received("a", {"data": None})]


@pytest.mark.parametrize(
    "text",
    ["nonsense", b"\xff\x00", "[]", "{}", '{"type":"data"}', '{"type":3}', "[" * 10**5],
    ids=["no JSON", "binary", "no object", "no type", "no id", "a number", "an abyss"],
)
def test_a_frame_that_cannot_be_read_may_have_been_an_event_of_any_that_is_live(
    text: str | bytes,
) -> None:
    pair = ConnectionPair().open()
    pair.subscribe("a")
    pair.subscribe("b")
    pair.accepts = False
    pair.subscribe("c")

    ignored, *events = pair.hear(text)

    assert isinstance(ignored, Ignored)
    assert events == [Received("a", {}), Received("b", {})]
    assert pair.client.state is State.OPEN


def test_a_binary_frame_that_holds_a_message_is_read() -> None:
    pair = ConnectionPair().open()
    pair.subscribe("a")

    assert pair.hear(b'{"type":"data","id":"s1","payload":{"data":1}}') == [
        Received("a", {"data": 1})
    ]


def test_a_frame_that_cannot_be_read_before_the_ack_is_the_end() -> None:
    pair = ConnectionPair()
    pair.client.connect(pair.now)

    with pytest.raises(RemoteProtocolError, match="check that the endpoint"):
        pair.hear("220 hello")

    assert pair.client.state is State.CLOSED
    assert pair.hear('{"type":"ka"}') == []


def test_what_comes_before_the_ack_and_is_not_due_is_passed_over() -> None:
    pair = ConnectionPair()
    pair.client.connect(pair.now)

    assert pair.hear('{"type":"start_ack","id":"s1"}') == [
        Ignored("start_ack while the connection was connecting"),
        Opened(),
    ]


def test_a_caller_is_told_what_it_did_wrong() -> None:
    pair = ConnectionPair().open()
    pair.subscribe("a")

    with pytest.raises(LocalProtocolError, match="twice"):
        pair.client.connect(pair.now)
    with pytest.raises(LocalProtocolError, match="exists already"):
        pair.client.subscribe("a", DATA, pair.now)
    pair.client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        pair.client.subscribe("b", DATA, pair.now)


def test_a_closed_connection_does_nothing_more() -> None:
    pair = ConnectionPair().open()
    pair.authorizes = False
    pair.subscribe("a")

    pair.client.close()
    pair.client.authorize("s1", AUTHORIZATION, pair.now)

    assert pair.client.postpone("s1", pair.now) == []
    assert pair.client.stop("a", pair.now) == []
    assert pair.client.data_to_send() == []
    assert pair.client.tick(pair.now + 1000) == []


IDS = st.sampled_from(["s1", "s2", "s3", "", None])
FRAME = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["start_ack", "data", "complete"]), "id": IDS},
        optional={"payload": st.sampled_from([{}, None, {"data": {"onX": None}}])},
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["error", "connection_error"]),
            "id": IDS,
            "payload": st.sampled_from(
                [
                    {"errors": {"errorType": kind, "message": "m"}}
                    for kind in (
                        "LimitExceededError",
                        "UnauthorizedException",
                        "DuplicatedOperationError",
                        "MaxSubscriptionsReachedError",
                        "Odd",
                    )
                ]
            ),
        }
    ),
    st.sampled_from([{"type": "ka"}, {"type": "connection_ack"}, {"type": "news"}, {}, []]),
)
STEP = st.one_of(
    st.tuples(st.just("hear"), FRAME.map(json.dumps)),
    st.tuples(st.just("hear"), st.text(max_size=5)),
    st.tuples(st.just("wait"), st.floats(0, 100)),
    st.tuples(st.just("subscribe"), st.sampled_from("abc")),
    st.tuples(st.just("stop"), st.sampled_from("abc")),
    st.tuples(st.just("postpone"), st.sampled_from(["s1", "s2", "s9"])),
)


@settings(deadline=None)
@given(st.lists(STEP, max_size=30), st.booleans())
def test_no_order_of_frames_and_times_breaks_the_client(
    steps: list[tuple[str, object]], authorizes: bool
) -> None:
    ids = iter([f"s{number}" for number in range(1, 1000)])
    client = ClientConnection(new_id=ids.__next__, rand=lambda: 0.5)
    now, wanted = 0.0, set[str]()
    client.connect(now)
    client.receive(ACK, now)
    for step, argument in steps:
        events = []
        try:
            if step == "hear":
                events = client.receive(str(argument), now)
            elif step == "wait":
                assert isinstance(argument, float)
                now += argument
                events = client.tick(now)
            elif step == "postpone":
                events = client.postpone(str(argument), now)
            elif step == "stop":
                wanted.discard(str(argument))
                events = client.stop(str(argument), now)
            elif argument not in wanted and client.state is State.OPEN:
                wanted.add(str(argument))
                events = client.subscribe(str(argument), DATA, now)
        except RemoteProtocolError:
            assert client.state is State.CLOSED
        for event in events:
            if isinstance(event, NeedsAuthorization) and authorizes:
                client.authorize(event.id, AUTHORIZATION, now)
            if isinstance(event, Refused):
                wanted.remove(event.key)
            if isinstance(event, Started | Received | NeedsAuthorization):
                assert event.key in wanted
        deadline = client.next_deadline()
        assert (deadline is None) == (client.state is not State.OPEN)
        starts = [json.loads(text) for text in client.data_to_send()]
        assert {start["type"] for start in starts} <= {"connection_init", "start", "stop"}


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_time_may_be_cut_in_any_way(cuts: list[int]) -> None:
    whole, pieces = ConnectionPair(keep_alive_s=1e6).open(), ConnectionPair(keep_alive_s=1e6).open()
    for pair in (whole, pieces):
        pair.accepts = False
        pair.subscribe("a")

    at_once = whole.wait(sum(cuts))
    in_pieces = [event for cut in cuts for event in pieces.wait(cut)]

    assert [type(event) for event in in_pieces] == [type(event) for event in at_once]
    assert len(pieces.to_server) == len(whole.to_server)
