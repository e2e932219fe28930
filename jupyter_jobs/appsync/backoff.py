"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

__all__ = ["HEALTHY_S", "Backoff", "Failures"]

HEALTHY_S = 60.0
"""What has worked for this long begins again with the shortest wait; what breaks sooner goes on where it was."""
OFFLINE_RAMP = 5
"""So often it is tried quickly to reach a server to which there is no way; then it is waited for the network."""
OFFLINE_S = 60.0
ASKED_CAP_S = 900.0
"""The longest wait that a server may ask for: it may give a date, and a clock may be wrong."""
LOOPBACK_CAP_S = 5.0
"""A backend on this machine is started again within a second, and asking costs nobody anything."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow with the failures in a row, in seconds.

    Attributes:
        base_s: The longest wait after the first failure.
        multiplier: How much longer it may be after each further one.
        cap_s: The longest wait of all.
    """

    base_s: float = 0.5
    multiplier: float = 2.0
    cap_s: float = 30.0

    def delay(self, failures: int, *, rand: Callable[[], float] = random.random) -> float:
        """Return seconds to wait after that many failures in a row, from 1.

        Spread over the whole range from zero, so that many clients that lost one server do not come back in step.
        """
        try:
            longest = self.base_s * self.multiplier ** (failures - 1)
        except OverflowError:
            longest = self.cap_s
        return rand() * min(self.cap_s, longest)


class Failures:
    """Failures of one connection in a row, and how long to wait after each.

    Args:
        backoff: The waits while there is a way to the server.
        is_loopback: Whether the server is on this machine.
        rand: A number from 0 to 1.

    Attributes:
        count: How many there were since it last worked for long.
    """

    def __init__(
        self,
        backoff: Backoff,
        *,
        is_loopback: bool,
        rand: Callable[[], float] = random.random,
    ) -> None:
        if is_loopback:
            backoff = replace(backoff, cap_s=min(backoff.cap_s, LOOPBACK_CAP_S))
        self.count = 0
        self._backoff = backoff
        self._is_loopback = is_loopback
        self._rand = rand

    def add(self, worked_s: float = 0.0) -> None:
        """Count one more; the first, if the connection had worked for long.

        Args:
            worked_s: Seconds for which it had been open.
        """
        if worked_s >= HEALTHY_S:
            self.count = 0
        self.count += 1

    def forget(self) -> None:
        """Begin again with the shortest wait."""
        self.count = 0

    def delay(self, *, offline: bool = False, at_least_s: float = 0.0) -> float:
        """Return seconds to wait before the next attempt.

        Args:
            offline: Whether there was no way to the server: after a few attempts it is tried once in 60 to 90 s.
            at_least_s: What the server asked for; at most 15 minutes are granted.
        """
        if offline and not self._is_loopback and self.count > OFFLINE_RAMP:
            delay = OFFLINE_S * (1 + self._rand() / 2)
        else:
            delay = self._backoff.delay(self.count, rand=self._rand)
        return max(delay, min(at_least_s, ASKED_CAP_S))
