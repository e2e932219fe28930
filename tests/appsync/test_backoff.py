from __future__ import annotations

from jupyter_jobs.appsync.backoff import Backoff


def test_the_longest_wait_doubles_up_to_a_cap() -> None:
    waits = [Backoff().delay(failures, rand=lambda: 1.0) for failures in range(1, 10)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_base_multiplier_and_cap_can_be_chosen() -> None:
    backoff = Backoff(base_s=1.0, multiplier=3.0, cap_s=10.0)

    assert [backoff.delay(n, rand=lambda: 1.0) for n in (1, 2, 3, 4)] == [1.0, 3.0, 9.0, 10.0]


def test_waits_are_spread_from_zero() -> None:
    assert Backoff().delay(5, rand=lambda: 0.0) == 0.0
    assert Backoff().delay(5, rand=lambda: 0.25) == 2.0


def test_a_night_of_failures_does_not_overflow() -> None:
    assert Backoff().delay(10**9, rand=lambda: 1.0) == 30.0
