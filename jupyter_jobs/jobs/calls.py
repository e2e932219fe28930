"""What is asked of the server about jobs: each request as a value, and what its errors mean.

A `Call` knows its document, its variables and how to read the answer; `JobApi` runs one, plainly or awaited. So each
operation is written once for both faces, and a multi-step exchange (`reconcile`) is a generator of calls that either
face drives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    ConnectionLost,
    InvalidJob,
    InvalidTransition,
    JobError,
    JobNotFound,
    JobsError,
    NotSupported,
    RequestRefused,
    UnknownRequest,
)
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.model import JobStatus

__all__ = [
    "BATCH",
    "LOG_PAGE",
    "PAGE",
    "Body",
    "Call",
    "JobApi",
    "cancel",
    "get",
    "get_many",
    "logs",
    "page",
    "read_log",
    "result",
    "submit",
]

Body = Mapping[str, Any]
T = TypeVar("T")

PAGE = 1000  # jobs a listJobs page
LOG_PAGE = 5000  # lines of a job's output a page
BATCH = 100  # getJob fields in one document; AppSync allows 10,000 resolvers a request


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One GraphQL operation: document, variables, and how to read `data`.

    Attributes:
        idempotent: Whether it may be sent again after an answer was lost.
    """

    document: str
    variables: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], T]
    idempotent: bool = True
    job_id: str | None = None


def submit(body: Body) -> Call[Body]:
    """Submit a job. Safe to repeat: the id is the client's, and the server takes each id once."""
    return Call(operations.SUBMIT_JOB, {"input": body}, lambda data: data["submitJob"])


def get(id_: str) -> Call[Body | None]:
    """Ask for one job; the answer is None if there is none."""
    return Call(operations.GET_JOB, {"id": id_}, lambda data: data["getJob"], job_id=id_)


def cancel(id_: str) -> Call[Body]:
    """Ask to cancel a job; the answer is the job as it then is. A job that has ended stays as it is."""
    return Call(operations.CANCEL_JOB, {"id": id_}, lambda data: data["cancelJob"], job_id=id_)


def logs(
    id_: str, *, after: int | None = None, tail: int | None = None, limit: int | None = None
) -> Call[Body]:
    """Ask for lines of a job's output: those after a number, or the last `tail`."""
    window = {"after": after, "tail": tail, "limit": limit}
    variables = {"id": id_} | {key: value for key, value in window.items() if value is not None}
    return Call(operations.JOB_LOGS, variables, lambda data: data["jobLogs"], job_id=id_)


def read_log(id_: str, tail: int | None = None) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that read a job's output, all that was kept or its last lines; return the lines.

    A page may be short before the end: where the size limit dropped lines, and where lines are long.
    """
    if tail is not None and tail <= LOG_PAGE:
        answer = yield logs(id_, tail=tail, limit=max(tail, 1))
        return (answer["lines"] or [])[-tail:] if tail > 0 else []
    lines: list[Body] = []
    while True:
        answer = yield logs(id_, after=lines[-1]["seq"] if lines else None, limit=LOG_PAGE)
        if not answer["lines"]:
            return lines if tail is None else lines[-tail:]
        lines += answer["lines"]


def result(id_: str) -> Call[Body]:
    """Ask for a result that was too large for the job itself."""
    return Call(operations.JOB_RESULT, {"id": id_}, lambda data: data["jobResult"], job_id=id_)


def page(
    group: str | None,
    token: str | None = None,
    *,
    status: JobStatus | None = None,
    limit: int = PAGE,
) -> Call[Body]:
    """Ask for jobs, newest first, of one group or all; `nextToken` of the answer asks for older ones."""
    window = {"group": group, "nextToken": token, "status": status, "limit": limit}
    variables = {key: value for key, value in window.items() if value is not None}
    return Call(operations.LIST_JOBS, variables, lambda data: data["listJobs"])


def get_many(ids: list[str]) -> Call[list[Body]]:
    """Ask for several jobs, at most `BATCH`, in one query; leaves out those that are not there.

    Aliases are harmless here: only a mutation's selection is published.
    """
    names = [f"job{n}" for n in range(len(ids))]
    document = (
        f"query GetJobs({' '.join(f'${name}: ID!' for name in names)}) {{ "
        + " ".join(f"{name}: getJob(id: ${name}) {{ ...JobFields }}" for name in names)
        + " } "
        + operations.JOB_FIELDS
    )
    variables = dict(zip(names, ids, strict=True))
    return Call(document, variables, lambda data: [body for body in data.values() if body])


class JobApi:
    """Runs calls over one AppSync client, and turns its refusals into errors about jobs.

    `run` belongs to the client's event loop; `run_sync` may be called from any thread and blocks for at most the
    client's timeout.

    Args:
        wire: Asks the server.
        revive: Brings a server back that is not there; the call is then repeated.
    """

    def __init__(self, wire: AppSyncClient, *, revive: Callable[[], object] | None = None) -> None:
        self.wire = wire
        self._revive = revive

    async def run(self, call: Call[T]) -> T:
        """Run one call.

        Raises:
            JobError: The server refused it, and why.
            WireError: It could not be asked.
        """
        with _translated(call):
            try:
                return call.read(await self.wire.execute(*_asked(call), idempotent=call.idempotent))
            except ConnectionLost:
                if self._revive is None or not call.idempotent:
                    raise
                await asyncio.to_thread(self._revive)
            return call.read(await self.wire.execute(*_asked(call), idempotent=call.idempotent))

    def run_sync(self, call: Call[T]) -> T:
        """Run one call on the calling thread; as `run` otherwise."""
        with _translated(call):
            try:
                return call.read(self.wire.execute_sync(*_asked(call), idempotent=call.idempotent))
            except ConnectionLost:
                if self._revive is None or not call.idempotent:
                    raise
                self._revive()
            return call.read(self.wire.execute_sync(*_asked(call), idempotent=call.idempotent))

    async def drive(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """Run the calls that an exchange asks for, one after the other."""
        answer = None
        while True:
            try:
                call = exchange.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            answer = await self.run(call)

    def drive_sync(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """As `drive`, on the calling thread."""
        answer = None
        while True:
            try:
                call = exchange.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            answer = self.run_sync(call)


def _asked(call: Call[Any]) -> tuple[str, Mapping[str, Any]]:
    return call.document, call.variables


@contextmanager
def _translated(call: Call[Any]) -> Iterator[None]:
    try:
        yield
    except RequestRefused as error:
        translated = _job_error(error, call.job_id)
        if translated is None:
            raise
        raise translated from error


def _job_error(error: RequestRefused, job_id: str | None) -> JobsError | None:
    kind, text = error.error_type, str(error)
    if kind == "UnknownRequest":
        known = error.error_info.get("known", ()) if isinstance(error.error_info, Mapping) else ()
        return UnknownRequest(text, known=known)
    if kind in _ERRORS:
        return _ERRORS[kind](text, job_id=job_id)
    if "FieldUndefined" in text or "Cannot query field" in text or "Unknown type" in text:
        return NotSupported(f"this endpoint has no such operation: {text}", job_id=job_id)
    return None


_ERRORS: Mapping[str, Callable[..., JobError]] = {
    "InvalidJob": InvalidJob,
    "InvalidTransition": InvalidTransition,
    "JobNotFound": JobNotFound,
}
"""`errorType` of the embedded backend's refusals -> what to raise."""
