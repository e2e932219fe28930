"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["HEALTHY_S", "Backoff"]

HEALTHY_S = 60.0
"""What has worked for this long begins again with the shortest wait; what breaks sooner goes on where it was."""


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
