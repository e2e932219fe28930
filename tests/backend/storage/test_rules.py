from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.backend.storage.rules import (
    BACKOFF_LIMIT_S,
    Rules,
    describe_dependency,
    describe_error,
    run_of,
)
from jupyter_jobs.jobs.model import WIRE_NAMES


def job(**fields: Any) -> dict[str, Any]:
    return dict.fromkeys(WIRE_NAMES.values()) | {"id": "j-1", "name": "prepare"} | fields


def test_what_is_not_said_has_its_default() -> None:
    assert Rules.of(job()) == Rules(queue_timeout=None, retries=0, backoff=1.0, cpus=1)


def test_rules_are_read_from_a_job() -> None:
    told = {"timeout": 60, "queueTimeout": 5, "retries": 2, "backoff": 0.5, "cpus": 4}

    assert Rules.of(job(rules=json.dumps(told))) == Rules(
        queue_timeout=5, retries=2, backoff=0.5, cpus=4
    )


def test_each_delay_is_twice_the_one_before_up_to_five_minutes() -> None:
    rules = Rules(retries=12, backoff=1.0)

    delays = [rules.delay(run) for run in range(1, 14)]

    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, None]


@given(st.integers(0, 1000), st.floats(0, 1e9), st.integers(1, 1001))
def test_a_delay_is_bounded_and_there_is_one_while_runs_are_left(
    retries: int, backoff: float, run: int
) -> None:
    delay = Rules(retries=retries, backoff=backoff).delay(run)

    assert (delay is None) == (run > retries)
    assert delay is None or 0 <= delay <= BACKOFF_LIMIT_S


def test_a_run_is_counted_from_one() -> None:
    assert run_of(job()) == 1
    assert run_of(job(history=json.dumps([{}, {}]))) == 3


def test_an_error_is_a_short_line() -> None:
    assert describe_error({"type": "ValueError", "message": "bad\n  day"}) == "ValueError: bad day"
    assert describe_error({"type": "ValueError", "message": ""}) == "ValueError"
    assert describe_error(None) == ""
    assert len(describe_error({"type": "E", "message": "x" * 1000})) == 120
    assert describe_error({"message": "half a pair: \ud800"}) == "half a pair: ?"


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (
            "FAILED",
            {"type": "ValueError", "message": "bad day"},
            "prepare failed: ValueError: bad day",
        ),
        (
            "TIMED_OUT",
            {"type": "TimedOut", "message": "ran longer than 60 s"},
            "prepare timed out: ran longer than 60 s",
        ),
        (
            "LOST",
            {"type": "Lost", "message": "its folder is gone"},
            "prepare was lost: its folder is gone",
        ),
        ("CANCELLED", None, "prepare was cancelled"),
        ("CANCELLED", {"type": "DependencyFailed", "message": "load failed: E"}, "load failed: E"),
        ("FAILED", "no disk", "prepare failed: no disk"),
        ("FAILED", None, "prepare failed"),
        ("SUCCEEDED", None, None),
    ],
)
def test_a_dependency_that_failed_is_told_with_its_first_cause(
    status: str, error: Any, reason: str | None
) -> None:
    body = job(status=status, error=None if error is None else json.dumps(error))

    assert describe_dependency(body) == reason


def test_a_dependency_without_a_name_is_told_by_what_there_is() -> None:
    assert describe_dependency(job(status="LOST", name=None, request="r")) == "r was lost"
    assert describe_dependency(job(status="LOST", name=None)) == "j-1 was lost"
