import argparse
from datetime import UTC, datetime

import pytest

from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.cli.filters import Filter, add_filters, matching
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.model import Job, JobStatus
from tests.support.backend import RunningBackend
from tests.support.following import submit


def read(*words: str) -> Filter:
    parser = argparse.ArgumentParser()
    add_filters(parser)
    return Filter.of(parser.parse_args(words, argparse.Namespace(group=None)))


def test_words_become_a_filter() -> None:
    assert read() == Filter()
    assert not read().says_something
    wanted = read(
        *("--status", "running,Timed out", "--status", "timed-out"),
        *("--name", "n", "--tag", "t", "--since", "2026-11-22T10:00Z"),
    )
    assert wanted == Filter(
        statuses=frozenset({JobStatus.RUNNING, JobStatus.TIMED_OUT}),
        name="n",
        tag="t",
        since=datetime(2026, 11, 22, 10, tzinfo=UTC),
    )
    assert wanted.says_something


def test_a_state_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(Usage, match=r"no status 'DONE'; choose of queued, running, .*, timed_out"):
        read("--status", "DONE")


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Filter(), True),
        (Filter(statuses=frozenset({JobStatus.FAILED})), False),
        (Filter(statuses=frozenset({JobStatus.FAILED, JobStatus.RUNNING})), True),
        (Filter(name="train"), True),
        (Filter(name="trai"), False),
        (Filter(tag="night"), True),
        (Filter(tag="nigh"), False),
        (Filter(group="g"), True),
        (Filter(group="h"), False),
        (Filter(since=datetime(2026, 11, 22, 10, tzinfo=UTC)), True),
        (Filter(since=datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)), False),
    ],
)
def test_a_job_is_taken_if_it_is_all_that_is_wanted(wanted: Filter, takes: bool) -> None:
    job = Job(
        id="j",
        name="train",
        group="g",
        tags=("night",),
        status=JobStatus.RUNNING,
        created_at="2026-11-22T10:00:00Z",
    )

    assert wanted.takes(job) is takes


def test_matching_jobs_come_from_all_pages_newest_first(
    external_backend: RunningBackend, api: JobApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [
        submit(external_backend, "filters", name=f"n{n % 2}", tags=["even"] * (1 - n % 2))
        for n in range(6)
    ]
    external_backend.update(ids[0], status="RUNNING")
    monkeypatch.setattr(calls, "PAGE", 2)

    def found(wanted: Filter, limit: int | None = None) -> list[int]:
        return [ids.index(job.id) for job in api.drive_sync(matching(wanted, limit=limit))]

    everything = Filter(group="filters")
    assert found(everything) == [5, 4, 3, 2, 1, 0]
    assert found(everything, 3) == [5, 4, 3]
    assert found(Filter(group="filters", tag="even")) == [4, 2, 0]
    assert found(Filter(group="filters", name="n0", statuses=frozenset({JobStatus.RUNNING}))) == [0]
    job = next(job for job in api.drive_sync(matching(everything)) if job.id == ids[3])
    since = datetime.fromisoformat(job.created_at or "")
    assert set(found(Filter(group="filters", since=since))) >= {5, 4, 3}


def test_of_a_line_of_attempts_the_newest_stands(
    external_backend: RunningBackend, api: JobApi
) -> None:
    first = submit(external_backend, "lines")
    external_backend.update(first, status="FAILED")
    second = api.run_sync(calls.retry(first))["id"]
    wanted = Filter(group="lines")
    failed = Filter(group="lines", statuses=frozenset({JobStatus.FAILED}))

    assert [job.id for job in api.drive_sync(matching(wanted))] == [second]
    assert [job.id for job in api.drive_sync(matching(wanted, every=True))] == [second, first]
    assert api.drive_sync(matching(failed)) == []
