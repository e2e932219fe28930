from __future__ import annotations

import logging

import pytest

from jupyter_jobs.appsync.subscription import Subscription, guarded


class Carrier:
    """Notes what is put on it."""

    def __init__(self) -> None:
        self.carried: list[Subscription] = []

    def add(self, subscription: Subscription) -> None:
        self.carried.append(subscription)

    def remove(self, subscription: Subscription) -> None:
        self.carried.remove(subscription)


def subscribe(carrier: Carrier, ended: list[object]) -> Subscription:
    subscription = Subscription(
        carrier, "{}", on_started=lambda: None, on_data=lambda payload: None, on_ended=ended.append
    )
    carrier.add(subscription)
    return subscription


def test_closing_takes_it_off_and_tells_once() -> None:
    carrier, ended = Carrier(), []
    subscription = subscribe(carrier, ended)

    subscription.close()
    subscription.close()

    assert (carrier.carried, ended) == ([], [None])
    assert subscription.closed


def test_it_moves_without_an_end() -> None:
    one, other, ended = Carrier(), Carrier(), []
    subscription = subscribe(one, ended)

    subscription.move(other)

    assert (one.carried, other.carried, ended) == ([], [subscription], [])


def test_what_has_ended_does_not_move() -> None:
    one, other, ended = Carrier(), Carrier(), []
    subscription = subscribe(one, ended)
    subscription.close()

    subscription.move(other)

    assert other.carried == []


def test_each_has_a_name_of_its_own_that_shows_its_end() -> None:
    carrier = Carrier()
    one, other = subscribe(carrier, []), subscribe(carrier, [])
    other.close()

    assert one.key != other.key
    assert repr(one) == f"Subscription({one.key})"
    assert repr(other) == f"Subscription({other.key}, closed)"


def test_a_failure_of_someone_elses_code_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    guarded(lambda: 1 / 0)

    assert "ZeroDivisionError" in caplog.text
