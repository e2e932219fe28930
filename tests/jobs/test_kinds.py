from typing import Any

import pytest

from jupyter_jobs.errors import InvalidCall, InvalidJob
from jupyter_jobs.jobs.kinds import Command, Notebook, article


def test_a_shell_line_that_is_empty_is_refused() -> None:
    with pytest.raises(InvalidJob, match="empty"):
        Command.shell(" ")


def test_a_command_given_as_a_string_is_told_both_ways_out() -> None:
    with pytest.raises(TypeError, match=r"\['ls', '-l'\].*Command\.shell"):
        Command("ls -l")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], r"a non-empty list of strings, the program first, not \[\]"),
        (3, "a non-empty list of strings, the program first, not 3"),
        (["sleep", 3], "a list of strings, the program first, and 3 is none: write '3'"),
        (["ls", None], "a list of strings, the program first, and None is none$"),
    ],
)
def test_a_command_is_a_list_of_strings(args: Any, says: str) -> None:
    with pytest.raises(InvalidCall, match=says):
        Command(args)


def test_a_list_of_arguments_is_no_shell_line() -> None:
    line: Any = ["ls", "-l"]

    with pytest.raises(InvalidCall, match=r"not \['ls', '-l'\]; .* goes to Command itself"):
        Command.shell(line)


def test_the_environment_of_a_command_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Command(["ls"], env={"TOKEN": "hunter2"}))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("Process data", "a named request"),
        (Command(["ls"]), "a Command"),
        (Notebook("report.ipynb"), "a Notebook"),
        (print, "a function"),
        (3, "an object of type int"),
    ],
)
def test_each_is_called_by_what_it_is(request_: Any, words: str) -> None:
    assert article(request_) == words
