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
import json
import pickle
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from jupyter_jobs._loop import call_soon
from jupyter_jobs.errors import (
    InvalidJob,
    JobFailed,
    JobLost,
    JobTimedOut,
    JobUnsuccessful,
    MonitorClosed,
    ResultUnavailable,
)
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.model import Job, JobKind, JobStatus
from jupyter_jobs.jobs.store import JobStore

__all__ = ["JobHandle", "JobOwner", "LogLine", "job_id"]

T = TypeVar("T")

_STORED: Any = object()  # stands for a value that is still with the server


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's output.

    Attributes:
        seq: Its number, from 1.
        time: When it was read, ISO 8601 in UTC.
        stream: `stdout` or `stderr`.
        text: The line without its end.
    """

    seq: int
    time: str
    stream: str
    text: str

    def __str__(self) -> str:
        return self.text


class JobOwner(Protocol):
    """What a handle needs of the client that made it."""

    store: JobStore
    api: JobApi
    loop: asyncio.AbstractEventLoop

    def adopt(self, body: Body) -> JobHandle[Any]:
        """Take a job into the store and return its handle."""

    @property
    def blocking(self) -> Callable[[], AbstractContextManager[None]]:
        """Marks a call that waits on the calling thread, so that updates still arrive meanwhile."""


class JobHandle(concurrent.futures.Future[T], Generic[T]):
    """One job: its state, its outcome, and what can be done with it.

    Made by `submit` and `get`. May be used on any thread. Dropping it does not cancel the job.
    """

    def __init__(self, id_: str, owner: JobOwner) -> None:
        super().__init__()
        self.id = id_
        self._owner = owner
        self._settling = threading.Lock()
        self._awaiting: set[asyncio.Future[None]] = set()
        super().add_done_callback(self._wake_awaiting)

    @property
    def record(self) -> Job:
        """The job as last heard of: all of its fields."""
        job = self._owner.store.get(self.id)
        assert job is not None  # a handle is made for jobs of the store, which forgets none
        return job

    @property
    def name(self) -> str:
        """What people call it."""
        return self.record.label

    @property
    def status(self) -> JobStatus:
        """Where it is in its life."""
        return self.record.status

    @property
    def progress(self) -> float | None:
        """From 0 to 1, or None when the job does not say."""
        return self.record.progress

    @property
    def message(self) -> str | None:
        """The last thing it reported."""
        return self.record.message

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that it was submitted with, to find and group jobs by."""
        return self.record.tags

    @property
    def submitted_from(self) -> str | None:
        """Where it was submitted, `train.ipynb, cell 5`, or None when nothing is known."""
        return self.record.submitted_from

    @property
    def attempt(self) -> int:
        """1, and one more at each retry."""
        return self.record.attempt

    def running(self) -> bool:
        """Whether its process is at work, a cancelled one not yet gone included."""
        return self.status in (JobStatus.RUNNING, JobStatus.CANCELLING)

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

        Args:
            timeout: Seconds to wait; None waits as long as it takes. Interrupting the wait leaves the job alone.

        Raises:
            TimeoutError: It has not ended by then; it goes on.
            JobUnsuccessful: It failed (`JobFailed`), ran too long (`JobTimedOut`) or got lost (`JobLost`).
            concurrent.futures.CancelledError: It was cancelled.
            ResultUnavailable: It succeeded, and its value cannot be had here.
            MonitorClosed: The monitor was closed before the job ended; it goes on.
            LocalProtocolError: It has not ended, and this is the thread of a `JobClient`'s own event loop, where its end
                could never be told: use `await job`.
        """
        with self._waiting(timeout):
            value = super().result(timeout)
        return self._fetch() if value is _STORED else value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end and return why it ended badly, or None; a time-out and a cancellation raise as in `result`."""
        with self._waiting(timeout):
            return super().exception(timeout)

    def logs(self, *, tail: int | None = None) -> list[LogLine]:
        """Return what the job has printed so far, both streams in order.

        Args:
            tail: Only so many of the last lines; None for all that the size limit kept.
        """
        lines = self._owner.api.drive_sync(calls.read_log(self.id, tail))
        return [LogLine(**line) for line in lines]

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
            if job.status is JobStatus.CANCELLED:
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

    @contextmanager
    def _waiting(self, timeout: float | None) -> Iterator[None]:
        with nullcontext() if self.done() else self._owner.blocking():
            try:
                yield
            except TimeoutError as error:
                if isinstance(error, JobUnsuccessful):  # the job's own time limit
                    raise
                raise TimeoutError(
                    f"{self.name} is {self.status.word} after {timeout:g} s; it goes on"
                ) from error

    def __await__(self) -> Generator[Any, None, T]:
        return self._wait().__await__()

    async def _wait(self) -> T:
        # Not wrap_future: that hands a cancelled await on to the job, and leaves a callback behind.
        ended = asyncio.get_running_loop().create_future()
        self._awaiting.add(ended)
        try:
            if not self.done():
                await ended
        finally:
            self._awaiting.discard(ended)
        if super().exception() is None and super().result() is _STORED:
            return await asyncio.to_thread(self._fetch)
        return super().result()

    def _wake_awaiting(self, _: object) -> None:
        for ended in tuple(self._awaiting):
            call_soon(ended.get_loop(), _complete, ended)

    def _fetch(self) -> T:
        if not self._owner.api.wire.endpoint.is_loopback:
            raise ResultUnavailable(
                f"{self.name} left {self.record.result_size:,} bytes with its server; "
                "only results of the backend on this machine are loaded, since loading runs code",
                job_id=self.id,
            )
        stored = self._owner.api.run_sync(calls.result(self.id))
        data = base64.b64decode(stored["data"])
        try:
            return json.loads(data) if stored["encoding"] == "json" else pickle.loads(data)  # type: ignore[no-any-return]  # the job's own type
        except Exception as error:  # unpickling runs code of the classes that it meets
            raise ResultUnavailable(
                f"the value of {self.name} cannot be loaded in this kernel: {error}", job_id=self.id
            ) from error

    def __repr__(self) -> str:
        return f"<Job {self.name!r}: {self.status.word}>"


