import inspect

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

    assert retryable == {"ConnectionLost", "RequestTimedOut", "ServerFault", "Throttled"}
    assert issubclass(Unauthorized, WireError)


def test_a_refusal_tells_every_message_and_the_first_type() -> None:
    error = RequestRefused([{"errorType": "A", "message": "one"}, {"message": "two"}], host="h")

    assert (str(error), error.error_type, error.host) == ("one; two", "A", "h")


def test_a_refusal_without_errors_still_says_something() -> None:
    assert str(RequestRefused([])) == "refused without a reason"
    assert RequestRefused([]).error_type == ""
