from typing import Any

import pytest

from jupyter_jobs.errors import DependencyFailed, JobFailed, JobLost, JobTimedOut
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.unsuccessful import is_unsuccessful, never_started, unsuccessful


def job(status: str = "FAILED", **error: Any) -> Job:
    return Job(id="j", name="train", status=JobStatus(status), error=error or None)


SENTENCES = [
    (job(type="ValueError", message="bad day"), JobFailed, "train failed: ValueError: bad day"),
    (
        job(type="ExitCode", message="ended with exit code 2", exitCode=2),
        JobFailed,
        "train ended with exit code 2",
    ),
    (
        job(type="Signal", message="killed by SIGKILL (perhaps out of memory)", signal="SIGKILL"),
        JobFailed,
        "train was killed by SIGKILL (perhaps out of memory)",
    ),
    (
        job("TIMED_OUT", type="TimedOut", message="ran longer than 60 s"),
        JobTimedOut,
        "train ran longer than 60 s",
    ),
    (
        job("TIMED_OUT", message="waited longer than 60 s for a free place"),
        JobTimedOut,
        "train waited longer than 60 s for a free place",
    ),
    (
        job("TIMED_OUT", type="Lambda", message="15 min"),
        JobTimedOut,
        "train ran out of time: Lambda: 15 min",
    ),
    (
        job("LOST", type="Lost", message="its folder is gone"),
        JobLost,
        "train was lost: its folder is gone",
    ),
    (
        job("CANCELLED", type="DependencyFailed", message="prepare failed: ValueError: bad day"),
        DependencyFailed,
        "train never started: prepare failed: ValueError: bad day",
    ),
    (job(), JobFailed, "train failed: no reason was given"),
    (job("LOST"), JobLost, "train was lost: no reason was given"),
]


@pytest.mark.parametrize(("ended", "kind", "sentence"), SENTENCES)
def test_a_bad_end_is_said_in_words(ended: Job, kind: type[Exception], sentence: str) -> None:
    error = unsuccessful(ended)

    assert type(error) is kind
    assert str(error) == sentence
    assert (error.job_id, error.name) == ("j", "train")
    assert is_unsuccessful(ended)


def test_facts_are_attributes() -> None:
    error = unsuccessful(job(type="ExitCode", message="…", exitCode=137, log="a\nb"))

    assert (error.exit_code, error.signal, error.log_tail) == (137, "", ("a", "b"))
    assert unsuccessful(job(signal="SIGSEGV", exitCode="?")).signal == "SIGSEGV"
    assert unsuccessful(job(exitCode="?")).exit_code is None


def test_who_reads_only_text_gets_traceback_and_last_lines_without_secrets() -> None:
    error = unsuccessful(
        job(
            type="E",
            message="api_key=hush",
            traceback="Traceback\n  token=hush\n",
            log=["one", "password: hush"],
        )
    )

    assert str(error) == "train failed: E: api_key=[hidden]"
    assert error.__notes__ == [
        "In the job:\nTraceback\n  token=[hidden]",
        "Last lines it printed:\none\npassword: [hidden]",
    ]


def test_a_cancelled_job_is_no_failure_of_others() -> None:
    assert not never_started(job("CANCELLED"))
    assert not is_unsuccessful(job("CANCELLED", type="Other"))
    assert not is_unsuccessful(job("SUCCEEDED"))
