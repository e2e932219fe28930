"""A job in the user's hands: a future that the server completes.

`JobHandle` is a `concurrent.futures.Future`, so `wait` and `as_completed` of the standard library take it, and it can
be awaited. Three things differ from a plain future, because the work runs elsewhere: `cancel()` also works on a
running job and takes effect when the job's process is gone; cancelling an `await`, or interrupting `result()`, leaves
the job alone; and a large value is fetched when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import math
import numbers
import pickle
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from jupyter_jobs._loop import call_soon
from jupyter_jobs.errors import (
    InvalidCall,
    InvalidJob,
    JobCancelled,
    JobFailed,
    MonitorClosed,
    NotEnded,
    NotSupported,
)
from jupyter_jobs.jobs import asked, calls
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.estimates import Queue, waiting
from jupyter_jobs.jobs.facts import JobFacts
from jupyter_jobs.jobs.files import JobFile
from jupyter_jobs.jobs.logs import LogLine, LogOwner, LogStream, check_tail, moment_of, numbered
from jupyter_jobs.jobs.model import Job, JobKind, JobStatus
from jupyter_jobs.jobs.results import raised_by, value_of
from jupyter_jobs.jobs.series import Metrics, Series
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.unsuccessful import never_started, unsuccessful

__all__ = ["JobHandle", "JobOwner", "check_wait", "in_slices", "job_id"]

T = TypeVar("T")

_STORED: Any = object()  # stands for a value that is still with the server
_SLICE = 1.0  # seconds of a wait


class JobOwner(LogOwner, Protocol):
    """What a handle needs of the client that made it."""

    def adopt(self, body: Body) -> JobHandle[Any]:
        """Take a job into the store and return its handle."""


class JobHandle(JobFacts, concurrent.futures.Future[T], Generic[T]):
    """One job: its state, its outcome, and what can be done with it.

    Made by `submit` and `get`. May be used on any thread. Dropping it does not cancel the job.

    Attributes:
        attached: How the last submit found it by its key, `already submitted 2 min ago`; empty when that made it.
    """

    def __init__(self, id_: str, owner: JobOwner) -> None:
        super().__init__()
        self.id = id_
        self.attached = ""
        self._owner = owner
        self._settling = threading.Lock()
        self._awaiting: set[asyncio.Future[None]] = set()
        self._raised: Exception | None = None  # what the job raised, once it was loaded
        super().add_done_callback(self._wake_awaiting)

    @property
    def _store(self) -> JobStore:
        return self._owner.store

    def cancel(self) -> bool:
        """Ask for the job's end; one HTTPS request, does not wait for the end itself.

        Returns:
            Whether the job is ended or ending by cancellation: False if it had already ended otherwise.
        """
        self._owner.store.merge(self._owner.api.run_sync(calls.cancel(self.id)))
        return self.status in (JobStatus.CANCELLING, JobStatus.CANCELLED)

    def retry(self) -> JobHandle[T]:
        """Submit the same work again, as a new job; one HTTPS request. This one stays as it ended.

        The new job has the same arguments, name, tags, group and priority, and the function as it was when it was
        first submitted: after a change of the code, submit it anew. A job has one retry; asking again returns it.

        Returns:
            The new job, whose `attempt` is one more.

        Raises:
            InvalidTransition: This job has not ended.
            InvalidJob: It could not run any more, as when its program is gone.
            NotSupported: The API cannot do it.
            WireError: The API could not be asked; ask again, it cannot become two.
        """
        return self._owner.adopt(self._owner.api.run_sync(calls.retry(self.id)))

    def call(self) -> tuple[Callable[..., T], tuple[Any, ...], dict[str, Any]]:
        """Return the function, its arguments and its keyword arguments, as they were submitted, to try them here.

            function, args, kwargs = job.call()
            function(*args, **kwargs)

        Raises:
            InvalidJob: The job is no function, was submitted to another machine, or cannot be loaded in this kernel.
        """
        if not self._owner.api.wire.endpoint.is_loopback:
            raise InvalidJob(
                f"{self.name} was submitted to {self._owner.api.wire.endpoint.host}; only what the backend on this "
                "machine keeps is loaded, since loading runs code",
                job_id=self.id,
            )
        payload = self._owner.api.run_sync(calls.payload(self.id)) or {}
        if "function" not in payload:
            raise InvalidJob(
                f"{self.name} is no function that was submitted, but {_KINDS[self.record.kind]}: there is nothing to call",
                job_id=self.id,
            )
        try:
            return pickle.loads(base64.b64decode(payload["function"]))  # type: ignore[no-any-return]  # what `submit` took
        except Exception as error:  # unpickling runs code of the classes that it meets
            raise InvalidJob(
                f"the call of {self.name} cannot be loaded in this kernel: {error}", job_id=self.id
            ) from error

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return the value.

        A function that failed raises here what it raised there, with the calls of its own process in the traceback.

        Args:
            timeout: Seconds to wait; None waits as long as it takes. Interrupting the wait leaves the job alone.

        Raises:
            NotEnded: It has not ended by then; it goes on. It is a `TimeoutError`.
            JobUnsuccessful: It failed and raised nothing that could be raised here (`JobFailed`), ran or waited too
                long (`JobTimedOut`), never started (`DependencyFailed`) or got lost (`JobLost`).
            JobCancelled: It was cancelled. It is a `concurrent.futures.CancelledError`.
            ResultUnavailable: It succeeded, and its value cannot be had here.
            MonitorClosed: The monitor was closed before the job ended; it goes on.
            LocalProtocolError: It has not ended, and this is the thread of a `JobClient`'s own event loop, where its end
                could never be told: use `await job`.
        """
        error = self._error(timeout)
        if error is not None:
            raise self._own(error).with_traceback(None)  # else that of the last time would grow
        return self._value()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end and return what `result` would raise, or None.

        A time-out and a cancellation raise as there.
        """
        error = self._error(timeout)
        return None if error is None else self._own(error)

    @overload
    def logs(
        self,
        tail: int | None = None,
        since: datetime | timedelta | str | None = None,
        *,
        follow: Literal[False] = False,
    ) -> list[LogLine]: ...
    @overload
    def logs(
        self,
        tail: int | None = None,
        since: datetime | timedelta | str | None = None,
        *,
        follow: Literal[True],
    ) -> LogStream: ...
    def logs(
        self,
        tail: int | None = None,
        since: datetime | timedelta | str | None = None,
        *,
        follow: bool = False,
    ) -> list[LogLine] | LogStream:
        """Return what the job has printed, both streams in order; what all of its runs did.

            for line in job.logs(follow=True):      # or: async for
                print(line)

        Where the size limit dropped lines, one stands for them that says how many.

        Args:
            tail: Begin with so many of the last lines; None for all that the size limit kept.
            since: Only lines from then on: a `datetime`, a `timedelta` for how long ago, or ISO 8601.
            follow: Go on with each line as it comes until the log ends, for `for` and for `async for`. Lost
                connections are waited out; interrupting it leaves the job alone.
        """
        moment = moment_of(since)
        check_tail(tail)
        if follow:
            return LogStream(self.id, self._owner, tail=tail, since=moment)
        said = None if moment is None else moment.isoformat(timespec="milliseconds")
        lines = self._owner.api.drive_sync(asked.read_lines(self.id, tail=tail, since=said))
        return list(numbered(lines, None, moment))

    @overload
    def metrics(self) -> Metrics: ...
    @overload
    def metrics(self, name: str) -> Series: ...
    def metrics(self, name: str | None = None) -> Metrics | Series:
        """Return what the job measured so far, all of it or one series by its name; see `current_job().metrics`.

        Raises:
            LookupError: It measured other things, and nothing of that name.
            NotSupported: The API keeps no series.
        """
        measured = Metrics.read(*self._owner.api.drive_sync(asked.read_points(self.id)))
        return measured if name is None else measured.series(name)

    def files(self) -> list[JobFile]:
        """Return the files that the job left in `current_job().dir`, by name; they can be read on the same machine.

        Raises:
            ResultUnavailable: They were pruned.
            NotSupported: The API knows no files.
        """
        endpoint = self._owner.api.wire.endpoint
        host = "" if endpoint.is_loopback else endpoint.host
        told = self._owner.api.run_sync(asked.files(self.id))
        return [JobFile.read(file, self.id, host) for file in told]

    def queue(self) -> Queue | None:
        """Return the job's place among those that wait, asked of the server; None unless it waits.

        Where the API does not tell, it is that among the jobs that are known here.
        """
        try:
            told = self._owner.api.run_sync(asked.queue(self.id))
        except NotSupported:
            if self.status is not JobStatus.QUEUED:
                return None
            return waiting(self.record, self._store, datetime.now(UTC), self._store.pace)
        return None if told is None else Queue(told.get("ahead") or 0, told.get("seconds"))

    def add_done_callback(self, fn: Callable[[concurrent.futures.Future[T]], object]) -> None:
        """Call `fn(job)` once it has ended, on the thread of the monitor's event loop.

        In a notebook that is the main thread, where plots and data frames may be touched.
        """
        super().add_done_callback(lambda _: call_soon(self._owner.loop, fn, self))

    def settle(self, job: Job) -> None:
        """Complete the future from a job that has ended. For the owner; later calls change nothing."""
        with self._settling:  # the feed and a waiting thread may hear of the same end
            if self.done():
                return
            if job.status is JobStatus.CANCELLED and not never_started(job):
                super().cancel()
                self.set_running_or_notify_cancel()
            elif job.status is JobStatus.SUCCEEDED:
                self.set_result(job.result if job.result_size is None else _STORED)
            else:
                self.set_exception(unsuccessful(job))

    def abandon(self) -> None:
        """End all waits for a job that has not ended and that nobody follows any more. For the owner."""
        with self._settling:
            if not self.done():
                self.set_exception(
                    MonitorClosed(
                        f"the monitor was closed while {self.name} was {self.status.word}; the job goes on, "
                        f"and JobMonitor().get({self.id!r}) finds it again"
                    )
                )

    def _error(self, timeout: float | None) -> BaseException | None:
        """Wait for the end and return what the future has of an error."""
        with nullcontext() if self.done() else self._owner.blocking():
            try:
                for seconds in in_slices(timeout):
                    if concurrent.futures.wait([self], seconds).done:
                        return self._had()
            except KeyboardInterrupt as error:
                error.args = error.args or (self._goes_on(),)
                raise
        raise NotEnded(self._goes_on(f" after {timeout:g} s"), job_id=self.id)

    def _had(self) -> BaseException | None:
        """Return what the future has of an error, now that the job has ended."""
        try:
            return super().exception(0)
        except concurrent.futures.CancelledError:
            because = f": {self.record.reason}" if self.record.reason else ""
            raise JobCancelled(f"{self.name} was cancelled{because}", job_id=self.id) from None

    def _goes_on(self, after: str = "") -> str:
        return f"{self.name} is {self.status.word}{after}; it goes on"

    def __await__(self) -> Generator[Any, None, T]:
        return self._wait().__await__()

    async def _wait(self) -> T:
        # Not wrap_future: that hands a cancelled await on to the job, and leaves a callback behind.
        ended = asyncio.get_running_loop().create_future()
        self._awaiting.add(ended)
        try:
            if not self.done():
                await ended
        except asyncio.CancelledError as given_up:  # the wait, as by an interrupt, and not the job
            given_up.args = given_up.args or (self._goes_on(),)
            raise
        finally:
            self._awaiting.discard(ended)
        if (error := self._had()) is not None:
            raise (await asyncio.to_thread(self._own, error)).with_traceback(None)
        return (
            await asyncio.to_thread(self._value) if super().result() is _STORED else self._value()
        )

    def _wake_awaiting(self, _: object) -> None:
        for ended in tuple(self._awaiting):
            call_soon(ended.get_loop(), _complete, ended)

    def _value(self) -> T:
        value = super().result()
        return value_of(self.record, self._owner.api) if value is _STORED else value

    def _own(self, error: BaseException) -> BaseException:
        """Return what the job itself raised in place of what stands for it, where that can be had."""
        if isinstance(error, JobFailed) and self._raised is None:
            raised = raised_by(self.record, error, self._owner.api)
            with self._settling:
                self._raised = _first(self._raised, raised)  # two threads that ask get the same
        return error if self._raised is None else self._raised


def in_slices(timeout: float | None) -> Iterator[float]:
    """Yield how many seconds to wait next until the time is over: 0, then never much at once; None waits for ever.

    For Python sees a signal that arrives right before a lock is waited for only after that wait.

    Raises:
        InvalidCall: It is no number.
    """
    check_wait(timeout)
    yield 0.0
    due = math.inf if timeout is None else time.monotonic() + timeout
    while (left := due - time.monotonic()) > 0:
        yield min(left, _SLICE)


def check_wait(timeout: Any) -> None:
    """Check how long to wait.

    Raises:
        InvalidCall: It is neither a number of seconds nor None.
    """
    if timeout is not None and not isinstance(timeout, numbers.Real):
        raise InvalidCall(
            f"timeout= takes a number of seconds, or None to wait as long as it takes, not {timeout!r}"
        )


def job_id(job: JobHandle[Any] | str) -> str:
    """Return the id of a job that is given by its handle or its id.

    Raises:
        InvalidCall: It is neither; of many, each is asked for by itself.
    """
    if isinstance(job, (JobHandle, str)):
        return job if isinstance(job, str) else job.id
    raise InvalidCall(
        f"this takes one job or its id, not {type(job).__name__}; for several write a loop over them"
    )


_KINDS: Mapping[JobKind | None, str] = {
    JobKind.REQUEST: "a request by name",
    JobKind.COMMAND: "a command",
    JobKind.NOTEBOOK: "a notebook",
    JobKind.FUNCTION: "one whose call was not kept",
    None: "work of a kind that is not known here",
}


def _first(one: Exception | None, other: Exception | None) -> Exception | None:
    return other if one is None else one


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
