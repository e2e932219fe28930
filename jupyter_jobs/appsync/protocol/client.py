"""The client's end of a connection, as a pure machine.

Whatever the server sends counts as a sign of life. All time comes from the caller, so that no silence is judged
before the frames that were waiting in a buffer have been handed in: first `receive` all, then `tick`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping

from jupyter_jobs.appsync.messages import (
    Complete,
    ConnectionAck,
    ConnectionErrors,
    ConnectionInit,
    Data,
    Error,
    Errors,
    Frame,
    StartAck,
    Unknown,
    encode,
    parse,
    read,
)
from jupyter_jobs.appsync.protocol.events import (
    ClientEvent,
    Ignored,
    Lost,
    Opened,
    Received,
    Revived,
    Stale,
)
from jupyter_jobs.appsync.protocol.subscriptions import MAX_OPERATIONS, Subscriptions
from jupyter_jobs.appsync.protocol.tables import (
    CLIENT,
    Consequence,
    State,
    consequence_of,
    describe,
)
from jupyter_jobs.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["ACK_TIMEOUT_S", "LOST_AFTER_S", "STALE_AFTER_S", "ClientConnection"]

ACK_TIMEOUT_S = 15.0
STALE_AFTER_S = 65.0
"""The service sends `ka` every 60 s."""
LOST_AFTER_S = 150.0
"""Two keep-alives and a half; the service's own five minutes are too long to look at a dead panel."""

_FATAL = (Consequence.RENEW, Consequence.REFUSE)


