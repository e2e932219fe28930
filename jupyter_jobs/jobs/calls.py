"""What is asked of the server about jobs: each request as a value, and what its errors mean.

A `Call` knows its operation, its variables and how to read the answer; `JobApi` puts it into the words of the API's
profile and runs it, plainly or awaited. So each operation is written once for both faces and all profiles, and a
multi-step exchange (`reconcile`) is a generator of calls that either face drives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from jupyter_jobs.appsync.attempts import NeverSent
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    ConnectionLost,
    JobsError,
    RemoteProtocolError,
    RequestRefused,
    RequestTimedOut,
    ServerFault,
)
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.profiles import PROFILES, Profile, root
from jupyter_jobs.jobs.reader import Body, Reader
from jupyter_jobs.jobs.refusals import job_error, uncertain

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

T = TypeVar("T")

PAGE = 1000  # jobs a listJobs page
LOG_PAGE = 5000  # lines of a job's output a page
BATCH = 100  # getJob fields in one document; AppSync allows 10,000 resolvers a request


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One GraphQL operation: its name, its variables, and how to read the answer.

    Attributes:
        operation: Its name in this package's schema; the profile has its document.
        variables: In this package's words.
        read: Takes the value of the document's first field, and what reads jobs.
        idempotent: Whether it may be sent again after an answer was lost.
        job_id: The one job that it is about.
        document: GraphQL in place of the profile's; `read` then takes all of `data`.
    """

    operation: str
    variables: Mapping[str, Any]
    read: Callable[[Any, Reader], T]
    idempotent: bool = True
    job_id: str | None = None
    document: str | None = None


def submit(body: Body) -> Call[Body]:
    """Submit a job. Safe to repeat where the id is the client's, for the server takes each id once."""
    return Call(
        "submitJob",
        {"input": body},
        lambda told, reader: reader.submitted(body, told, datetime.now(UTC)),
    )


def get(id_: str) -> Call[Body | None]:
    """Ask for one job; the answer is None if there is none."""
    return Call("getJob", {"id": id_}, lambda told, reader: told and reader.job(told), job_id=id_)


def cancel(id_: str) -> Call[Body]:
    """Ask to cancel a job; the answer is the job as it then is. A job that has ended stays as it is."""
    return Call("cancelJob", {"id": id_}, lambda told, reader: reader.job(told), job_id=id_)


def logs(
    id_: str, *, after: int | None = None, tail: int | None = None, limit: int | None = None
) -> Call[Body]:
    """Ask for lines of a job's output: those after a number, or the last `tail`."""
    window = {"after": after, "tail": tail, "limit": limit}
    variables = {"id": id_} | {key: value for key, value in window.items() if value is not None}
    return Call("jobLogs", variables, _as_told, job_id=id_)


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
    return Call("jobResult", {"id": id_}, _as_told, job_id=id_)


def page(
    group: str | None,
    token: str | None = None,
    *,
    status: JobStatus | None = None,
    limit: int = PAGE,
) -> Call[Body]:
    """Ask for jobs, newest first, of one group or all; `nextToken` of the answer asks for older ones."""

    def read(told: Any, reader: Reader) -> Body:
        whole = isinstance(told, list)  # an API without pages
        bodies = [reader.job(body) for body in (told if whole else told["items"]) or () if body]
        if status is not None:  # the API's listJobs may not know such a filter
            bodies = [body for body in bodies if body["status"] == status]
        return {"items": bodies, "nextToken": None if whole else told.get("nextToken")}

    window = {"group": group, "nextToken": token, "status": status, "limit": limit}
    variables = {key: value for key, value in window.items() if value is not None}
    return Call("listJobs", variables, read)


