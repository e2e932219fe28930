"""A client and a server connection with a fake network and a fake clock between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from jupyter_jobs.appsync.messages import Stop, encode
from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    ClientEvent,
    NeedsAuthorization,
    ServerConnection,
    ServerEvent,
    Start,
)

AUTHORIZATION = {"host": "api.example.com", "x-api-key": "da2-secret"}
DATA = '{"query":"subscription { onX { id } }","variables":{}}'


class ConnectionPair:
    """Both machines; what one says the other hears, at `now`, unless it is lost.

    Start ids count up: s1, s2, … Retries wait their whole range, for `rand` is 1. Starts are authorized and accepted
    as they come, unless `authorizes` or `accepts` is set to False.
    """

    def __init__(self, **server: Any) -> None:
        numbers = itertools.count(1)
        self.client = ClientConnection(new_id=lambda: f"s{next(numbers)}", rand=lambda: 1.0)
        self.server = ServerConnection(**server)
        self.now = 1000.0
        self.authorizes = True
        self.accepts = True
        self.loses: Callable[[str], bool] = lambda text: False
        self.client_events: list[ClientEvent] = []
        self.server_events: list[ServerEvent] = []
        self.to_server: list[str] = []
        self.to_client: list[str] = []
        self._told: list[ClientEvent] = []

    def open(self) -> ConnectionPair:
        """Connect, and let both talk until they have nothing to say."""
        self.client.connect(self.now)
        self.server.tick(self.now)
        self.pump()
        return self

    def subscribe(self, key: str, data: str = DATA) -> list[ClientEvent]:
        """Subscribe; return what the client told."""
        self._tell(self.client.subscribe(key, data, self.now))
        return self.pump()

    def stop(self, key: str) -> list[ClientEvent]:
        """Stop; return what the client told."""
        self._tell(self.client.stop(key, self.now))
        return self.pump()

    def end(self, id: str) -> list[ClientEvent]:
        """Let the server end an operation by itself, as if asked to; return what the client told."""
        self.server.receive(encode(Stop(id)), self.now)
        return self.pump()

    def wait(self, seconds: float) -> list[ClientEvent]:
        """Let time pass, from deadline to deadline of both; return what the client told meanwhile."""
        end = self.now + seconds
        events = []
        while True:
            deadlines = [self.client.next_deadline(), self.server.next_deadline()]
            due = min((deadline for deadline in deadlines if deadline is not None), default=end)
            self.now = min(max(due, self.now), end)
            self.server_events += self.server.tick(self.now)
            events += self.pump()
            self._tell(self.client.tick(self.now))
            events += self.pump()
            if self.now >= end:
                return events

    def hear(self, text: str | bytes) -> list[ClientEvent]:
        """Let the client hear a frame that the server did not send."""
        self._tell(self.client.receive(text, self.now))
        return self.pump()

    def pump(self) -> list[ClientEvent]:
        """Carry frames both ways until it is quiet; return the client's events since the last call."""
        while True:
            upward = [text for text in self.client.data_to_send() if not self.loses(text)]
            self.to_server += upward
            for text in upward:
                self._serve(self.server.receive(text, self.now))
            downward = [text for text in self.server.data_to_send() if not self.loses(text)]
            self.to_client += downward
            for text in downward:
                self._tell(self.client.receive(text, self.now))
            if not (upward or downward or self.client.has_output):
                break
        told, self._told = self._told, []
        return told

    def _tell(self, events: list[ClientEvent]) -> None:
        self.client_events += events
        self._told += [e for e in events if not isinstance(e, NeedsAuthorization)]
        for event in events:
            if isinstance(event, NeedsAuthorization) and self.authorizes:
                self.client.authorize(event.id, AUTHORIZATION, self.now)

    def _serve(self, events: list[ServerEvent]) -> None:
        self.server_events += events
        for event in events:
            if isinstance(event, Start) and self.accepts:
                self.server.accept(event.id)
