import re
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import (
    InvalidJob,
    InvalidTransition,
    JobFailed,
    JobNotFound,
    UnknownRequest,
)
from tests.support.backend import RunningBackend
from tests.support.monitor import of


async def test_a_job_that_is_nowhere_is_not_found(external_backend: RunningBackend) -> None:
    with pytest.raises(JobNotFound, match="nobody"):
        of(external_backend, "g").get("nobody")


async def test_cancel_takes_a_job_or_its_id(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "cancel")
    first, second = monitor.submit("work"), monitor.submit("work")

    assert monitor.cancel(first)
    assert monitor.cancel(second.id)
    assert {job.status for job in monitor.jobs} == {"CANCELLED"}


async def test_retry_takes_a_job_or_its_id(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "retry")
    job = monitor.submit("work", tags=["night"])
    monitor.cancel(job)

    retry = monitor.retry(job)

    assert (retry.attempt, retry.tags, retry.status) == (2, ("night",), "QUEUED")
    assert monitor.retry(job.id) is retry
    assert monitor.jobs == [retry, job]
    with pytest.raises(InvalidTransition, match="is queued; only a job that has ended"):
        monitor.retry(retry)


async def test_a_retry_runs_the_same_call_again(backend: RunningBackend, tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def fails_at_first(path: Path) -> str:
        if not path.exists():
            path.touch()
            raise ValueError("bad day")
        return "good day"

    job = of(backend, "again").submit(fails_at_first, seen)
    with pytest.raises(JobFailed, match="bad day"):
        await job

    assert await job.retry() == "good day"


async def test_what_is_no_job_is_told_what_to_write(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "no job")
    jobs: Any = monitor.jobs

    for act in (monitor.retry, monitor.cancel):
        with pytest.raises(
            TypeError, match=r"one job or its id, not list; for several write a loop"
        ):
            act(jobs)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("sweep", r"tags= takes a list: write tags=\['sweep'\]"),
        (["sweep", ""], "a tag is a non-empty string, not ''"),
    ],
)
async def test_tags_that_cannot_be_are_refused_in_the_cell(
    external_backend: RunningBackend, tags: Any, says: str
) -> None:
    monitor = of(external_backend, "tags")

    with pytest.raises(InvalidJob, match=says):
        monitor.submit("work", tags=tags)
    assert monitor.jobs == []


async def test_where_a_job_was_submitted_is_the_line_of_this_file(
    external_backend: RunningBackend,
) -> None:
    job = of(external_backend, "origin").submit("work")

    assert re.fullmatch(r"test_plain_calls\.py, line \d+", job.submitted_from or "")


async def test_an_unknown_request_names_the_known_ones(backend: RunningBackend) -> None:
    with pytest.raises(UnknownRequest) as raised:
        of(backend, "unknown").submit("Train")

    assert "Process data" in raised.value.known


async def test_a_refused_job_takes_nothing_from_those_that_run(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "refused")
    job = monitor.submit("work")
    with pytest.raises(InvalidJob):
        monitor.submit("")
    external_backend.update(job.id, status="SUCCEEDED", result="1")

    assert await job == 1
    assert monitor.jobs == [job]
