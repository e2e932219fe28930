from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_jobs.backend.api import inputs
from jupyter_jobs.backend.refusal import Refusal


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (inputs.read_id, "../up", "id must be"),
        (inputs.read_id, "-a", "no dash first"),
        (lambda text: inputs.read_text(text, "request"), "  ", "request is empty"),
        (inputs.read_tags, [""], "a tag is a non-empty string"),
        (inputs.read_key, " ", "key= takes a non-empty string"),
        (inputs.read_after, [""], "after= takes jobs or their ids"),
        (lambda value: inputs.read_rules(value, 2), "{", "rules must be JSON"),
        (lambda value: inputs.read_rules(value, 2), "[]", "rules are an object of timeout"),
        (lambda value: inputs.read_rules(value, 2), '{"cpus": 3}', "at most 2 here, not 3"),
        (inputs.read_params, "NaN", "params must be JSON"),
        (inputs.read_params, 7, "a string that holds JSON"),
        (lambda value: inputs.read_moment(value, "since"), "soon", "since must be a time as 2026"),
        (lambda limit: inputs.read_limit(limit, 5, 10), 11, "limit must be from 1 to 10, not 11"),
    ],
)
def test_what_cannot_be_is_refused_with_what_may_be(
    read: Callable[[Any], object], value: Any, words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        read(value)


def test_what_is_not_given_is_nothing() -> None:
    assert inputs.read_tags(None) is None
    assert inputs.read_tags([]) is None
    assert inputs.read_key(None) is None
    assert inputs.read_after([]) is None
    assert inputs.read_rules(None, 1) is None
    assert inputs.read_rules('{"timeout": null}', 1) is None
    assert inputs.read_params(None) is None
    assert inputs.read_limit(None, 5, 10) == 5


def test_rules_are_kept_as_far_as_they_say_something() -> None:
    told = inputs.read_rules('{"cpus": 2, "timeout": 1.5, "retries": null}', 2)

    assert json.loads(told or "") == {"cpus": 2, "timeout": 1.5}


def test_without_a_machine_of_our_own_any_number_of_cpus_may_be_wanted() -> None:
    assert inputs.read_rules('{"cpus": 512}', None) == '{"cpus": 512}'


@pytest.mark.parametrize(
    "text", ["2026-11-22T21:00:00+01:00", "2026-11-22T20:00:00Z", "2026-11-22T20:00:00"]
)
def test_a_time_is_read_in_utc(text: str) -> None:
    assert inputs.read_moment(text, "since") == datetime(2026, 11, 22, 20, tzinfo=UTC)
