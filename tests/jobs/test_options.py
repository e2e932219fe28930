import inspect
import json
import numbers
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Unpack

import pytest

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.model import Priority
from jupyter_jobs.jobs.options import DEFAULTS, Options, check, explained, similar, split

ID = "6b3c9c0e-8d0e-4b53-9f1b-0a4d3a1f9d10"


def fields(**options: Any) -> dict[str, Any]:
    return dict(check(Options(**options)).fields)  # type: ignore[typeddict-item]  # what a user may write


def test_each_option_has_a_default_and_a_description() -> None:
    described = inspect.getdoc(Options) or ""

    assert list(DEFAULTS) == list(Options.__annotations__)
    assert [name for name in DEFAULTS if f"    {name}: " not in described] == []


def test_what_is_not_said_is_not_sent() -> None:
    assert fields() == {"priority": "MEDIUM"}
    assert fields(**DEFAULTS) == {"priority": "MEDIUM"}


def test_all_that_is_said_becomes_fields_of_the_input() -> None:
    said = fields(
        priority=Priority.LOW,
        name="night",
        params={"day": 1},
        tags=["a", "a "],
        key=" report ",
        again=True,
        timeout=timedelta(minutes=1),
        queue_timeout=0.5,
        retries=2,
        backoff=0,
        cpus=3,
        after=[ID, SimpleNamespace(id="other"), ID],
    )

    assert json.loads(said.pop("rules")) == {
        "timeout": 60.0,
        "queueTimeout": 0.5,
        "retries": 2,
        "backoff": 0,
        "cpus": 3,
    }
    assert said == {
        "priority": "LOW",
        "name": "night",
        "params": '{"day": 1}',
        "tags": ["a"],
        "key": "report",
        "again": True,
        "after": [ID, "other"],
    }


def test_a_job_to_wait_for_may_stand_alone() -> None:
    assert fields(after=ID)["after"] == [ID]
    assert fields(after=SimpleNamespace(id="one"))["after"] == ["one"]
    assert "after" not in fields(after=[])


def test_a_number_of_another_library_is_taken_as_what_it_is() -> None:
    assert json.loads(fields(cpus=Int64())["rules"]) == {"cpus": 4}


@numbers.Number.register
class Int64:
    """As NumPy has it."""

    def item(self) -> int:
        return 4


def test_folder_and_variables_go_with_the_work(tmp_path: Path) -> None:
    place = check({"cwd": tmp_path, "env": {"N": 4, "HOME": tmp_path, "A": "b"}}).place

    assert place == {"cwd": str(tmp_path), "env": {"N": "4", "HOME": str(tmp_path), "A": "b"}}
    assert check({"env": {}}).place == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"priority": "URGENT"}, "choose one of HIGH, MEDIUM, LOW"),
        ({"name": " "}, "name= must be a non-empty string"),
        ({"tags": "sweep"}, r"write tags=\['sweep'\]"),
        ({"params": {1}}, "params must be JSON"),
        ({"key": ""}, 'key="auto"'),
        ({"key": 7}, 'key="auto"'),
        ({"key": "x" * 201}, "at most 200 characters"),
        ({"again": True}, "goes with key="),
        ({"key": "a", "again": "yes"}, "again= is True or False"),
        ({"timeout": 0}, "timeout= must be a number of seconds above 0, not 0"),
        ({"timeout": True}, "timeout= must be a number of seconds"),
        ({"queue_timeout": timedelta(0)}, "queue_timeout= must be a number of seconds above 0"),
        ({"retries": -1}, "retries= must be a whole number from 0"),
        ({"retries": 1.5}, "retries= must be a whole number"),
        ({"backoff": 2}, "say retries= too"),
        ({"retries": 1, "backoff": -1}, "backoff= must be"),
        ({"cpus": 1.5}, "cpus= must be a whole number from 1"),
        ({"cpus": 0}, "cpus= must be a whole number from 1"),
        ({"after": "prepare"}, r"write after=job, .* after=monitor\.find\(name='prepare'\)"),
        ({"after": 3}, r"after=\[job\]"),
        ({"after": [3]}, "not 3"),
        ({"env": {1: 2}}, "1 in env= cannot be the name"),
        ({"env": {"A=": "b"}}, "without ="),
        ({"env": {"A": None}}, "the value of A in env= must be a string"),
        ({"env": {"A": True}}, "the value of A in env= must be a string"),
        ({"env": {"A": "a\0"}}, "null character"),
        ({"env": "A=b"}, "env= takes names and values"),
        ({"cwd": "/no/such/folder"}, "does not exist"),
        ({"cwd": __file__}, "the folder to run in is no folder"),
        ({"timeout": "1h"}, r"number of seconds above 0, not '1h'; .* timedelta\(hours=2\)"),
        ({"cwd": 3}, "cwd= takes the path of a folder"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        fields(**options)


def test_the_value_of_a_variable_is_in_no_error() -> None:
    with pytest.raises(InvalidJob) as raised:
        fields(env={"TOKEN": ["hunter2"]})

    assert "hunter2" not in str(raised.value)


def test_an_option_that_is_none_is_told_which_was_meant() -> None:
    with pytest.raises(TypeError, match=r"there is no option 'timeot'; did you mean timeout=\?"):
        fields(timeot=1)
    assert similar("zzz") == ""


def test_the_keywords_of_a_call_are_options_and_the_functions_own() -> None:
    assert split({"name": "a", "lr": 0.1}) == ({"name": "a"}, {"lr": 0.1})


def test_help_shows_each_option_with_default_type_and_description() -> None:
    @explained
    def submit(request: str, /, *args: int, **kwargs: Any) -> None:
        """Submit.

        Args:
            request: What.
            {options}
            **kwargs: More.
        """

    @explained
    def map_(*args: int, **options: Unpack[Options]) -> None:
        """Map."""

    shown = inspect.signature(submit)
    assert list(shown.parameters) == ["request", "args", *DEFAULTS, "kwargs"]
    assert list(inspect.signature(map_).parameters) == ["args", *DEFAULTS]
    assert "priority: 'Priority | str' = 'MEDIUM'" in str(shown)
    assert "\n            timeout: Seconds, or a timedelta" in (submit.__doc__ or "")
    assert "{options}" not in (submit.__doc__ or "")
