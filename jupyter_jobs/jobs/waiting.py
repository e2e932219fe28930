"""Waits for several jobs, of one monitor or of many.

A cell that waits here blocks the event loop on which its monitor lives. Each wait says so to the monitors of the jobs,
and they are kept up to date by other means meanwhile, as for `JobHandle.result`. The functions of the same names in
`concurrent.futures` work too: they say nothing, so a blocked loop is noticed half a second later.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, Self, TypeVar

from jupyter_jobs._loop import call_soon
from jupyter_jobs.errors import InvalidCall, NotEnded
from jupyter_jobs.jobs.handle import JobHandle, JobOwner, check_wait, in_slices

__all__ = ["AsCompleted", "Waited", "as_completed", "handles_of", "wait"]

T = TypeVar("T")


class Waited(NamedTuple, Generic[T]):
    """What came of a wait, as `concurrent.futures.wait` tells it.

    Attributes:
        done: The jobs that have ended.
        not_done: Those that have not.
    """

    done: set[JobHandle[T]]
    not_done: set[JobHandle[T]]


def wait(
    jobs: Iterable[JobHandle[T]], timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> Waited[T]:
    """Wait for jobs, blocking; interrupting the wait leaves them alone.

    In a coroutine use `await gather(*jobs)`, or `async for job in as_completed(jobs)`.

    Args:
        jobs: Of any monitors.
        timeout: Seconds to wait; None waits as long as it takes. That it is over raises nothing.
        return_when: "ALL_COMPLETED", "FIRST_COMPLETED", or "FIRST_EXCEPTION".

    Returns:
        The jobs that have ended and those that have not, as two sets.
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise InvalidCall(
            f"return_when is one of {ALL_COMPLETED}, {FIRST_COMPLETED}, {FIRST_EXCEPTION}, not {return_when!r}"
        )
    handles = handles_of(jobs)
    with _blocking({job._owner for job in handles if not job.done()}):
        for seconds in in_slices(timeout):
            found = concurrent.futures.wait(handles, seconds, return_when)
            if _is_over(found, return_when):
                break
    return Waited(_handles(found.done), _handles(found.not_done))


def _is_over(found: Any, return_when: str) -> bool:
    if return_when == FIRST_COMPLETED and found.done:
        return True
    return not found.not_done or (
        return_when == FIRST_EXCEPTION
        and any(not job.cancelled() and job.exception() for job in found.done)
    )


def as_completed(jobs: Iterable[JobHandle[T]], timeout: float | None = None) -> AsCompleted[T]:
    """Iterate over jobs as they end, with `for` or with `async for`; those that have ended come first.

    Args:
        jobs: Of any monitors; each comes once.
        timeout: Seconds from now in which all must have ended; None waits as long as it takes.

    Raises:
        NotEnded: While iterating, when the time is over; the jobs go on.
    """
    return AsCompleted(jobs, timeout)


class AsCompleted(Generic[T]):
    """Jobs in the order in which they end; see `as_completed`."""

    def __init__(self, jobs: Iterable[JobHandle[T]], timeout: float | None = None) -> None:
        self._jobs = dict.fromkeys(handles_of(jobs))
        check_wait(timeout)
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._left = Counter(job._owner for job in self._jobs)  # to come, of each
        self._ended: SimpleQueue[Any] | None = None
        self._queue: asyncio.Queue[JobHandle[T]] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JobHandle[T]:
        if self._ended is None:
            self._ended = SimpleQueue()
            self._tell(self._ended.put)
        if not self._left:
            raise StopIteration
        with suppress(Empty):  # what has ended blocks nothing, wherever this is
            return self._taken(self._ended.get_nowait())
        with _blocking(self._left):
            for seconds in in_slices(self._seconds()):
                with suppress(Empty):
                    return self._taken(self._ended.get(timeout=seconds))
        raise self._over()

    def __aiter__(self) -> AsyncIterator[JobHandle[T]]:
        return self

    async def __anext__(self) -> JobHandle[T]:
        if self._queue is None:
            self._queue = asyncio.Queue()
            loop, told = asyncio.get_running_loop(), self._queue.put_nowait
            self._tell(lambda ended: call_soon(loop, told, ended))
        if not self._left:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout(self._seconds()):
                job = await self._queue.get()
        except TimeoutError:
            raise self._over() from None
        return self._taken(job)

    def _tell(self, ended: Callable[[Any], object]) -> None:
        """Call with each job when it has ended, on whichever thread that is seen."""
        for job in self._jobs:
            # Not the handle's own, which calls on the monitor's loop: it may be another one.
            concurrent.futures.Future.add_done_callback(job, ended)

    def _taken(self, job: JobHandle[T]) -> JobHandle[T]:
        self._left -= Counter([job._owner])  # keeps no owner of whose jobs none is to come
        return job

    def _seconds(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _over(self) -> NotEnded:
        return NotEnded(
            f"{self._left.total()} of {len(self._jobs)} jobs have not ended after {self._timeout:g} s; they go on"
        )


def handles_of(jobs: Iterable[JobHandle[T]]) -> list[JobHandle[T]]:
    """Return jobs as a list.

    Raises:
        InvalidCall: They are none; says what to write.
    """
    given: Any = jobs
    if isinstance(given, JobHandle):
        raise InvalidCall(
            "this takes several jobs: write [job], or wait for the one by job.result()"
        )
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidCall(f"this takes jobs, as submit and map return them, not {given!r}")
    handles = list(given)
    for job in handles:
        if not isinstance(job, JobHandle):
            raise InvalidCall(
                f"this takes jobs, as submit and map return them, and {job!r} is none"
                + ("; monitor.get(id) has the job of an id" if isinstance(job, str) else "")
            )
    return handles


@contextmanager
def _blocking(owners: Iterable[JobOwner]) -> Iterator[None]:
    """Tell the monitors of jobs that have not ended that this thread waits for them."""
    with ExitStack() as stack:
        for owner in owners:
            stack.enter_context(owner.blocking())
        yield


def _handles(futures: Iterable[Any]) -> set[JobHandle[Any]]:
    return set(futures)
