from __future__ import annotations

import math

import pytest

from tests.soak.growth import LIMITS, Sample, grown, slope, table

HOUR = range(0, 1800, 5)


def measured(name: str, value: object) -> list[Sample]:
    """Half an hour of samples of a function of the time."""
    assert callable(value)
    return [{"at": float(at), name: value(at)} for at in HOUR]


def test_a_slope_is_not_moved_by_what_lies_far_off() -> None:
    points = [(float(at), 2.0 * at) for at in range(100)]
    points[50] = (50.0, 1e9)

    assert slope(points) == pytest.approx(2.0)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_what_grows_without_bound_is_told_of(name: str) -> None:
    limit = LIMITS[name]
    steep = 3 * max(limit.per_hour, 3 * limit.noise) / 3600

    assert [said.split()[0] for said in grown(measured(name, lambda at: steep * at))] == [name]


def test_what_comes_and_goes_does_not_grow() -> None:
    waves = measured("memory", lambda at: 60 + 3 * math.sin(at / 60))

    assert list(grown(waves)) == []


def test_what_grows_in_the_beginning_alone_does_not_grow() -> None:
    assert list(grown(measured("memory", lambda at: min(at, 300) / 10))) == []


def test_the_table_has_start_middle_end_and_growth() -> None:
    head, line = table(measured("memory", lambda at: 60 + at / 3600))

    assert head.split() == ["start", "middle", "end", "most", "an", "hour", "limit"]
    assert line.split()[0] == "memory"
    assert line.split()[5] == "+1"
