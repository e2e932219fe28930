from __future__ import annotations

import random
from typing import Any

import pytest

from jupyter_jobs.appsync.backoff import OFFLINE_RAMP, Backoff, Failures


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


def attempts_in_an_hour(failures: Failures, **how: Any) -> int:
    """Count how often it is tried to connect, while every attempt fails at once."""
    now, attempts = 0.0, 0
    while now < 3600:
        attempts += 1
        failures.add()
        now += failures.delay(**how)
    return attempts


def hour(*, is_loopback: bool = False, seed: int = 1) -> Failures:
    return Failures(Backoff(), is_loopback=is_loopback, rand=random.Random(seed).random)


@pytest.mark.parametrize("seed", range(5))
def test_a_server_that_is_down_is_not_stormed(seed: int) -> None:
    assert 120 <= attempts_in_an_hour(hour(seed=seed)) <= 320


@pytest.mark.parametrize("seed", range(5))
def test_without_a_network_it_is_tried_at_most_once_a_minute(seed: int) -> None:
    assert 40 <= attempts_in_an_hour(hour(seed=seed), offline=True) <= 60 + OFFLINE_RAMP


def test_a_backend_of_this_machine_is_found_again_quickly() -> None:
    failures = hour(is_loopback=True)
    for _ in range(100):
        failures.add()

    assert failures.delay(offline=True) <= 5.0


def test_what_the_server_asks_for_is_waited() -> None:
    failures = hour()
    failures.add()

    assert failures.delay(at_least_s=42.0) == 42.0


def test_only_what_worked_for_a_minute_begins_anew() -> None:
    failures = hour()
    for _ in range(3):
        failures.add(worked_s=59.0)
    assert failures.count == 3

    failures.add(worked_s=60.0)

    assert failures.count == 1


def test_a_server_cannot_ask_for_ever() -> None:
    failures = hour()
    failures.add()

    assert failures.delay(at_least_s=1e7) == 900.0
