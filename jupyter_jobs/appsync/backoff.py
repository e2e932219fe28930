"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["BASE_S", "CAP_S", "HEALTHY_S", "full_jitter"]

BASE_S = 0.5
CAP_S = 30.0
HEALTHY_S = 60.0
"""What has worked for this long begins again with the shortest wait; what breaks sooner goes on where it was."""


def full_jitter(failures: int, *, rand: Callable[[], float] = random.random) -> float:
    """Return seconds to wait after that many failures in a row, from 1.

    Spread over the whole range from zero, so that many clients that lost one server do not come back in step.
    """
    return rand() * min(CAP_S, BASE_S * 2.0 ** min(failures - 1, 16))
