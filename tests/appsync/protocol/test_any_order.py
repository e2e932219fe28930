"""Any order of frames, any cut of time: what holds for a connection whatever happens."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jupyter_jobs.appsync.messages import Stop, encode
from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    ClientEvent,
    Full,
    Lost,
    NeedsAuthorization,
    Received,
    Refused,
    Start,
    Started,
    State,
)
from jupyter_jobs.appsync.protocol.server import ServerConnection
from jupyter_jobs.appsync.protocol.subscriptions import MAX_IN_FLIGHT

AUTHORIZATION = {"host": "api.example.com", "x-api-key": "k"}
KEYS = st.sampled_from([f"k{number}" for number in range(16)])
SECONDS = st.one_of(st.floats(0, 3), st.floats(3, 40))
TYPES = st.sampled_from(
    ["ka", "start_ack", "data", "error", "complete", "connection_ack", "start", "news"]
)
ERRORS = st.sampled_from(
    [
        {"errorType": "LimitExceededError"},
        {"errorType": "MaxSubscriptionsReachedError"},
        {"errorType": "DuplicatedOperationError"},
        {"errorType": "UnauthorizedException"},
        {"errorType": "Unauthorized", "message": "Not Authorized to access x"},
        {"message": "odd"},
    ]
)


class AnyOrder(RuleBasedStateMachine):
    """A client and a server whose frames travel as slowly as they like, in order, and foreign ones between them."""

    def __init__(self) -> None:
        super().__init__()
        numbers = itertools.count(1)
        self.now = 0.0
        self.client = ClientConnection(new_id=lambda: f"s{next(numbers)}", rand=lambda: 1.0)
        self.server = ServerConnection(max_subscriptions=8, keep_alive_s=20)
        self.upward: list[str] = []
        self.downward: list[str] = []
        self.wanted: set[str] = set()
        self.asked: list[str] = []
        self.pending: list[str] = []
        self.started_ids: list[str] = []
        self.in_flight: set[str] = set()
        self.lost = False
        self.server.tick(self.now)
        self.client.connect(self.now)
        self.collect()

    def told(self, events: list[ClientEvent]) -> None:
        for event in events:
            match event:
                case NeedsAuthorization():
                    assert event.key in self.wanted
                    self.asked.append(event.id)
                case Started() | Received():
                    assert event.key in self.wanted
                case Refused() | Full():
                    self.wanted.remove(event.key)
                case Lost():
                    self.lost = True
        self.collect()

    def collect(self) -> None:
        for text in self.client.data_to_send():
            frame = json.loads(text)
            if frame["type"] == "start":
                self.started_ids.append(frame["id"])
            self.upward.append(text)
        self.downward += self.server.data_to_send()

    @precondition(lambda self: not self.lost)
    @rule(key=KEYS)
    def subscribe(self, key: str) -> None:
        if key not in self.wanted:
            self.wanted.add(key)
            self.told(self.client.subscribe(key, "{}", self.now))

    @precondition(lambda self: not self.lost)
    @rule(key=KEYS)
    def stop(self, key: str) -> None:
        self.wanted.discard(key)
        self.told(self.client.stop(key, self.now))

    @rule(good=st.booleans())
    @precondition(lambda self: self.asked)
    def authorize(self, good: bool) -> None:
        id_ = self.asked.pop(0)
        if good:
            self.client.authorize(id_, AUTHORIZATION, self.now)
            self.told([])
        else:
            self.told(self.client.postpone(id_, self.now))

    @rule(count=st.integers(1, 5))
    @precondition(lambda self: self.upward)
    def server_hears(self, count: int) -> None:
        for text in self.upward[:count]:
            for event in self.server.receive(text, self.now):
                if isinstance(event, Start):
                    self.pending.append(event.id)
        del self.upward[:count]
        self.collect()

    @rule(errors=st.one_of(st.none(), ERRORS))
    @precondition(lambda self: self.pending)
    def server_decides(self, errors: dict[str, Any] | None) -> None:
        id_ = self.pending.pop(0)
        if errors is None:
            self.server.accept(id_)
        else:
            self.server.refuse(id_, [errors])
        self.collect()

    @rule()
    @precondition(lambda self: self.server.subscriptions)
    def server_publishes_and_ends(self) -> None:
        for id_ in self.server.subscriptions:
            self.server.publish(id_, {"data": {"x": 1}})
        ended = Stop(self.server.subscriptions[0])  # that the client never sent
        self.server.receive(encode(ended), self.now)
        self.collect()

    @rule(count=st.integers(1, 5))
    @precondition(lambda self: self.downward)
    def client_hears(self, count: int) -> None:
        for text in self.downward[:count]:
            self.told(self.client.receive(text, self.now))
        del self.downward[:count]

    @rule(kind=TYPES, id=st.one_of(st.none(), st.just(""), st.integers(1, 30)), errors=ERRORS)
    def client_hears_what_nobody_sent(self, kind: str, id: Any, errors: dict[str, Any]) -> None:
        if self.client.state is not State.OPEN:
            return
        own = isinstance(id, int) and f"s{id}" in self.started_ids
        if own and kind in ("error", "complete"):
            return  # a server that ends what it goes on to hold cannot be kept in step with
        frame: dict[str, Any] = {"type": kind, "payload": {"errors": [errors]}}
        if id is not None:
            frame["id"] = f"s{id}" if isinstance(id, int) else id
        self.told(self.client.receive(json.dumps(frame), self.now))

    @rule(text=st.sampled_from(["", "{", "[]", b"\xff", '{"type":"data"}']))
    def client_hears_what_cannot_be_read(self, text: str | bytes) -> None:
        if self.client.state is State.OPEN:
            self.told(self.client.receive(text, self.now))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.server.tick(self.now)
        self.collect()
        self.told(self.client.tick(self.now))

    @rule()
    def all_end_and_it_grows_quiet(self) -> None:
        """Nothing that is unsubscribed stays on the server's books."""
        for key in sorted(self.wanted):
            self.stop(key)
        while not self.lost and (self.asked or self.upward or self.downward or self.pending):
            while self.asked:
                self.authorize(True)
            while self.upward:
                self.server_hears(1)
            while self.pending:
                self.server_decides(None)
            while self.downward:
                self.client_hears(1)
        if not self.lost and self.client.state is State.OPEN:
            assert self.server.subscriptions == ()

    @invariant()
    def no_id_is_used_twice(self) -> None:
        assert len(self.started_ids) == len(set(self.started_ids))

    @invariant()
    def few_starts_are_in_flight(self) -> None:
        assert len(self.client._subscriptions._in_flight) <= MAX_IN_FLIGHT

    @invariant()
    def a_deadline_can_be_asked_for(self) -> None:
        deadline = self.client.next_deadline()
        assert deadline is None or isinstance(deadline, float)


AnyOrder.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, derandomize=True
)
TestAnyOrder = AnyOrder.TestCase