class ClientConnection:
    """Speaks the client's side over one socket, from its opening to its end.

    The driver calls `connect` once the socket is open, hands in each text frame with `receive`, calls `tick` when
    `next_deadline` has come, sends what `data_to_send` gives after every call, and answers each `NeedsAuthorization`
    with `authorize` or `postpone`. A connection that is lost is not used again: make a new one and subscribe anew.

    Args:
        capacity: How many operations the server holds on it at most.
        new_id: Makes the id of each start.
        rand: A number from 0 to 1 for the jitter of retries.
    """

    def __init__(
        self,
        *,
        capacity: int = MAX_OPERATIONS,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._state = State.NEW
        self._output: list[str] = []
        self._subscriptions = Subscriptions(self._send, capacity=capacity, new_id=new_id, rand=rand)
        self._ack_deadline = 0.0
        self._heard_at = 0.0
        self._stale = False
        self._stale_after_s = STALE_AFTER_S
        self._lost_after_s = LOST_AFTER_S

    @property
    def state(self) -> State:
        """Where the connection is in its life."""
        return self._state

    @property
    def has_output(self) -> bool:
        """Whether `data_to_send` would return something."""
        return bool(self._output)

    @property
    def occupied(self) -> int:
        """How many operations the server holds or will be asked to: those that wait, live, stop or are given up."""
        return self._subscriptions.occupied

    @property
    def capacity(self) -> int:
        """How many it holds at most, as far as the server has let know."""
        return self._subscriptions.capacity

    def connect(self, now: float) -> None:
        """Begin the talk, once, when the socket is open."""
        if self._state is not State.NEW:
            raise LocalProtocolError("connect() was called twice on one connection")
        self._state = State.CONNECTING
        self._heard_at = now
        self._ack_deadline = now + ACK_TIMEOUT_S
        self._send(ConnectionInit())

    def subscribe(self, key: str, data: str, now: float) -> list[ClientEvent]:
        """Want a subscription; before the connection is open, it waits for that.

        Args:
            key: The caller's name for it, in all events.
            data: JSON text of the query and its variables; sent as it is.
            now: Seconds on the caller's clock.
        """
        if self._state is State.CLOSED:
            raise LocalProtocolError("the connection is closed")
        self._subscriptions.add(key, data)
        return self._begin(now)

    def stop(self, key: str, now: float) -> list[ClientEvent]:
        """End a subscription; no event names it any more. Nothing happens if it has ended."""
        if self._state is not State.CLOSED:
            self._subscriptions.remove(key)
        return self._begin(now)

    def authorize(self, id: str, authorization: Mapping[str, str], now: float) -> None:
        """Answer `NeedsAuthorization`: send the start. Nothing happens if it is no longer wanted."""
        if self._state is State.OPEN:
            self._subscriptions.authorize(id, authorization, now)

    def postpone(self, id: str, now: float) -> list[ClientEvent]:
        """Answer `NeedsAuthorization`: there are no credentials just now. They are asked for again later."""
        if self._state is State.OPEN:
            self._subscriptions.postpone(id, now)
        return self._begin(now)

    def close(self) -> None:
        """End the connection from this side; nothing more is sent."""
        self._state = State.CLOSED
        self._output.clear()

    def receive(self, text: str | bytes, now: float) -> list[ClientEvent]:
        """Take in one frame, text or binary; a connection that is closed ignores it.

        Raises:
            RemoteProtocolError: The first frames are not of this protocol; the connection is closed.
        """
        if self._state is State.CLOSED:
            return []
        self._heard_at = now
        if self._stale:
            self._stale = False
            return [Revived(), *self.receive(text, now)]
        try:
            message = parse(text)
            # The short path of every event: no frame is made, no table is asked.
            if message.get("type") == "data" and type(payload := message.get("payload")) is dict:
                key = self._subscriptions.live.get(str(message.get("id")))
                if key is not None:
                    return [Received(key, payload)]
            return self._take(read(message), now)
        except RemoteProtocolError as exc:
            if self._state is State.OPEN:
                return self._unreadable(str(exc))
            self.close()
            raise

    def data_to_send(self) -> list[str]:
        """Return the text frames to send, in order, and forget them."""
        output = self._output[:]
        self._output.clear()
        return output

    def next_deadline(self) -> float | None:
        """Return when `tick` is to be called, on the caller's clock, or None."""
        if self._state is State.CONNECTING:
            return self._ack_deadline
        if self._state is not State.OPEN:
            return None
        silence = self._heard_at + (self._lost_after_s if self._stale else self._stale_after_s)
        due = self._subscriptions.next_deadline()
        return silence if due is None else min(silence, due)

    def tick(self, now: float) -> list[ClientEvent]:
        """Do what is due, after all frames that have arrived were handed in."""
        if self._state is State.CONNECTING and now >= self._ack_deadline:
            return self._lose(f"no connection_ack came within {ACK_TIMEOUT_S:g} s")
        if self._state is not State.OPEN:
            return []
        silence = now - self._heard_at
        if silence >= self._lost_after_s:
            return self._lose(f"nothing was heard for {silence:.0f} s")
        events: list[ClientEvent] = []
        if silence >= self._stale_after_s and not self._stale:
            self._stale = True
            events.append(Stale())
        return events + self._subscriptions.tick(now)

    def _take(self, frame: Frame, now: float) -> list[ClientEvent]:
        if isinstance(frame, Unknown):
            return [Ignored(f"a frame of the unknown type {frame.name!r}")]
        state, next_state = self._state, CLIENT.get((self._state, frame.type))
        if next_state is None:
            return [Ignored(f"{frame.type} while the connection was {state.name.lower()}")]
        self._state = next_state
        match frame:
            case ConnectionAck():
                self._lost_after_s = min(LOST_AFTER_S, frame.timeout_ms / 1000)
                self._stale_after_s = min(STALE_AFTER_S, self._lost_after_s / 2)
                return [Opened(), *self._begin(now)]
            case ConnectionErrors():
                return self._fail(frame.errors)
            case Error(id=None) if state is State.OPEN:
                return self._subscriptions.unaddressed(frame.errors, now)
            case Error() if state is State.CONNECTING:
                if consequence_of(frame.errors) in _FATAL:
                    return self._fail(frame.errors)
                return [Ignored(f"an error before connection_ack: {describe(frame.errors)}")]
            case StartAck() | Data() | Error() | Complete():
                return self._subscriptions.take(frame, now)
        return []

    def _unreadable(self, reason: str) -> list[ClientEvent]:
        """Pass over a frame that may have been an event of any subscription; see rule 4 of `tables`."""
        return [Ignored(reason), *(Received(key, {}) for key in self._subscriptions.live.values())]

    def _begin(self, now: float) -> list[ClientEvent]:
        return self._subscriptions.begin(now) if self._state is State.OPEN else []

    def _fail(self, errors: Errors) -> list[ClientEvent]:
        """End the connection for errors that concern all of it; what is not known is worth another attempt."""
        consequence = consequence_of(errors)
        return self._lose(
            f"the server refused the connection: {describe(errors)}",
            consequence if consequence in _FATAL else Consequence.BACK_OFF,
        )

    def _lose(
        self, reason: str, consequence: Consequence = Consequence.BACK_OFF
    ) -> list[ClientEvent]:
        self.close()
        return [Lost(reason, consequence)]

    def _send(self, frame: Frame) -> None:
        self._output.append(encode(frame))
