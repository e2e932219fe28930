import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from jupyter_jobs.errors import JobCancelled, JobFailed, JobsRefused, NotSupported
from jupyter_jobs.jobs import joblist
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.joblist import JobList, gather
from jupyter_jobs.jobs.model import JobStatus
from tests.support.backend import RunningBackend
from tests.support.following import following


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "joblist") as client:
        yield client


@pytest.fixture
async def jobs(client: JobClient) -> JobList[Any]:
    return await client.map("work", range(3))


def end(backend: RunningBackend, jobs: JobList[Any], *ends: str) -> None:
    for n, (job, status) in enumerate(zip(jobs, ends, strict=True)):
        backend.update(job.id, status="RUNNING")
        backend.update(
            job.id, status=status, **({"result": str(n)} if status == "SUCCEEDED" else {})
        )


async def test_it_is_a_sequence_whose_slices_are_lists_of_jobs_too(jobs: JobList[Any]) -> None:
    assert len(jobs) == 3
    assert jobs[1:] == JobList([jobs[1], jobs[2]])
    assert jobs[0] in jobs
    assert list(reversed(jobs)) == [jobs[2], jobs[1], jobs[0]]
    assert hash(jobs[:]) == hash(jobs)
    assert jobs[:1] + jobs[2:] == JobList([jobs[0], jobs[2]])
    assert jobs != list(jobs)


async def test_it_says_how_many_are_how(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    assert (repr(jobs), jobs.done()) == ("<JobList of 3 jobs: 3 queued>", False)

    end(external_backend, jobs, "SUCCEEDED", "FAILED", "SUCCEEDED")
    assert await asyncio.to_thread(jobs.wait)

    assert repr(jobs) == "<JobList of 3 jobs: 2 succeeded, 1 failed>"
    assert jobs.counts == {JobStatus.SUCCEEDED: 2, JobStatus.FAILED: 1}
    assert jobs.done()
    assert repr(jobs[:1]) == "<JobList of 1 job: 1 succeeded>"
    assert repr(JobList()) == "<JobList of 0 jobs>"


async def test_results_come_in_the_order_of_the_jobs(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[::-1], *["SUCCEEDED"] * 3)

    assert await asyncio.to_thread(jobs.results) == [2, 1, 0]
    assert await jobs == [2, 1, 0]
    assert {job async for job in jobs} == set(jobs)
    assert set(jobs.as_completed()) == set(jobs)


async def test_the_first_failure_is_raised_while_others_go_on(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[1:2], "FAILED")

    with pytest.raises(JobFailed):
        await asyncio.to_thread(jobs.results)
    with pytest.raises(JobFailed):
        await jobs
    assert jobs[0].status is JobStatus.QUEUED


async def test_what_went_wrong_may_stand_in_the_place_of_the_value(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs, "SUCCEEDED", "FAILED", "CANCELLED")

    values = await asyncio.to_thread(lambda: jobs.results(return_exceptions=True))
    assert [type(value) for value in values] == [int, JobFailed, JobCancelled]
    with pytest.raises(JobFailed):
        jobs.results()


async def test_results_that_are_not_there_in_time_are_counted(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[:1], "SUCCEEDED")
    await jobs[0]

    with pytest.raises(TimeoutError, match="2 of 3 jobs have not ended after 0 s; they go on"):
        await asyncio.to_thread(jobs.results, 0)
    assert not await asyncio.to_thread(jobs.wait, 0)


async def test_all_that_live_are_cancelled(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[:1], "SUCCEEDED")
    external_backend.update(jobs[1].id, status="RUNNING")
    await jobs[0]

    assert jobs.cancel() == 2
    assert [job.status for job in jobs] == ["SUCCEEDED", "CANCELLING", "CANCELLED"]


async def test_those_that_ended_badly_are_retried_in_their_places(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs, "SUCCEEDED", "FAILED", "LOST")
    await asyncio.to_thread(jobs.wait)

    again = jobs.retry_failed()

    assert [job.attempt for job in again] == [1, 2, 2]
    assert again[0] is jobs[0]
    assert [job.record.retry_of for job in again[1:]] == [jobs[1].id, jobs[2].id]
    assert again.retry_failed() == again


async def test_one_that_was_cancelled_for_another_is_retried_and_one_by_hand_is_not(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    error = '{"type": "DependencyFailed", "message": "prepare failed"}'
    external_backend.update(jobs[0].id, status="CANCELLED", error=error)
    external_backend.update(jobs[1].id, status="CANCELLED")
    await asyncio.to_thread(jobs[:2].wait)

    assert [job.attempt for job in jobs.retry_failed()] == [2, 1, 1]


async def test_retries_that_are_refused_do_not_lose_the_others(
    jobs: JobList[Any], external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(external_backend, jobs, "SUCCEEDED", "FAILED", "FAILED")
    await asyncio.to_thread(jobs.wait)
    retry_many = joblist.bulk.retry_many

    def refusing(ids: list[str], profile: Any, **room: Any) -> Any:
        outcomes = yield from retry_many(ids, profile, **room)
        return [*outcomes[:-1], NotSupported("no")]

    monkeypatch.setattr(joblist.bulk, "retry_many", refusing)
    with pytest.raises(JobsRefused, match=r"1 of 3 jobs were not retried.*item 2: no") as raised:
        jobs.retry_failed()
    assert [job.attempt for job in raised.value.jobs] == [1, 2, 1]
    assert str(raised.value.refused[2]) == "no"


async def test_a_cancellation_that_is_refused_is_raised_after_the_others(
    jobs: JobList[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel_many = joblist.bulk.cancel_many

    def refusing(ids: list[str], profile: Any, **room: Any) -> Any:
        outcomes = yield from cancel_many(ids[1:], profile, **room)
        return [NotSupported("no"), *outcomes]

    monkeypatch.setattr(joblist.bulk, "cancel_many", refusing)
    with pytest.raises(NotSupported, match="no"):
        jobs.cancel()
    assert [job.status for job in jobs] == ["QUEUED", "CANCELLED", "CANCELLED"]


async def test_jobs_of_several_clients_are_gathered(
    jobs: JobList[Any], external_backend: RunningBackend
) -> None:
    async with following(external_backend, "gathered") as other:
        one = await other.submit("work")
        both = gather(one, jobs[:2], [jobs[2]])

        assert list(both) == [one, *jobs]
        assert both.cancel() == 4
        with pytest.raises(CancelledError):
            await both


async def test_it_holds_jobs_and_nothing_else() -> None:
    nothing: Any = ["a"]

    with pytest.raises(TypeError, match="'a' is none"):
        JobList(nothing)
