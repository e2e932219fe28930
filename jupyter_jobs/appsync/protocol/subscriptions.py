"""The subscriptions of one connection, on the client: which start is on the wire for which, and what comes next.

A *subscription* is what the caller wants, under a key of the caller's; it lives until it is removed or refused. An
*operation* is one `start` of it on the wire, under an id of its own. One subscription may see several, for a start
that gets no answer, is throttled, or is ended by the server is made again under a new id. At most `MAX_IN_FLIGHT`
operations wait for credentials or their `start_ack` at one time; the rest queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jupyter_jobs.appsync.backoff import HEALTHY_S, Backoff
from jupyter_jobs.appsync.messages import (
    Complete,
    Data,
    Error,
    Errors,
    Frame,
    Start,
    StartAck,
    Stop,
)
from jupyter_jobs.appsync.protocol.events import (
    ClientEvent,
    Full,
    Ignored,
    NeedsAuthorization,
    Received,
    Refused,
    Started,
)
from jupyter_jobs.appsync.protocol.tables import (
    OPERATION,
    Consequence,
    Stage,
    consequence_of,
    describe,
)
from jupyter_jobs.errors import LocalProtocolError

__all__ = ["MAX_IN_FLIGHT", "MAX_OPERATIONS", "START_ACK_TIMEOUT_S", "THROTTLED_S", "Subscriptions"]

START_ACK_TIMEOUT_S = 15.0
MAX_OPERATIONS = 100
"""What the service holds on one connection (Service Quotas, "Subscriptions per client connection")."""
MAX_IN_FLIGHT = 10
"""More starts at one time run into the service's rate limit."""
THROTTLED_S = 1.0
"""The least pause after that limit was met."""

_BACKOFF = Backoff()


@dataclass(slots=True, eq=False)
class _Subscription:
    key: str
    data: str
    failures: int = 0
    renewed: bool = False
    duplicated: bool = False
    live_since: float | None = None
    operation: _Operation | None = None


@dataclass(slots=True, eq=False)
class _Operation:
    id: str
    subscription: _Subscription
    stage: Stage = Stage.AUTHORIZING
    deadline: float | None = None


