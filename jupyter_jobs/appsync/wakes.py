"""Notices that this machine slept, or that its event loop stood still."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LOOK_EVERY_S", "Wakes"]

LOOK_EVERY_S = 2.0
SLEPT_S = 10.0
"""So much more time on the wall than on the loop's clock, which stands still while a laptop sleeps, tells of sleep."""
BLOCKED_S = 30.0
"""So late a look tells of a loop that was blocked for long."""


class Wakes:
    """Compares two clocks, at each look.

    Args:
        wall: Seconds since the epoch.
        monotonic: Seconds on the loop's clock.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = wall(), monotonic()

    def look(self) -> bool:
        """Return whether there was no life here for long since the last look. To be called every `LOOK_EVERY_S`."""
        last_wall, last_monotonic = self._last
        self._last = wall, monotonic = self._wall(), self._monotonic()
        awake = monotonic - last_monotonic
        return awake > LOOK_EVERY_S + BLOCKED_S or wall - last_wall - awake > SLEPT_S