def get_many(ids: list[str], profile: Profile) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that ask for several jobs; return those that are there.

    Many travel in one query where the document is this package's own. Aliases are harmless there: only a mutation's
    selection is published.
    """
    found: list[Body] = []
    if profile.document("getJob") != operations.GET_JOB:
        for id_ in ids:
            body = yield get(id_)
            found += [body] if body else []
        return found
    for start in range(0, len(ids), BATCH):
        found += yield _batch(ids[start : start + BATCH])
    return found


def _batch(ids: list[str]) -> Call[list[Body]]:
    names = [f"job{n}" for n in range(len(ids))]
    document = (
        f"query GetJobs({' '.join(f'${name}: ID!' for name in names)}) {{ "
        + " ".join(f"{name}: getJob(id: ${name}) {{ ...JobFields }}" for name in names)
        + " } "
        + operations.JOB_FIELDS
    )
    return Call(
        "getJob",
        dict(zip(names, ids, strict=True)),
        lambda data, reader: [reader.job(body) for body in data.values() if body],
        document=document,
    )


def _as_told(told: Any, _: Reader) -> Any:
    return told


class JobApi:
    """Runs calls over one AppSync client, and turns its refusals into errors about jobs.

    `run` belongs to the client's event loop; `run_sync` may be called from any thread and blocks for at most the
    client's timeout.

    Attributes:
        profile: What the API calls things.
        reader: Reads what it tells of jobs.
        on_submitted: Takes the jobs of each submission and the seconds it took, on the thread that asked.

    Args:
        wire: Asks the server.
        revive: Brings a server back that is not there; the call is then repeated.
    """

    def __init__(
        self,
        wire: AppSyncClient,
        *,
        revive: Callable[[], object] | None = None,
        profile: Profile = PROFILES["jupyter_jobs"],
    ) -> None:
        self.wire = wire
        self.profile = profile
        self.reader = Reader(profile)
        self.on_submitted: Callable[[list[Body], float], object] | None = None
        self._revive = revive

    async def run(self, call: Call[T]) -> T:
        """Run one call.

        Raises:
            JobError: The server refused it, and why.
            NotSupported: The API has no such operation.
            WireError: It could not be asked, or its answer is not what was asked for.
        """
        with self._translated(call):
            document, variables, again = self._asked(call)
            began = time.monotonic()
            try:
                data = await self.wire.execute(document, variables, idempotent=again)
            except ConnectionLost:
                if self._revive is None or not again:
                    raise
                await asyncio.to_thread(self._revive)
                data = await self.wire.execute(document, variables, idempotent=again)
            return self._read(call, data, began)

    def run_sync(self, call: Call[T]) -> T:
        """Run one call on the calling thread; as `run` otherwise."""
        with self._translated(call):
            document, variables, again = self._asked(call)
            began = time.monotonic()
            try:
                data = self.wire.execute_sync(document, variables, idempotent=again)
            except ConnectionLost:
                if self._revive is None or not again:
                    raise
                self._revive()
                data = self.wire.execute_sync(document, variables, idempotent=again)
            return self._read(call, data, began)

    async def drive(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """Run the calls that an exchange asks for, one after the other; it may go on after an error."""
        answer: Any = None
        while True:
            try:
                fails = isinstance(answer, JobsError)
                call = exchange.throw(answer) if fails else exchange.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            try:
                answer = await self.run(call)
            except JobsError as error:
                answer = error

    def drive_sync(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """As `drive`, on the calling thread."""
        answer: Any = None
        while True:
            try:
                fails = isinstance(answer, JobsError)
                call = exchange.throw(answer) if fails else exchange.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            try:
                answer = self.run_sync(call)
            except JobsError as error:
                answer = error

    def _asked(self, call: Call[Any]) -> tuple[str, Mapping[str, Any], bool]:
        """Return document, variables, and whether it may be repeated."""
        if call.document is not None:
            return call.document, call.variables, call.idempotent
        document = self.profile.document(call.operation)
        variables = self.profile.variables(call.operation, call.variables)
        return document, variables, call.idempotent and self._repeatable(call)

    def _repeatable(self, call: Call[Any]) -> bool:
        return call.operation != "submitJob" or self.profile.client_ids

    def _read(self, call: Call[T], data: Mapping[str, Any], began: float) -> T:
        own = call.document is not None
        try:
            told = data if own else data[root(self.profile.document(call.operation))]
            answer = call.read(told, self.reader)
            if call.operation == "submitJob" and self.on_submitted is not None:
                jobs: Any = answer if isinstance(answer, list) else [answer]
                self.on_submitted(jobs, time.monotonic() - began)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            host = self.wire.endpoint.host
            raise RemoteProtocolError(
                f"{host} answered {call.operation} with something that cannot be used: "
                f"{type(error).__name__}: {error}",
                host=host,
            ) from error
        return answer

    @contextmanager
    def _translated(self, call: Call[Any]) -> Iterator[None]:
        try:
            yield
        except RequestRefused as error:
            translated = job_error(error, call.job_id, self.profile)
            if translated is None:
                raise
            raise translated from error
        except (ConnectionLost, RequestTimedOut, ServerFault, RemoteProtocolError) as error:
            if self._repeatable(call) or isinstance(error, NeverSent):
                raise
            raise uncertain(error) from error
