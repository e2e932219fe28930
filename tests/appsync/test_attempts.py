from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from jupyter_jobs.appsync.attempts import Deadline, NeverSent, Operation, Send, Step, Wait
from jupyter_jobs.appsync.auth import Attempt, Purpose
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConnectionLost, RequestTimedOut, ServerFault, Throttled, WireError

ENDPOINT = Endpoint.parse("https://api.example.com/graphql")
OK = (200, {}, b'{"data":{"ok":true}}')
DENIED = (401, {}, b"")
KEY = {"X-Api-Key": "a"}

Steps = Generator[Step, Any, dict[str, Any]]


class Clock:
    """Time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


def steps_of(
    clock: Clock, *, idempotent: bool = False, base_s: float = 0.0, seconds: float = 35.0
) -> Steps:
    """An operation that has asked for its credentials."""
    operation = Operation("{}", idempotent, 3, Backoff(base_s=base_s))
    steps = operation.steps(ENDPOINT, Deadline(seconds, clock=clock))
    assert next(steps) == Attempt(Purpose.REQUEST, ENDPOINT, "{}")
    return steps


def answered(steps: Steps, answer: Any) -> dict[str, Any]:
    with pytest.raises(StopIteration) as done:
        steps.send(answer)
    return done.value.value  # type: ignore[no-any-return]  # StopIteration is not generic


def test_one_attempt_asks_posts_and_returns_the_data(clock: Clock) -> None:
    steps = steps_of(clock)

    sent = steps.send(KEY)

    assert sent == Send({"content-type": "application/json", "x-api-key": "a"}, b"{}")
    assert "'a'" not in repr(sent)
    assert answered(steps, OK) == {"ok": True}


def test_refused_credentials_are_renewed_once(clock: Clock) -> None:
    steps = steps_of(clock)
    steps.send(KEY)

    again = steps.send(DENIED)
    steps.send({"X-Api-Key": "b"})

    assert again == Attempt(Purpose.REQUEST, ENDPOINT, "{}", renew=True)
    assert answered(steps, OK) == {"ok": True}


def test_other_credentials_that_are_refused_too_end_it(clock: Clock) -> None:
    steps = steps_of(clock, idempotent=True)
    steps.send(KEY)
    steps.send(DENIED)
    steps.send({"X-Api-Key": "b"})

    with pytest.raises(WireError, match="refused the credentials"):
        steps.send(DENIED)


def test_the_same_credentials_are_not_shown_again(clock: Clock) -> None:
    steps = steps_of(clock, idempotent=True)
    steps.send(KEY)
    steps.send(DENIED)

    with pytest.raises(WireError, match="refused the credentials"):
        steps.send(KEY)


@pytest.mark.parametrize(
    ("error", "plain", "idempotent"),
    [
        (NeverSent("no connection"), True, True),
        (ConnectionLost("broke"), False, True),
        (RequestTimedOut("late"), False, True),
        (ServerFault("500"), False, True),
        (Throttled("429"), False, True),
        (WireError("no"), False, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_is_tried_again_only_where_nothing_can_happen_twice(
    clock: Clock, error: WireError, plain: bool, idempotent: bool
) -> None:
    for harmless, expected in ((False, plain), (True, idempotent)):
        steps = steps_of(clock, idempotent=harmless)
        steps.send(KEY)

        if expected:
            assert steps.throw(error) == Wait(0.0)
            assert steps.send(None) == Attempt(Purpose.REQUEST, ENDPOINT, "{}")
        else:
            with pytest.raises(type(error)):
                steps.throw(error)


def test_it_is_tried_again_as_often_as_allowed(clock: Clock) -> None:
    steps = steps_of(clock, idempotent=True)
    for _ in range(3):
        steps.send(KEY)
        assert isinstance(steps.throw(ServerFault("500")), Wait)
        steps.send(None)
    steps.send(KEY)

    with pytest.raises(ServerFault):
        steps.throw(ServerFault("500"))


def test_it_waits_as_long_as_the_service_asks(clock: Clock) -> None:
    steps = steps_of(clock, idempotent=True, base_s=0.5)
    steps.send(KEY)

    assert steps.throw(Throttled("429", retry_after=7.0)) == Wait(7.0)


def test_a_wait_that_would_outlast_the_call_is_not_begun(clock: Clock) -> None:
    steps = steps_of(clock, idempotent=True, seconds=10.0)
    steps.send(KEY)
    clock.now = 4.0

    with pytest.raises(Throttled) as error:
        steps.throw(Throttled("429", retry_after=6.0))

    assert error.value.retry_after == 6.0


def test_a_deadline_counts_down_to_nothing(clock: Clock) -> None:
    deadline = Deadline(2.0, clock=clock)

    assert deadline.left() == 2.0
    clock.now = 1.5
    assert deadline.left() == 0.5
    clock.now = 3.0
    assert deadline.left() == 0.0
