"""What is asked of the server about jobs: each request as a value.

A `Call` knows its operation, its variables and how to read the answer; `JobApi` runs it. So each operation is written
once for both faces and all profiles, and an exchange of several steps (`get_many`, `read_log`) is a generator of calls
that either face drives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from jupyter_jobs.errors import RequestRefused
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.finding import Wanted
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.reader import Body, Reader

__all__ = [
    "BATCH",
    "LOG_PAGE",
    "PAGE",
    "Body",
    "Call",
    "cancel",
    "found",
    "get",
    "get_many",
    "logs",
    "newest",
    "page",
    "payload",
    "read_log",
    "result",
    "retry",
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
        read_refused: Makes an answer of one that has errors, for a document of which some fields may have been carried
            out all the same. Without it, an answer with errors is a refusal.
    """

    operation: str
    variables: Mapping[str, Any]
    read: Callable[[Any, Reader], T]
    idempotent: bool = True
    job_id: str | None = None
    document: str | None = None
    read_refused: Callable[[RequestRefused, Reader], T] | None = None


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


def retry(id_: str) -> Call[Body]:
    """Ask for the work of a job that ended to be done again; the answer is the new job. Safe to repeat: a job has one."""
    return Call("retryJob", {"id": id_}, lambda told, reader: reader.job(told), job_id=id_)


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


def payload(id_: str) -> Call[Any]:
    """Ask for what a job was submitted with; the answer is decoded from JSON, None if there is nothing."""
    return Call(
        "jobPayload",
        {"id": id_},
        lambda told, _: None if told is None else json.loads(told),
        job_id=id_,
    )


def page(
    group: str | None,
    token: str | None = None,
    *,
    status: JobStatus | None = None,
    limit: int = PAGE,
    filters: Mapping[str, Any] | None = None,
) -> Call[Body]:
    """Ask for jobs, newest first, of one group or all; `nextToken` of the answer asks for older ones.

    Args:
        group: Of which; None for all.
        token: Where to go on.
        status: In which state.
        limit: At most so many.
        filters: `name`, `tag` and `since`, those that are used: an API may not know them.
    """

    def read(told: Any, reader: Reader) -> Body:
        whole = isinstance(told, list)  # an API without pages
        bodies = reader.jobs((told if whole else told["items"]) or ())
        if status is not None:  # the API's listJobs may not know such a filter
            bodies = [body for body in bodies if body["status"] == status]
        return {"items": bodies, "nextToken": None if whole else told.get("nextToken")}

    window = {"group": group, "nextToken": token, "status": status, "limit": limit}
    variables = {key: value for key, value in window.items() if value is not None}
    return Call("listJobs", {**variables, **(filters or {})}, read)


def newest(
    group: str | None, *, status: JobStatus | None = None, limit: int
) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that list jobs, newest first, of each line of attempts the newest; return at most so many.

    The state is looked at here: the newest attempt may have another one than the attempt that it stands for.
    """
    statuses = () if status is None else (status,)
    return found(group, Wanted(statuses=statuses, limit=limit))


def found(group: str | None, wanted: Wanted) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that find jobs, newest first, of each line of attempts the newest; return their bodies.

    Whether a job is wanted is looked at here: the API may not know all filters, and the newest attempt may have another
    state than the attempt that it stands for.
    """
    fitting: list[Body] = []
    superseded: set[Any] = set()
    token: str | None = None
    tokens: set[str | None] = {None}
    few = wanted.limit if wanted.limit is not None and not wanted.statuses else PAGE
    while True:
        limit = PAGE if token else min(few, PAGE)
        answer = yield page(group, token, limit=limit, filters=wanted.variables)
        for body in answer["items"]:  # a retry is newer than its job, and so comes before it
            superseded.add(body.get("retryOf"))
            if body["id"] not in superseded and wanted.fits(body):
                fitting.append(body)
        token = answer["nextToken"]
        enough = wanted.limit is not None and len(fitting) >= wanted.limit
        if enough or not token or token in tokens:
            return fitting[: wanted.limit]
        tokens.add(token)


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
    return Call(
        "getJob",
        dict(zip(names, ids, strict=True)),
        lambda data, reader: reader.jobs(data.values()),
        document=operations.many("query GetJobs", "getJob", "id: ID!", names),
    )


def _as_told(told: Any, _: Reader) -> Any:
    return told
