import inspect
import re
from typing import get_args

import pytest

from jupyter_jobs import errors
from jupyter_jobs.errors import JobsError, RequestRefused, Unauthorized, WireError


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    drawn = {
        line.replace("│", " ").replace("├──", "").replace("└──", "").split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "──" in line or line.strip() == "JobsError"
    }

    assert drawn == set(errors.__all__)


def test_every_error_is_a_jobs_error() -> None:
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass)]

    assert all(issubclass(cls, JobsError) for cls in classes if cls.__module__ == errors.__name__)


def test_only_faults_of_the_way_there_are_retryable() -> None:
    retryable = {
        name for name in errors.__all__ if getattr(getattr(errors, name), "retryable", False)
    }

    assert retryable == {
        *("ConnectionLost", "RequestTimedOut", "ServerFault", "Throttled", "UnusableAnswer")
    }
    assert issubclass(Unauthorized, WireError)


def test_a_refusal_tells_every_message_and_the_first_type() -> None:
    error = RequestRefused([{"errorType": "A", "message": "one"}, {"message": "two"}], host="h")

    assert (str(error), error.error_type, error.host) == ("one; two", "A", "h")


def test_a_refusal_without_errors_still_says_something() -> None:
    assert str(RequestRefused([])) == "refused without a reason"
    assert RequestRefused([]).error_type == ""


def drawn_codes() -> dict[str, str]:
    """Error -> its code, from the table in the docstring."""
    text = (errors.__doc__ or "").split("one of four", 1)[1].split("Facts are")[0]
    codes: dict[str, str] = {}
    code = ""
    for line in text.splitlines():
        words = re.findall(r"\w+", line[:110])
        if words and words[0] in get_args(errors.ErrorCode):
            code = words[0]
        codes |= {word: code for word in words if word in errors.__all__}
    return codes


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_the_code_that_the_table_says(name: str) -> None:
    assert getattr(errors, name).code == drawn_codes().get(name, "SUBMISSION_FAILED")


def test_every_code_is_in_the_table() -> None:
    listed = {*drawn_codes().values(), "SUBMISSION_FAILED"}

    assert listed == set(get_args(errors.ErrorCode))
    assert "SUBMISSION_FAILED    all others" in (errors.__doc__ or "")
