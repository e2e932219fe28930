import inspect
import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import (
    InvalidJob,
    InvalidTransition,
    JobNotFound,
    UnknownRequest,
)
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.joblist import gather
from jupyter_jobs.jobs.kinds import Command
from jupyter_jobs.jobs.options import DEFAULTS
from jupyter_jobs.jobs.waiting import as_completed
from jupyter_jobs.widget.monitor import JobMonitor
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
    with pytest.raises(ValueError, match="bad day"):
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


async def test_many_are_submitted_at_once_and_waited_for_in_the_same_cell(
    backend: RunningBackend,
) -> None:
    monitor = of(backend, "many")

    jobs = monitor.map(pow, [2, 3], [3, 2], timeout=60)
    ready = monitor.submit_all([partial(pow, 2, 4), Command(["true"])], after=jobs)

    assert jobs.results(timeout=60) == [8, 9]
    assert {job.id for job in as_completed(ready, timeout=60)} == {job.id for job in ready}
    assert gather(jobs, ready).results() == [8, 9, 16, 0]
    assert ready[0].record.after == tuple(job.id for job in jobs)


async def test_a_cell_that_runs_again_has_its_job_back(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "key")

    first = monitor.submit("work", params={"day": 1}, key="auto")
    again = monitor.submit("work", params={"day": 1}, key="auto")
    other = monitor.submit("work", params={"day": 2}, key="auto")

    assert again is first
    assert again.attached == "already submitted just now"
    assert not other.attached


async def test_jobs_are_found_in_the_cell(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "find")
    jobs = monitor.map("work", [1, 2], name="night", tags=["a"])
    external_backend.update(jobs[0].id, status="FAILED")

    assert list(monitor.find(status="failed", name="night", tag="a")) == [jobs[0]]
    assert list(monitor.find(since=timedelta(minutes=5), limit=1)) == [jobs[1]]


async def test_a_table_has_the_newest_attempt_of_each_job_or_all(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: list[list[str]] = []
    monkeypatch.setattr(
        "jupyter_jobs.jobs.joblist.frame", lambda jobs: tables.append([job.id for job in jobs])
    )
    monitor = of(external_backend, "table")
    job, other = monitor.submit("work"), monitor.submit("work")
    monitor.cancel(job)
    retry = monitor.retry(job)

    monitor.to_pandas()
    monitor.to_pandas(all_attempts=True)

    assert tables == [[retry.id, other.id], [retry.id, other.id, job.id]]


@pytest.mark.parametrize("method", ["submit", "map", "submit_all"])
@pytest.mark.parametrize("of_class", [JobMonitor, JobClient])
def test_help_shows_every_option(of_class: type, method: str) -> None:
    function = getattr(of_class, method)

    assert set(DEFAULTS) <= set(inspect.signature(function).parameters)
    if of_class is JobMonitor:
        assert all(f"{name}: " in (function.__doc__ or "") for name in DEFAULTS)


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
