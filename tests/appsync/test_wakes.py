from __future__ import annotations

import pytest

from jupyter_jobs.appsync.wakes import LOOK_EVERY_S, Wakes


class Clocks:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall = 1e9
        self.monotonic = 0.0
        self.wakes = Wakes(lambda: self.wall, lambda: self.monotonic)

    def look_after(self, *, wall: float, monotonic: float) -> bool:
        self.wall += wall
        self.monotonic += monotonic
        return self.wakes.look()


@pytest.mark.parametrize(
    ("wall", "monotonic", "woke"),
    [
        (LOOK_EVERY_S, LOOK_EVERY_S, False),
        (LOOK_EVERY_S + 5, LOOK_EVERY_S + 5, False),  # a cell of a few seconds
        (360.0, 360.0, True),  # a cell of six minutes
        (3600.0, LOOK_EVERY_S, True),  # a lid that was shut
        (-3600.0, LOOK_EVERY_S, False),  # a clock that was put right
    ],
)
def test_a_sleep_and_a_long_block_are_noticed(wall: float, monotonic: float, woke: bool) -> None:
    assert Clocks().look_after(wall=wall, monotonic=monotonic) is woke


def test_one_sleep_is_noticed_once() -> None:
    clocks = Clocks()

    assert clocks.look_after(wall=3600.0, monotonic=1.0)
    assert not clocks.look_after(wall=2.0, monotonic=2.0)
