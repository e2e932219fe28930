from __future__ import annotations

from jupyter_jobs.appsync.backoff import full_jitter


def test_the_longest_wait_doubles_up_to_a_cap() -> None:
    waits = [full_jitter(failures, rand=lambda: 1.0) for failures in range(1, 10)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_waits_are_spread_from_zero() -> None:
    assert full_jitter(5, rand=lambda: 0.0) == 0.0
    assert full_jitter(5, rand=lambda: 0.25) == 2.0


def test_a_night_of_failures_does_not_overflow() -> None:
    assert full_jitter(10**9, rand=lambda: 1.0) == 30.0
