from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.limits import (
    AFTER_LIMIT,
    EVENT_LIMIT,
    EVENT_ROOM,
    KEY_LIMIT,
    PARAMS_LIMIT,
    TAG_LIMIT,
    TAGS_LIMIT,
    check_after,
    check_event,
    check_key,
    check_rules,
    check_tags,
    event_size,
    json_text,
)
from jupyter_jobs.jobs.model import WIRE_NAMES
from jupyter_jobs.jobs.requests import submit_input


def test_an_event_is_measured_with_all_its_fields() -> None:
    event = {"data": {"onJobUpdate": {**dict.fromkeys(WIRE_NAMES.values()), "id": "a"}}}

    assert event_size({"id": "a"}) == len(json.dumps(event, separators=(",", ":")))


def test_a_job_just_below_the_limit_passes_and_one_byte_more_does_not() -> None:
    room = EVENT_LIMIT - EVENT_ROOM - event_size({"name": ""})

    check_event({"name": "x" * room})
    with pytest.raises(InvalidJob, match=r"229,377 bytes.*take 229,376, most of them in name"):
        check_event({"name": "x" * (room + 1)})


def test_the_longest_characters_count_as_what_json_makes_of_them() -> None:
    room = EVENT_LIMIT - EVENT_ROOM - event_size({"name": ""})

    check_event({"name": "\N{SNAKE}" * (room // 12)})
    with pytest.raises(InvalidJob, match="most of them in name"):
        check_event({"name": "\N{SNAKE}" * (room // 12 + 1)})


def test_what_is_never_published_does_not_count() -> None:
    check_event({"id": "a", "payload": "x" * EVENT_LIMIT})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"params": "x" * PARAMS_LIMIT}, r"params of 102,402 bytes is over the limit of 102,400"),
        ({"name": "x" * EVENT_LIMIT}, r"the job would have .* most of them in name; save"),
        ({"params": {"day": float("nan")}}, "params must be JSON"),
    ],
)
def test_a_submit_that_no_event_could_carry_is_refused_before_it_is_sent(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidJob, match=says):
        submit_input("Process data", **options)


def test_a_submit_with_a_very_long_request_is_refused_too() -> None:
    with pytest.raises(InvalidJob, match="most of them in"):
        submit_input("x" * EVENT_LIMIT)


def test_params_at_their_limit_fit_an_event_however_they_are_written() -> None:
    body = submit_input("Process data", params='"' * ((PARAMS_LIMIT - 2) // 2))

    assert event_size({**body, "payload": None}) <= EVENT_LIMIT


def test_tags_are_kept_once_each_without_the_blanks_around_them() -> None:
    assert check_tags(()) == []
    assert check_tags((" sweep ", "two words", "sweep")) == ["sweep", "two words"]
    assert check_tags(["x" * TAG_LIMIT]) == ["x" * TAG_LIMIT]
    assert len(check_tags([*map(str, range(TAGS_LIMIT)), "0"])) == TAGS_LIMIT


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("sweep", r"tags= takes a list: write tags=\['sweep'\]"),
        (7, "takes a list of strings, not 7"),
        ([7], "a tag is a non-empty string, not 7"),
        (["a", " "], "a tag is a non-empty string, not ' '"),
        (["x" * (TAG_LIMIT + 1)], "at most 50 characters, and 'xxxxxxxxxxxxxxxxxxxx'… has 51"),
        (map(str, range(TAGS_LIMIT + 1)), "at most 20 tags, and these are 21"),
    ],
)
def test_tags_that_cannot_be_say_what_to_write(tags: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        check_tags(tags)


def test_text_is_json_or_none() -> None:
    assert json_text(None, "params", 10) is None
    assert json_text({"a": [1]}, "params", 10) == '{"a": [1]}'


def test_a_value_that_contains_itself_is_no_json() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InvalidJob, match="params must be JSON"):
        json_text(endless, "params", 10)


def test_a_key_is_kept_without_the_blanks_around_it() -> None:
    assert check_key(" sweep-1 ") == "sweep-1"
    assert check_key("x" * KEY_LIMIT) == "x" * KEY_LIMIT


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (" ", "key= takes a non-empty string, not ' '"),
        (7, "key= takes a non-empty string, not 7"),
        ("x" * (KEY_LIMIT + 1), "at most 200 characters, and 'xxxxxxxxxxxxxxxxxxxx'… has 201"),
    ],
)
def test_a_key_that_cannot_be_says_what_may(key: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        check_key(key)


def test_a_job_waits_for_each_other_once() -> None:
    assert check_after(iter(["b", "a", "b"])) == ["b", "a"]
    assert len(check_after([str(n) for n in range(AFTER_LIMIT)])) == AFTER_LIMIT


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ("a", r"after= takes a list: write after=\['a'\]"),
        (7, "takes jobs or their ids, not 7"),
        ([{}], "takes jobs or their ids, not {}"),
        ([str(n) for n in range(AFTER_LIMIT + 1)], "at most 5,000 others, and these are 5,001"),
    ],
)
def test_what_a_job_cannot_wait_for_is_said(ids: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        check_after(ids)


def test_the_most_that_a_job_waits_for_fits_its_events() -> None:
    ids = [str(uuid.UUID(int=n)) for n in range(AFTER_LIMIT)]

    check_event({"after": ids})


def test_rules_are_those_that_are_set() -> None:
    rules = {"timeout": 0.5, "queueTimeout": 60, "retries": 0, "backoff": 0, "cpus": 1}

    assert check_rules({**rules, "timeout": None}) == {
        name: value for name, value in rules.items() if name != "timeout"
    }
    assert check_rules(rules) == rules


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([], "rules are an object of timeout, queueTimeout, retries, backoff, cpus, not"),
        ({"time_out": 3}, "there is no rule 'time_out'; there are timeout, queueTimeout"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0, not 0"),
        ({"timeout": -1}, "above 0, not -1"),
        ({"timeout": "60"}, "above 0, not '60'"),
        ({"timeout": True}, "above 0, not True"),
        ({"queueTimeout": float("inf")}, "queueTimeout must be a number of seconds above 0"),
        ({"retries": -1}, "retries must be a whole number from 0 to 100, not -1"),
        ({"retries": 1.5}, "from 0 to 100, not 1.5"),
        ({"retries": 101}, "from 0 to 100, not 101"),
        ({"backoff": -0.1}, "backoff must be a number of seconds, 0 or more"),
        ({"cpus": 0}, "cpus must be a whole number from 1 on, not 0"),
    ],
)
def test_rules_that_cannot_be_say_what_may(rules: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        check_rules(rules)
