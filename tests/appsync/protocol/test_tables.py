from __future__ import annotations

from typing import Any

import pytest

from jupyter_jobs.appsync import messages
from jupyter_jobs.appsync.protocol.tables import (
    CLIENT,
    CODES,
    ERRORS,
    OPERATION,
    SERVER,
    Consequence,
    Stage,
    State,
    consequence_of,
    describe,
)

TYPES = {getattr(messages, name).type for name in messages.__all__ if name[0].isupper() and hasattr(getattr(messages, name), "type")}  # fmt: skip


@pytest.mark.parametrize(
    "table", [CLIENT, SERVER, OPERATION], ids=["CLIENT", "SERVER", "OPERATION"]
)
def test_a_table_speaks_only_of_frames_that_exist(table: dict[tuple[Any, str], Any]) -> None:
    assert {frame for _, frame in table} <= TYPES


def test_a_closed_connection_takes_no_frame() -> None:
    assert State.CLOSED not in {state for state, _ in [*CLIENT, *SERVER]}


def test_what_waits_for_credentials_is_unknown_to_the_server() -> None:
    assert Stage.AUTHORIZING not in {stage for stage, _ in OPERATION}


def test_an_operation_ends_by_error_or_complete_alone() -> None:
    assert {frame for (_, frame), stage in OPERATION.items() if stage is None} == {
        "error",
        "complete",
    }


@pytest.mark.parametrize("row", ERRORS, ids=lambda row: f"{row[0]} {row[1]}".strip())
def test_each_kind_of_error_has_its_consequence_under_any_package(
    row: tuple[str, str, Consequence],
) -> None:
    kind, message, consequence = row
    error = {"errorType": f"com.amazonaws.x#{kind}Exception", "message": f"{message} or so"}

    assert consequence_of([error]) is consequence


@pytest.mark.parametrize("code", CODES)
def test_a_code_decides_where_the_type_does_not(code: int) -> None:
    assert consequence_of([{"errorType": "New", "errorCode": code}]) is CODES[code]


@pytest.mark.parametrize(
    "errors",
    [
        [],
        [{}],
        [{"errorCode": 500}],
        [{"errorCode": "401"}],
        [{"errorType": None, "message": None}],
    ],
)
def test_what_is_not_known_has_no_consequence_of_its_own(errors: list[dict[str, Any]]) -> None:
    assert consequence_of(errors) is Consequence.UNKNOWN


def test_the_first_error_that_is_known_decides() -> None:
    errors = [{"message": "odd"}, {"errorType": "LimitExceededError"}, {"errorCode": 401}]

    assert consequence_of(errors) is Consequence.BACK_OFF


def test_errors_are_described_for_people() -> None:
    errors = [{"errorType": "A", "message": "b"}, {"message": "c"}, {"errorCode": 401}]

    assert describe(errors) == "A: b; c; code 401"
    assert describe([]) == "no reason given"
