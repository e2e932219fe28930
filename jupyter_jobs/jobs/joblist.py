"""Several jobs, as `map`, `submit_all` and `find` return them."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from jupyter_jobs.errors import JobsError, JobsRefused, NotEnded
from jupyter_jobs.jobs import bulk
from jupyter_jobs.jobs.dataframe import frame
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.waiting import AsCompleted, as_completed, handles_of, wait

if TYPE_CHECKING:
    import pandas

__all__ = ["JobList", "gather"]

T = TypeVar("T")


class JobList(Sequence[JobHandle[T]], Generic[T]):
    """Jobs in an order that stays: those of `map` as their arguments were, those that `find` found newest first.

        jobs = monitor.map(train, [0.1, 0.01, 0.001])
        losses = jobs.results()             # in a coroutine: await jobs
        for job in jobs.as_completed():     # in a coroutine: async for job in jobs
            print(job.name, job.result())

    A slice is a `JobList` too. The jobs may be of several monitors.
    """

    def __init__(self, jobs: Iterable[JobHandle[T]] = ()) -> None:
        self._jobs = tuple(handles_of(jobs))

    @overload
    def __getitem__(self, index: int) -> JobHandle[T]: ...
    @overload
    def __getitem__(self, index: slice) -> JobList[T]: ...
    def __getitem__(self, index: int | slice) -> JobHandle[T] | JobList[T]:
        found = self._jobs[index]
        return JobList(found) if isinstance(found, tuple) else found

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[JobHandle[T]]:
        return iter(self._jobs)

    def __contains__(self, job: object) -> bool:
        return job in self._jobs

    def __eq__(self, other: object) -> bool:
        return self._jobs == other._jobs if isinstance(other, JobList) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._jobs)

    def __add__(self, others: Iterable[JobHandle[T]]) -> JobList[T]:
        return JobList((*self._jobs, *others))

    @property
    def counts(self) -> dict[JobStatus, int]:
        """How many jobs are in each state that any is in."""
        counts = Counter(job.status for job in self._jobs)
        return {status: counts[status] for status in JobStatus if counts[status]}

    def done(self) -> bool:
        """Whether all have ended."""
        return all(job.done() for job in self._jobs)

    @overload
    def results(self, timeout: float | None = None) -> list[T]: ...
    @overload
    def results(
        self, timeout: float | None = None, *, return_exceptions: bool
    ) -> list[T | BaseException]: ...
    def results(
        self, timeout: float | None = None, *, return_exceptions: bool = False
    ) -> list[Any]:
        """Wait for all and return their values, in the order of the jobs.

        Args:
            timeout: Seconds to wait; None waits as long as it takes. Interrupting the wait leaves the jobs alone.
            return_exceptions: Put what went wrong in the place of the value. Without it the first that went wrong is
                raised as soon as that is known; the others go on.

        Raises:
            NotEnded: Not all have ended by then; they go on. It is a `TimeoutError`.
            Exception: As `JobHandle.result`.
        """
        until = (
            concurrent.futures.ALL_COMPLETED
            if return_exceptions
            else concurrent.futures.FIRST_EXCEPTION
        )
        done, left = wait(self._jobs, timeout, until)
        bad = [job for job in self._jobs if job in done and _is_bad(job)]
        if bad and not return_exceptions:
            bad[0].result()
        if left:
            raise NotEnded(
                f"{len(left)} of {len(self)} jobs have not ended after {timeout:g} s; they go on"
            )
        return [_outcome(job) if return_exceptions else job.result() for job in self._jobs]

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all have ended, however that may be; return whether they have."""
        return not wait(self._jobs, timeout).not_done

    def as_completed(self, timeout: float | None = None) -> AsCompleted[T]:
        """Iterate over the jobs as they end, with `for` or `async for`; see `as_completed` of the package."""
        return as_completed(self._jobs, timeout)

    def cancel(self) -> int:
        """Ask for the end of all that have not ended, many in one request; return of how many that is now due.

        Raises:
            JobsError: The first refusal, after all others were asked.
        """
        live = [job for job in self._jobs if not job.status.is_terminal]
        refused: list[JobsError] = []
        for _, outcome in _asked(live, bulk.cancel_many):
            if isinstance(outcome, JobsError):
                refused.append(outcome)
        if refused:
            raise refused[0]
        return sum(job.status in (JobStatus.CANCELLING, JobStatus.CANCELLED) for job in live)

    def retry_failed(self) -> JobList[T]:
        """Submit the work of those that failed, timed out or got lost again, many in one request.

        Those that were cancelled because a job before them failed are submitted again, too.

        Returns:
            These jobs, with the new ones in the place of those that they are retries of.

        Raises:
            JobsRefused: Some could not be; its `jobs` are what this would return.
        """
        failed = [job for job in self._jobs if _failed(job)]
        retries: dict[JobHandle[T], JobHandle[T]] = {}
        refused: dict[int, JobsError] = {}
        for job, outcome in _asked(failed, bulk.retry_many):
            if isinstance(outcome, JobsError):
                refused[self._jobs.index(job)] = outcome
            else:
                retries[job] = job._owner.adopt(outcome)
        jobs = JobList(retries.get(job, job) for job in self._jobs)
        if refused:
            raise JobsRefused(jobs, refused, len(self), "retried")
        return jobs

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row a job and a column a field of `Job`; times in UTC.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame(job.record for job in self._jobs)

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self._all().__await__()

    async def _all(self) -> list[T]:
        return list(await asyncio.gather(*self._jobs))

    def __aiter__(self) -> AsyncIterator[JobHandle[T]]:
        return aiter(as_completed(self._jobs))

    def __repr__(self) -> str:
        told = [f"{n:,} {status.word}" for status, n in self.counts.items()]
        jobs = "1 job" if len(self) == 1 else f"{len(self):,} jobs"
        return f"<JobList of {jobs}{': ' if told else ''}{', '.join(told)}>"


def gather(*jobs: JobHandle[T] | Iterable[JobHandle[T]]) -> JobList[T]:
    """Return jobs of any monitors, one by one or in lists, as one `JobList`.

    gather(first, second, *others).results()       # in a coroutine: await gather(first, second)
    """
    return JobList(
        job
        for each in jobs
        for job in ([each] if isinstance(each, JobHandle) else handles_of(each))
    )


def _failed(job: JobHandle[Any]) -> bool:
    record = job.record
    needed = (record.error or {}).get("type") == "DependencyFailed"
    return record.status.is_failure or (record.status is JobStatus.CANCELLED and needed)


def _is_bad(job: JobHandle[Any]) -> bool:
    return job.status is not JobStatus.SUCCEEDED


def _outcome(job: JobHandle[T]) -> T | BaseException:
    try:
        return job.result()
    except (Exception, concurrent.futures.CancelledError) as error:
        return error


def _asked(jobs: Sequence[JobHandle[T]], many: Any) -> Iterator[tuple[JobHandle[T], bulk.Outcome]]:
    """Yield each job with what came of it; those of one monitor go in the same requests."""
    by_owner: dict[int, list[JobHandle[T]]] = {}
    for job in jobs:
        by_owner.setdefault(id(job._owner), []).append(job)
    for group in by_owner.values():
        owner = group[0]._owner
        asked = many(
            [job.id for job in group],
            owner.api.profile,
            is_here=owner.api.wire.endpoint.is_loopback,
        )
        outcomes = owner.api.drive_sync(asked)
        for job, outcome in zip(group, outcomes, strict=True):
            if not isinstance(outcome, JobsError):
                owner.store.merge(outcome)
            yield job, outcome
