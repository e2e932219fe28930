from __future__ import annotations

import pytest

from jupyter_jobs.backend.limits import Bucket, Pace, Paces, nests_deeper

PACE = Pace(3, 2.0)


def test_a_bucket_gives_its_burst_then_its_pace() -> None:
    bucket = Bucket(PACE)

    at_once = [bucket.take(10.0) for _ in range(4)]
    later = [bucket.take(10.4), bucket.take(10.5), bucket.take(10.5)]

    assert at_once == [True, True, True, False]
    assert later == [False, True, False]


def test_a_bucket_tells_how_long_to_wait() -> None:
    bucket = Bucket(PACE)
    for _ in range(3):
        bucket.take(0.0)

    assert bucket.wait(0.0) == 0.5
    assert bucket.wait(0.25) == 0.25
    assert bucket.wait(0.5) == 0.0


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = Bucket(PACE)
    for _ in range(3):
        bucket.take(100.0)

    assert not bucket.take(0.0)
    assert bucket.take(101.0)


def test_each_of_many_has_a_pace_of_its_own() -> None:
    paces = Paces(PACE)
    for _ in range(3):
        paces.note("one", 0.0)

    assert paces.wait("one", 0.0) == 0.5
    assert paces.wait("other", 0.0) == 0.0


def test_those_that_rest_are_forgotten() -> None:
    paces = Paces(PACE)
    paces.note("old", 0.0)

    paces.note("new", 100.0)

    assert len(paces) == 1


def test_more_than_fit_push_out_the_oldest() -> None:
    paces = Paces(Pace(3, 0.001), most=2)
    for name in ("first", "second", "first", "third"):
        paces.note(name, 0.0)

    assert len(paces) == 2
    for _ in range(3):
        paces.note("first", 0.0)
    assert paces.wait("first", 0.0) > 0


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ([], 1), ([1], 1), ({"a": [1, {"b": None}]}, 3), ([[], [[]]], 3)]
)
def test_how_deep_json_nests_is_told(value: object, depth: int) -> None:
    assert not nests_deeper(value, depth)
    assert depth == 0 or nests_deeper(value, depth - 1)
