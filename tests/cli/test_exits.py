import pytest

from jupyter_jobs import errors
from jupyter_jobs.cli.exits import EXITS, Exit, Usage, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.JobFailed("it"), Exit.FAILED),
        (errors.JobTimedOut("it"), Exit.FAILED),
        (errors.InvalidTransition("it"), Exit.FAILED),
        (errors.ResultUnavailable("it"), Exit.FAILED),
        (RuntimeError("it"), Exit.FAILED),
        (Usage("it"), Exit.USAGE),
        (errors.InvalidJob("it"), Exit.USAGE),
        (errors.UnknownRequest("it"), Exit.USAGE),
        (errors.NotSupported("it"), Exit.USAGE),
        (errors.ConfigurationError("it"), Exit.USAGE),
        (TypeError("it"), Exit.USAGE),
        (errors.JobNotFound("it"), Exit.NOT_FOUND),
        (errors.BackendUnavailable("it"), Exit.UNREACHABLE),
        (errors.ConnectionLost("it"), Exit.UNREACHABLE),
        (errors.RequestTimedOut("it"), Exit.UNREACHABLE),
        (errors.Unauthorized("it"), Exit.UNREACHABLE),
        (errors.MissingCredentials("it"), Exit.UNREACHABLE),
        (TimeoutError("it"), Exit.TIMED_OUT),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (BrokenPipeError(), Exit.UNREAD),
    ],
)
def test_each_error_has_its_code(error: BaseException, code: Exit) -> None:
    assert exit_code(error) is code


def test_help_tells_all_codes_but_that_of_a_reader_who_has_gone() -> None:
    told = {int(line.split()[0]) for line in EXITS.splitlines()[1:]}

    assert told == set(Exit) - {Exit.UNREAD}
