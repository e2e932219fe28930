import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidCall, JobFailed, LocalProtocolError
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.waiting import as_completed, wait
from tests.support.backend import RunningBackend
from tests.support.following import following


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "waiting") as client:
        yield client


@pytest.fixture
async def jobs(client: JobClient) -> list[JobHandle[Any]]:
    return [await client.submit("work") for _ in range(3)]


def end(backend: RunningBackend, job: JobHandle[Any], **more: Any) -> None:
    backend.update(job.id, **{"status": "SUCCEEDED", "result": "1", **more})


async def test_a_wait_tells_who_has_ended_and_who_has_not(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[0])

    done, not_done = await asyncio.to_thread(wait, jobs, None, "FIRST_COMPLETED")
    assert (done, not_done) == ({jobs[0]}, {jobs[1], jobs[2]})
    assert (await asyncio.to_thread(wait, jobs, 0)).not_done == {jobs[1], jobs[2]}


async def test_a_wait_ends_with_the_first_that_fails(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[2], status="FAILED")

    done, _ = await asyncio.to_thread(wait, jobs, None, "FIRST_EXCEPTION")
    assert done == {jobs[2]}


async def test_jobs_of_two_clients_come_as_they_end(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    async with following(external_backend, "other") as other:
        others = [await other.submit("work")]
        order = [jobs[1], others[0], jobs[0], jobs[2]]

        def take() -> list[JobHandle[Any]]:
            iterator = as_completed([*jobs, *others, jobs[0]])
            taken = []
            for job in order:
                end(external_backend, job)
                taken.append(next(iterator))
            return [*taken, *iterator]

        assert await asyncio.to_thread(take) == order


async def test_a_coroutine_takes_them_as_they_end(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[1])
    await jobs[1]
    taken = []

    async for job in as_completed([*jobs, jobs[1]]):
        taken.append(job)
        left = [job for job in jobs if job not in taken]
        if left:
            await asyncio.to_thread(end, external_backend, left[-1])

    assert taken == [jobs[1], jobs[2], jobs[0]]


async def test_those_that_have_ended_come_at_once_on_any_thread(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    for job in jobs:
        end(external_backend, job)
    await asyncio.gather(*jobs)

    assert set(as_completed(jobs)) == set(jobs)
    assert wait(jobs).done == set(jobs)
    assert [job async for job in as_completed([])] == []


async def test_those_that_have_ended_come_even_if_there_is_no_time(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[1])
    await jobs[1]
    iterator = as_completed(jobs, timeout=0)

    assert await asyncio.to_thread(next, iterator) is jobs[1]
    with pytest.raises(TimeoutError, match="2 of 3"):
        await asyncio.to_thread(next, iterator)


async def test_when_the_time_is_over_the_jobs_go_on(jobs: list[JobHandle[Any]]) -> None:
    says = "3 of 3 jobs have not ended after 0.01 s; they go on"

    with pytest.raises(TimeoutError, match=says):
        async for _ in as_completed(jobs, timeout=0.01):
            pass
    with pytest.raises(TimeoutError, match=says):
        await asyncio.to_thread(list, as_completed(jobs, timeout=0.01))
    assert {job.status for job in jobs} == {"QUEUED"}


async def test_a_wait_that_could_never_end_is_refused(jobs: list[JobHandle[Any]]) -> None:
    with pytest.raises(LocalProtocolError, match="use `await job`"):
        wait(jobs)
    with pytest.raises(LocalProtocolError):
        next(as_completed(jobs))


async def test_the_standard_librarys_own_work_on_other_threads(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    for job in jobs:
        end(external_backend, job)

    done, _ = await asyncio.to_thread(concurrent.futures.wait, jobs)
    assert done == set(jobs)
    assert set(concurrent.futures.as_completed(jobs)) == set(jobs)


async def test_every_owner_is_told_of_the_wait_while_it_lasts(
    jobs: list[JobHandle[Any]], client: JobClient, external_backend: RunningBackend
) -> None:
    told: list[str] = []
    ending = threading.Thread(target=end, args=(external_backend, jobs[0]))

    class Blocking:
        def __enter__(self) -> None:
            told.append("waits")
            if len(told) == 1:
                ending.start()

        def __exit__(self, *_: object) -> None:
            told.append("goes on")

    client.blocking = Blocking

    job = await asyncio.to_thread(next, as_completed(jobs))
    ending.join()

    assert (job, told) == (jobs[0], ["waits", "goes on"])


async def test_those_that_have_ended_are_taken_without_a_word_though_others_are_to_come(
    jobs: list[JobHandle[Any]], client: JobClient, external_backend: RunningBackend
) -> None:
    told: list[str] = []

    @contextmanager
    def blocking() -> Iterator[None]:
        told.append("waits")
        yield

    client.blocking = blocking
    for job in jobs[:2]:
        end(external_backend, job)
        await job
    iterator = as_completed(jobs)

    assert {next(iterator), next(iterator)} == set(jobs[:2])
    assert told == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("abc", r"takes jobs, as submit and map return them, not 'abc'"),
        (3, "not 3"),
        (["abc"], r"'abc' is none; monitor\.get\(id\)"),
        ([3], "3 is none"),
    ],
)
async def test_what_is_no_job_is_refused(given: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        wait(given)


async def test_one_job_alone_is_told_what_to_write(jobs: list[JobHandle[Any]]) -> None:
    alone: Any = jobs[0]

    with pytest.raises(TypeError, match=r"write \[job\], or wait for the one by job\.result\(\)"):
        as_completed(alone)


@pytest.mark.parametrize("waits", [as_completed, wait])
async def test_how_long_to_wait_is_a_number(waits: Any, jobs: list[JobHandle[Any]]) -> None:
    with pytest.raises(InvalidCall, match=r"takes a number of seconds, or None .*, not '10m'"):
        await asyncio.to_thread(waits, jobs, "10m")


async def test_a_word_for_when_to_return_must_be_known() -> None:
    with pytest.raises(InvalidCall, match="ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION"):
        wait([], return_when="SOMETIMES")


async def test_a_failure_is_raised_by_the_job_and_not_by_the_wait(
    jobs: list[JobHandle[Any]], external_backend: RunningBackend
) -> None:
    end(external_backend, jobs[0], status="FAILED")

    job = await anext(aiter(as_completed(jobs)))
    with pytest.raises(JobFailed):
        await job
