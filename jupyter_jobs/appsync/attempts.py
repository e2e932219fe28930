"""What one operation takes: which attempts are made, when, and what ends them. Knows neither sockets nor event loops.

    credentials refused        at once, once, if asking anew gives other ones
    nothing was sent           after a back-off: no connection could be made, so nothing can happen twice
    anything that may pass     after a back-off, if the operation may run twice without harm:
                               no whole answer, 429, 5xx, what is not GraphQL

A wait is at least what `Retry-After` asks for, and is not begun if it would outlast the call. A kept connection that the
server has closed is noticed before it is used; if it closes just as a request leaves, nobody can know whether that
arrived, so it counts as no whole answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_jobs.appsync.answers import read_answer
from jupyter_jobs.appsync.auth import Attempt, Purpose, same_credentials
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConnectionLost, Throttled, Unauthorized, WireError

__all__ = ["Answer", "Deadline", "NeverSent", "Operation", "Send", "Step", "Wait"]

_LEAST_S = 0.05
"""An attempt that has less time than this is not worth its request."""

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers by lower-case name, body."""


class NeverSent(ConnectionLost):
    """No connection could be made, so the server has not seen the request."""


@dataclass(frozen=True, slots=True)
class Send:
    """Post this; the result is an `Answer`."""

    headers: Mapping[str, str] = field(repr=False)
    content: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this time pass."""

    seconds: float


Step = Attempt | Send | Wait
"""What the driver of an operation does next: ask for credentials, post, or wait."""


class Deadline:
    """When a call must be over, all its attempts together.

    Attributes:
        seconds: How long it has from now.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._at = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left; none when it is over."""
        return max(self._at - self._clock(), 0.0)


@dataclass(frozen=True, slots=True)
class Operation:
    """One GraphQL operation, and how often it may be tried.

    Attributes:
        body: JSON text of query and variables; what is signed is what is sent.
        idempotent: Whether it may run twice without harm.
    """

    body: str
    idempotent: bool
    max_retries: int
    backoff: Backoff

    def steps(self, endpoint: Endpoint, deadline: Deadline) -> Generator[Step, Any, dict[str, Any]]:
        """Yield what is to be done; return the data.

        The driver sends each step's result, or throws the `WireError` that it ended in.
        """
        refusal: Unauthorized | None = None
        refused: dict[str, str] = {}
        failures = 0
        while True:
            renew = refusal is not None
            credentials = yield Attempt(Purpose.REQUEST, endpoint, self.body, renew=renew)
            if refusal is not None and same_credentials(credentials, refused):
                raise refusal
            headers = {name.lower(): value for name, value in credentials.items()}
            try:
                answer = yield Send(
                    {"content-type": "application/json", **headers}, self.body.encode()
                )
                return read_answer(endpoint, *answer)
            except Unauthorized as error:
                if refusal is not None:
                    raise
                refusal, refused = error, credentials
            except WireError as error:
                failures += 1
                wait = self._wait(error, failures)
                if wait is None or wait.seconds + _LEAST_S > deadline.left():
                    raise
                yield wait

    def _wait(self, error: WireError, failures: int) -> Wait | None:
        """Return how long to wait before the next attempt, or None if there is to be none."""
        harmless = self.idempotent or isinstance(error, NeverSent)
        if not error.retryable or not harmless or failures > self.max_retries:
            return None
        asked = error.retry_after if isinstance(error, Throttled) else None
        return Wait(max(self.backoff.delay(failures), asked or 0.0))