class Subscriptions:
    """What is wanted and what is on the wire. Pure; `ClientConnection` owns one and says when it may start anything.

    Attributes:
        capacity: How many operations the server holds at most: less than at first once it has said so.
        live: The key of each operation that is live, by its id; for reading only.

    Args:
        send: Takes each frame that is to go out.
        capacity: See above.
        new_id: Makes the id of each operation.
        rand: A number from 0 to 1 for the jitter of retries.
    """

    def __init__(
        self,
        send: Callable[[Frame], None],
        *,
        capacity: int,
        new_id: Callable[[], str],
        rand: Callable[[], float],
    ) -> None:
        self._send = send
        self._new_id = new_id
        self._rand = rand
        self.capacity = capacity
        self.live: dict[str, str] = {}
        self._wanted: dict[str, _Subscription] = {}
        self._ready: deque[_Subscription] = deque()
        self._delayed: dict[str, float] = {}
        self._operations: dict[str, _Operation] = {}
        self._in_flight: dict[str, _Operation] = {}
        self._throttles = 0
        self._paused_until = 0.0

    @property
    def occupied(self) -> int:
        """How many operations the server may hold, and how many more are wanted."""
        # What is in flight or live belongs to a subscription that is wanted; the other wanted ones have no operation.
        waiting = len(self._wanted) - len(self._in_flight) - len(self.live)
        return len(self._operations) + waiting

    def add(self, key: str, data: str) -> None:
        """Want a subscription; `begin` starts it."""
        if key in self._wanted:
            raise LocalProtocolError(f"the subscription {key} exists already")
        subscription = self._wanted[key] = _Subscription(key, data)
        self._ready.append(subscription)

    def remove(self, key: str) -> None:
        """Want it no longer; no event names it any more. Nothing happens if it has ended."""
        subscription = self._wanted.pop(key, None)
        if subscription is not None:
            self._delayed.pop(key, None)
            self._leave(subscription)

    def begin(self, now: float) -> list[ClientEvent]:
        """Ask for the credentials of the next starts, as many as may be in flight."""
        events: list[ClientEvent] = []
        while self._ready and len(self._in_flight) < MAX_IN_FLIGHT and now >= self._paused_until:
            subscription = self._ready.popleft()
            if self._wanted.get(subscription.key) is not subscription:
                continue
            if len(self._operations) >= self.capacity:
                events.append(self._give_back(subscription))
            else:
                operation = subscription.operation = _Operation(self._new_id(), subscription)
                self._operations[operation.id] = self._in_flight[operation.id] = operation
                events.append(
                    NeedsAuthorization(
                        subscription.key, operation.id, subscription.data, subscription.renewed
                    )
                )
        return events

    def authorize(self, id: str, authorization: Mapping[str, str], now: float) -> None:
        """Send the start. Nothing happens if it is no longer wanted."""
        operation = self._in_flight.get(id)
        if operation is not None and operation.stage is Stage.AUTHORIZING:
            operation.stage = Stage.STARTING
            operation.deadline = now + START_ACK_TIMEOUT_S
            self._send(Start(id, operation.subscription.data, authorization))

    def postpone(self, id: str, now: float) -> None:
        """Make this start again later. Nothing happens if it is no longer wanted or is live."""
        operation = self._in_flight.get(id)
        if operation is not None:
            self._again(operation.subscription, now)

    def next_deadline(self) -> float | None:
        """Return when `tick` has something to do, or None."""
        deadlines = [op.deadline for op in self._in_flight.values() if op.deadline is not None]
        deadlines += self._delayed.values()
        if self._ready and len(self._in_flight) < MAX_IN_FLIGHT:
            deadlines.append(self._paused_until)
        return min(deadlines, default=None)

    def tick(self, now: float) -> list[ClientEvent]:
        """Give up the starts that got no answer, and begin what has waited long enough."""
        for operation in list(self._in_flight.values()):
            if operation.deadline is not None and now >= operation.deadline:
                self._again(operation.subscription, now)
        for key in [key for key, retry_at in self._delayed.items() if now >= retry_at]:
            del self._delayed[key]
            self._ready.append(self._wanted[key])
        return self.begin(now)

    def take(self, frame: StartAck | Data | Error | Complete, now: float) -> list[ClientEvent]:
        """Take in a frame that names an operation."""
        operation = self._operations.get(frame.id or "")
        if operation is None:
            if isinstance(frame, StartAck):
                self._send(Stop(frame.id))  # an error without id may have ended one too many here
            return [Ignored(f"{frame.type} for a subscription that has ended")]
        stage, subscription = operation.stage, operation.subscription
        if (stage, frame.type) not in OPERATION:
            return [Ignored(f"{frame.type} for a subscription that was {stage.name.lower()}")]
        consequence = consequence_of(frame.errors) if isinstance(frame, Error) else None
        if consequence is Consequence.DUPLICATE and stage is Stage.LIVE:
            return [Ignored("a complaint about the id of a live subscription")]
        self._move(operation, OPERATION[stage, frame.type])
        if stage is Stage.ABANDONED and operation.stage is Stage.STOPPING:
            self._send(Stop(operation.id))
        if stage not in (Stage.STARTING, Stage.LIVE):
            return []
        match frame:
            case StartAck():
                subscription.live_since = now
                self._throttles = 0
                return [Started(subscription.key), *self.begin(now)]
            case Data():
                return [Received(subscription.key, frame.payload)]
            case Error():
                return self._concern(subscription, frame.errors, now) + self.begin(now)
        self._again(subscription, now)  # complete, unasked: the server's end is a loss
        return self.begin(now)

    def unaddressed(self, errors: Errors, now: float) -> list[ClientEvent]:
        """Take an error that names no operation: it may concern any start that is in flight."""
        starting = [op for op in self._in_flight.values() if op.stage is Stage.STARTING]
        events: list[ClientEvent] = [Ignored(f"an error without id: {describe(errors)}")]
        consequence = consequence_of(errors)
        if consequence in (Consequence.BACK_OFF, Consequence.FULL):
            self._throttle(starting, now)
        elif consequence in (Consequence.RENEW, Consequence.REFUSE):
            for operation in starting:
                self._move(operation, None)
                events += self._concern(operation.subscription, errors, now)
        return events + self.begin(now)

    def _concern(
        self, subscription: _Subscription, errors: Errors, now: float
    ) -> list[ClientEvent]:
        """Do to one subscription, whose operation has ended, what an error means for it."""
        consequence = consequence_of(errors)
        if consequence is Consequence.BACK_OFF:
            self._again(subscription, now)
            return []
        if consequence is Consequence.FULL:
            self.capacity = len(self._operations)
            return [self._give_back(subscription)]
        _forgive(subscription, now)
        if consequence is Consequence.RENEW and not subscription.renewed:
            subscription.renewed = True
            self._ready.append(subscription)
            return []
        if consequence is Consequence.DUPLICATE and not subscription.duplicated:
            subscription.duplicated = True
            self._ready.append(subscription)
            return []
        del self._wanted[subscription.key]
        return [Refused(subscription.key, errors, consequence is Consequence.RENEW)]

    def _give_back(self, subscription: _Subscription) -> Full:
        """Let go of a subscription for which there is no room."""
        del self._wanted[subscription.key]
        return Full(subscription.key, alone=self.capacity == 0)

    def _again(self, subscription: _Subscription, now: float) -> None:
        """Start a subscription again under a new id, later the more often it has failed."""
        self._leave(subscription)
        _forgive(subscription, now)
        subscription.failures += 1
        self._delayed[subscription.key] = now + _BACKOFF.delay(
            subscription.failures, rand=self._rand
        )

    def _throttle(self, starting: list[_Operation], now: float) -> None:
        """Pause all starts. Those in flight have as long to be acknowledged: one of them was the one too many."""
        if now >= self._paused_until:
            self._throttles += 1
            self._paused_until = (
                now + THROTTLED_S + _BACKOFF.delay(self._throttles, rand=self._rand)
            )
        for operation in starting:
            operation.deadline = self._paused_until

    def _leave(self, subscription: _Subscription) -> None:
        """Part a subscription from its operation, and end that at the server.

        A stop that is sent before `start_ack` may overtake its start and leave the operation alive for ever, so one
        that has not been acknowledged is stopped when it answers.
        """
        operation = subscription.operation
        if operation is None:
            return
        if operation.stage is Stage.AUTHORIZING:
            self._move(operation, None)
        elif operation.stage is Stage.STARTING:
            self._move(operation, Stage.ABANDONED)
        else:
            self._move(operation, Stage.STOPPING)
            self._send(Stop(operation.id))

    def _move(self, operation: _Operation, stage: Stage | None) -> None:
        """Put an operation into its next stage, None for its end, and keep the books."""
        if stage is not None:
            operation.stage = stage
        else:
            del self._operations[operation.id]
        if stage is Stage.LIVE:
            self.live[operation.id] = operation.subscription.key
        else:
            self.live.pop(operation.id, None)
        if stage is not Stage.STARTING:
            self._in_flight.pop(operation.id, None)
            operation.deadline = None
            if stage is not Stage.LIVE and operation.subscription.operation is operation:
                operation.subscription.operation = None


def _forgive(subscription: _Subscription, now: float) -> None:
    """Forget the failures of one that was live for long."""
    if subscription.live_since is not None and now - subscription.live_since >= HEALTHY_S:
        subscription.failures = 0
        subscription.renewed = subscription.duplicated = False
    subscription.live_since = None
