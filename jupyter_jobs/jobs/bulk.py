"""Many jobs in few requests, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import (
    JobError,
    JobsError,
    NotSupported,
    RemoteProtocolError,
    RequestRefused,
)
from jupyter_jobs.jobs import calls, operations
from jupyter_jobs.jobs.calls import BATCH, Body, Call
from jupyter_jobs.jobs.limits import DOCUMENT_LIMIT
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.refusals import job_error

__all__ = ["Outcome", "cancel_many", "retry_many", "submit_many"]

Outcome = Body | JobsError
"""The job as it was accepted, or as it then is; or why that could not be."""

Exchange = Generator[Call[Any], Any, list[Outcome]]


@dataclass(frozen=True)
class _Operation:
    """A mutation that can stand in a document many times.

    Attributes:
        call: Makes the call for one.
        name: Of the mutation.
        document: This package's own, for one.
        argument: What the mutation takes, and its type.
        id_of: Returns the id of the job that an argument is about.
    """

    call: Callable[[Any], Call[Body]]
    name: str
    document: str
    argument: str
    id_of: Callable[[Any], str | None]


_SUBMIT = _Operation(
    calls.submit,
    "submitJob",
    operations.SUBMIT_JOB,
    "input: SubmitJobInput!",
    lambda body: body.get("id"),
)
_CANCEL = _Operation(calls.cancel, "cancelJob", operations.CANCEL_JOB, "id: ID!", str)
_RETRY = _Operation(calls.retry, "retryJob", operations.RETRY_JOB, "id: ID!", str)


class _Room(NamedTuple):
    """How much one document takes.

    Attributes:
        fields: Mutations.
        size: Bytes of what they take.
    """

    fields: int
    size: int


_AWAY = _Room(BATCH, DOCUMENT_LIMIT)
_HERE = _Room(250, 16 * DOCUMENT_LIMIT)  # larger ones gain nothing, measured 2026-11-23
_ONE = _Room(1, DOCUMENT_LIMIT)


def submit_many(bodies: Sequence[Body], profile: Profile, *, is_here: bool = False) -> Exchange:
    """Yield the calls that submit jobs; return an outcome for each, in their order. Safe to repeat, as `submit` is.

    A document takes as many as its size and AppSync's 30 s allow: its fields run one after the other. Each of them
    publishes an event of its own. They stand under aliases, and what AppSync makes of those in an event is not
    documented: nothing below the field has one, and the answer says all that the event would.

    Where a request finds no way to the API, the jobs after it are not sent: all of them have that error.

    Args:
        bodies: `SubmitJobInput`s.
        profile: What the API calls things; where its document is not this package's own, each job is one request.
        is_here: Whether the API is on this machine, so that documents may be larger.
    """
    return _many(_SUBMIT, bodies, profile, _HERE if is_here else _AWAY)


def cancel_many(ids: Sequence[str], profile: Profile, *, is_here: bool = False) -> Exchange:
    """Yield the calls that ask for the end of jobs; return each as it then is, or why not. As `submit_many` otherwise.

    A job that has ended stays as it is. Of an API that cannot cancel, each outcome is `NotSupported`.
    """
    return _many(_CANCEL, ids, profile, _HERE if is_here else _AWAY)


def retry_many(ids: Sequence[str], profile: Profile, *, is_here: bool = False) -> Exchange:
    """Yield the calls that retry jobs; return the new job of each, or why there is none. As `submit_many` otherwise.

    A job has one retry, so it is safe to repeat. Of an API that cannot retry, each outcome is `NotSupported`.
    """
    return _many(_RETRY, ids, profile, _HERE if is_here else _AWAY)


def _many(
    operation: _Operation, arguments: Sequence[Any], profile: Profile, room: _Room = _AWAY
) -> Exchange:
    outcomes: list[Outcome] = []
    try:
        alone = profile.document(operation.name) != operation.document
    except NotSupported as error:
        return [error] * len(arguments)
    for chunk in _chunks(arguments, _ONE if alone else room):
        try:
            if alone:
                outcomes.append((yield operation.call(chunk[0])))
            else:
                outcomes += yield _document(operation, chunk, profile)
        except (RequestRefused, JobError) as refusal:
            outcomes += [refusal] * len(chunk)
        except JobsError as error:
            return outcomes + [error] * (len(arguments) - len(outcomes))
    return outcomes


def _chunks(arguments: Sequence[Any], room: _Room) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for argument in arguments:
        length = len(dumps(argument))
        if chunk and (len(chunk) == room.fields or size + length > room.size):
            yield chunk
            chunk, size = [], 0
        chunk.append(argument)
        size += length
    if chunk:
        yield chunk


def _document(
    operation: _Operation, arguments: Sequence[Any], profile: Profile
) -> Call[list[Outcome]]:
    names = [_name(n) for n in range(len(arguments))]

    def read(data: Any, reader: Reader) -> list[Outcome]:
        return [reader.job(data[name]) for name in names]

    def read_refused(refusal: RequestRefused, reader: Reader) -> list[Outcome]:
        return list(_each(operation, arguments, refusal, profile, reader))

    return Call(
        operation.name,
        dict(zip(names, arguments, strict=True)),
        read,
        document=operations.many(
            f"mutation {operation.name[0].upper()}{operation.name[1:]}s",
            operation.name,
            operation.argument,
            names,
        ),
        read_refused=read_refused,
    )


def _each(
    operation: _Operation,
    arguments: Sequence[Any],
    refusal: RequestRefused,
    profile: Profile,
    reader: Reader,
) -> Iterator[Outcome]:
    """Yield what came of each job of a document that was answered with errors."""
    for n, argument in enumerate(arguments):
        body = (refusal.data or {}).get(_name(n))
        errors = [e for e in refusal.errors if (e.get("path") or [_name(n)])[0] == _name(n)]
        if body is not None:
            yield reader.job(body)
        elif errors:
            own = RequestRefused(errors, host=refusal.host, request_id=refusal.request_id)
            yield job_error(own, operation.id_of(argument), profile) or own
        else:
            yield RemoteProtocolError(
                f"{refusal.host} answered {operation.name} of {operation.id_of(argument)} with neither a job nor an "
                "error; ask again: that does no harm",
                host=refusal.host,
            )


def _name(n: int) -> str:
    return f"job{n}"