def job_id(job: JobHandle[Any] | str) -> str:
    """Return the id of a job that is given by its handle or its id.

    Raises:
        TypeError: It is neither; of many, each is asked for by itself.
    """
    if isinstance(job, (JobHandle, str)):
        return job if isinstance(job, str) else job.id
    raise TypeError(
        f"this takes one job or its id, not {type(job).__name__}; for several write a loop over them"
    )


def unsuccessful(job: Job) -> JobUnsuccessful:
    """Return the error that stands for a job's bad end."""
    error = job.error or {}
    raised = _ERRORS[job.status](
        f"{job.label} {_PHRASES[job.status]}: {job.reason or 'no reason was given'}",
        job_id=job.id,
        name=job.label,
        error_type=str(error.get("type") or ""),
        error_message=str(error.get("message") or ""),
        traceback=str(error.get("traceback") or ""),
        log_tail=_lines(error.get("log")),
    )
    if raised.traceback:
        raised.add_note("In the job:\n" + raised.traceback.rstrip())
    if raised.log_tail:
        raised.add_note("Last lines it printed:\n" + "\n".join(raised.log_tail))
    return raised


_KINDS: Mapping[JobKind | None, str] = {
    JobKind.REQUEST: "a request by name",
    JobKind.COMMAND: "a command",
    JobKind.NOTEBOOK: "a notebook",
    JobKind.FUNCTION: "one whose call was not kept",
    None: "work of a kind that is not known here",
}

_ERRORS = {
    JobStatus.FAILED: JobFailed,
    JobStatus.TIMED_OUT: JobTimedOut,
    JobStatus.LOST: JobLost,
}
_PHRASES = {
    JobStatus.FAILED: "failed",
    JobStatus.TIMED_OUT: "ran out of time",
    JobStatus.LOST: "was lost",
}


def _lines(log: Any) -> list[str]:
    """Return a log as lines, whether it came as lines or as text."""
    return log.splitlines() if isinstance(log, str) else [str(line) for line in log or ()]


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
