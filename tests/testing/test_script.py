from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.testing.script import Outcome, Rule, Script
from jupyter_jobs.testing.submitted import Submitted


def submitted(*names: str) -> Submitted:
    return Submitted("a", JobKind.FUNCTION, names[-1], names, "train(1)", "g", None, {}, None, {})


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"returns": 1, "raises": ValueError}, "one end"),
        ({"returns": 1, "lost": True}, "one end"),
        ({"takes": -1}, "from 0"),
        ({"takes": float("nan")}, "from 0"),
        ({"prints": "a line"}, r"prints=\['a line'\]"),
        ({"progress": [0.5, 0.1]}, "goes up"),
        ({"progress": [10, 20]}, "from 0 to 1"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(said: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Outcome(**said)


def test_lines_come_evenly_and_progress_when_that_share_is_over() -> None:
    outcome = Outcome(takes=timedelta(seconds=100), prints=["first", "second"], progress=[0.1, 1])

    assert outcome.steps() == [
        (0.0, "prints", "first"),
        (10.0, "progress", 0.1),
        (50.0, "prints", "second"),
        (100.0, "progress", 1),
    ]


def test_work_that_hangs_says_what_it_says_at_its_start() -> None:
    outcome = Outcome(takes=float("inf"), prints=["first", "second"], progress=[0, 0.5])

    assert [value for _, _, value in outcome.steps()] == ["first", 0]


def test_an_exception_may_be_named_by_its_class() -> None:
    assert isinstance(Outcome(raises=KeyError).error, KeyError)


def test_runs_take_one_outcome_after_the_other_and_the_last_goes_on() -> None:
    rule = Rule("fetch").then(returns=1).then(returns=2)

    taken = [rule.take() for _ in range(3)]

    assert taken == [Outcome(returns=1), Outcome(returns=2), Outcome(returns=2)]


def test_a_rule_that_says_nothing_lets_jobs_return_none() -> None:
    assert Rule("fetch").take() == Outcome()


def test_a_value_is_not_taken_for_a_function() -> None:
    with pytest.raises(TypeError, match=r"write returns=0\.9"):
        Rule("train").then(0.9)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="say either"):
        Rule("train").then(print, returns=1)


@pytest.mark.parametrize("pattern", ["Trainer.fit", "fit", "f?t", "*", "mine"])
def test_a_pattern_is_held_against_each_name(pattern: str) -> None:
    assert Rule(pattern).matches(submitted("Trainer.fit", "fit", "mine"))


def test_a_name_with_brackets_is_also_itself() -> None:
    assert Rule("rows [1]").matches(submitted("rows [1]"))
    assert not Rule("FIT").matches(submitted("fit"))


def test_the_newest_rule_counts() -> None:
    script = Script()
    script.add("*")
    newest = script.add("train")

    assert script.find(submitted("train")) is newest
    assert script.find(submitted("fetch")) is not newest


def test_what_is_missing_is_said_with_what_to_write() -> None:
    script = Script()
    script.add("fetch")

    assert script.find(submitted("train")) is None
    assert script.describe_missing(submitted("train")) == (
        'Nothing is scripted for "train": write scripted_jobs.on("train", returns=…) before it is '
        'submitted; scripted are "fetch".'
    )
