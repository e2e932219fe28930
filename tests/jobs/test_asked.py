import math
from collections.abc import Generator
from typing import Any

import pytest

from jupyter_jobs.jobs import asked
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.reader import Reader

READER = Reader(PROFILES["jupyter_jobs"])


def drive(exchange: Generator[Call[Any], Any, Any], *told: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Answer an exchange with what the server tells, in order; what it comes to, and what it asked."""
    questions: list[dict[str, Any]] = []
    answer: Any = None
    for page in (*told, None):
        try:
            call = exchange.send(answer)
        except StopIteration as end:
            return end.value, questions
        questions.append(dict(call.variables))
        answer = call.read(page, READER)
    raise AssertionError(f"it asked for more: {questions[-1]}")


def lines(*seqs: int) -> dict[str, Any]:
    return {"lines": [{"seq": seq} for seq in seqs], "ended": False, "dropped": 0}


def test_a_log_is_read_page_by_page() -> None:
    read, questions = drive(asked.read_lines("j"), lines(1, 2), lines(3), lines())

    assert [line["seq"] for line in read] == [1, 2, 3]
    assert [question.get("after") for question in questions] == [None, 2, 3]


def test_a_log_that_says_that_it_has_ended_is_asked_no_more() -> None:
    read, questions = drive(asked.read_lines("j"), {**lines(1, 2), "ended": True})

    assert len(read) == 2
    assert len(questions) == 1


def test_only_the_first_page_is_asked_for_by_time() -> None:
    _, questions = drive(asked.read_lines("j", since="2026-11-23T10:00:00Z"), lines(7), lines())

    assert [question.get("since") for question in questions] == ["2026-11-23T10:00:00Z", None]
    assert questions[1]["after"] == 7


def test_a_few_last_lines_are_one_question() -> None:
    read, questions = drive(asked.read_lines("j", tail=2), lines(7, 8, 9))

    assert [line["seq"] for line in read] == [8, 9]
    assert questions == [{"id": "j", "tail": 2, "limit": 2}]
    assert drive(asked.read_lines("j", tail=0), lines(9))[0] == []


def points(*seqs: int, ended: bool = False, dropped: int = 0) -> dict[str, Any]:
    told = [{"seq": seq, "step": None, "values": '{"loss": 0.5, "bad": null}'} for seq in seqs]
    return {"points": told, "ended": ended, "dropped": dropped}


def test_points_are_read_to_the_end_of_the_series() -> None:
    read, questions = drive(asked.read_points("j"), points(1, 4, dropped=2), points(5, ended=True))
    told, dropped = read

    assert [point["seq"] for point in told] == [1, 4, 5]
    assert dropped == 2
    assert [question.get("after") for question in questions] == [None, 4]


def test_points_of_a_job_that_goes_on_are_those_that_are_there() -> None:
    (told, dropped), _ = drive(asked.read_points("j"), points(1), points())

    assert len(told) == 1
    assert dropped == 0


def test_a_number_that_json_has_not_is_no_number() -> None:
    (told, _), _ = drive(asked.read_points("j"), points(1, ended=True))

    assert told[0]["values"]["loss"] == 0.5
    assert math.isnan(told[0]["values"]["bad"])


@pytest.mark.parametrize("call", [asked.files("j"), asked.queue("j")])
def test_it_is_about_one_job(call: Call[Any]) -> None:
    assert (call.variables, call.job_id) == ({"id": "j"}, "j")
    assert not call.read(None, READER)
