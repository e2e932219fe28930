"""How much the backend takes from whoever asks: each limit with its reason. Pure; the present is an argument.

They are there against floods and accidents, and far above what fifty busy kernels do. What a document may be stands in
`shape`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BODY_LIMIT",
    "BODY_S",
    "CONNECTIONS",
    "FAILURES",
    "FRAMES",
    "FRAME_LIMIT",
    "GRACE_S",
    "HEAD_S",
    "NEWCOMERS",
    "REQUESTS",
    "REQUESTS_OF_GUESTS",
    "STALLED_S",
    "STARTS",
    "STRANGERS_BODY_LIMIT",
    "UNREAD_LIMIT",
    "VARIABLES_DEPTH",
    "Bucket",
    "Pace",
    "Paces",
    "nests_deeper",
]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something may be done.

    Attributes:
        burst: At once, after a rest.
        per_second: In the long run.
    """

    burst: int
    per_second: float


BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a request; a pickled function may be 32 MiB, and grows on the way."""

STRANGERS_BODY_LIMIT = 1024 * 1024
"""Bytes that are read before it is known who sends them: an AWS signature is over the body. All others are known by
their headers; of what is refused so many are read and forgotten, so that the sender gets as far as to the answer."""

FRAME_LIMIT = 240 * 1024
"""Bytes of a message on a WebSocket; AppSync's for a subscription's payload (service quotas). Ours have 10 KB."""

UNREAD_LIMIT = 4 * 1024 * 1024
"""Bytes that may wait in a WebSocket's transport when it is pinged: pongs are sent whether or not they are read."""

HEAD_S = 10.0
"""Seconds for the head of a request, and for TLS before it: whoever sends byte after byte holds a connection."""

BODY_S = 60.0
"""Seconds for its body; the largest comes over a line of 10 Mbit/s in that, and clients give up after 35."""

STALLED_S = 60.0
"""Seconds that an answer may wait for somebody who does not read on."""

CONNECTIONS = 4096
"""At one time; fifty kernels have about 200. Fewer where the system allows fewer files."""

NEWCOMERS = 256
"""Connections that have not said a whole head yet. One more, and the oldest is cut: so whoever opens them and is silent
keeps nobody out."""

GRACE_S = 3.0
"""Seconds that each newcomer has, however many there are: what it has said may not have been read yet."""

VARIABLES_DEPTH = 32
"""Objects and lists in one another; the input types of the schema need three."""

FAILURES = Pace(60, 1.0)
"""Credentials that one address may show in vain. The holder of the own key is never held up by others' failures: behind
one address, loopback for one, there may be many."""

REQUESTS = Pace(10_000, 2_000.0)
"""Of whoever may run any code; more than one process can answer, so that only a loop gone mad meets it."""

REQUESTS_OF_GUESTS = Pace(1_000, 200.0)
"""Of all guests together, so that they leave the owner room."""

STARTS = Pace(500, 50.0)
"""Subscriptions that a connection may begin; a client that comes back starts a hundred at once."""

FRAMES = Pace(2_000, 200.0)
"""Messages on a connection; each start may be followed by a stop, and little else is ever sent."""


class Bucket:
    """Counts what is done against a pace."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._left = float(pace.burst)
        self._at = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until it may be done again; 0 if it may be now."""
        self._fill(now)
        return max(0.0, (1.0 - self._left) / self._pace.per_second)

    def take(self, now: float) -> bool:
        """Do it once, if it may be; return whether it was."""
        if self.wait(now):
            return False
        self._left -= 1.0
        return True

    def is_full(self, now: float) -> bool:
        """Whether it is as if nothing had been done."""
        self._fill(now)
        return self._left >= self._pace.burst

    def _fill(self, now: float) -> None:
        if now > self._at:
            gained = (now - self._at) * self._pace.per_second
            self._left = min(float(self._pace.burst), self._left + gained)
            self._at = now


class Paces:
    """A bucket for each of many, of which those that rest are forgotten.

    Args:
        pace: Of each.
        most: How many are kept; of more, the one that was longest not heard of goes.
    """

    def __init__(self, pace: Pace, most: int = 10_000) -> None:
        self._pace = pace
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str, now: float) -> float:
        """Return the seconds until one of them may go on; 0 if it may now."""
        bucket = self._buckets.get(name)
        return 0.0 if bucket is None else bucket.wait(now)

    def note(self, name: str, now: float) -> None:
        """Count one thing that one of them did."""
        bucket = self._buckets.setdefault(name, Bucket(self._pace))
        bucket.take(now)
        self._buckets.move_to_end(name)
        oldest = next(iter(self._buckets.values()))
        if len(self._buckets) > self._most or oldest.is_full(now):
            self._buckets.popitem(last=False)


def nests_deeper(value: Any, depth: int) -> bool:
    """Return whether JSON has objects and lists in one another deeper than that."""
    level = _containers([value])
    for _ in range(depth):
        if not level:
            return False
        level = _containers(
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        )
    return bool(level)


def _containers(values: Iterable[Any]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, dict | list)]
