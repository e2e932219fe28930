"""Many jobs in few requests, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import JobError, JobsError, RemoteProtocolError, RequestRefused
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.calls import BATCH, Body, Call, submit
from jupyter_jobs.jobs.limits import DOCUMENT_LIMIT
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.refusals import job_error

__all__ = ["Outcome", "submit_many"]

Outcome = Body | JobsError
"""The job as it was accepted, or why it was not."""


def submit_many(
    bodies: Sequence[Body], profile: Profile
) -> Generator[Call[Any], Any, list[Outcome]]:
    """Yield the calls that submit jobs; return an outcome for each, in their order. Safe to repeat, as `submit` is.

    A document takes as many as its size and AppSync's 30 s allow: its fields run one after the other. Each of them
    publishes an event of its own. They stand under aliases, and what AppSync makes of those in an event is not
    documented: nothing below the field has one, and the answer says all that the event would.

    Where a request finds no way to the API, the jobs after it are not sent: all of them have that error.

    Args:
        bodies: `SubmitJobInput`s.
        profile: What the API calls things; where its document is not this package's own, each job is one request.
    """
    outcomes: list[Outcome] = []
    alone = profile.document("submitJob") != operations.SUBMIT_JOB
    for chunk in _chunks(bodies, 1 if alone else BATCH):
        try:
            if alone:
                outcomes.append((yield submit(chunk[0])))
            else:
                outcomes += yield _document(chunk, profile)
        except (RequestRefused, JobError) as refusal:
            outcomes += [refusal] * len(chunk)
        except JobsError as error:
            return outcomes + [error] * (len(bodies) - len(outcomes))
    return outcomes


def _chunks(bodies: Sequence[Body], most: int) -> Iterator[list[Body]]:
    chunk: list[Body] = []
    size = 0
    for body in bodies:
        length = len(dumps(body))
        if chunk and (len(chunk) == most or size + length > DOCUMENT_LIMIT):
            yield chunk
            chunk, size = [], 0
        chunk.append(body)
        size += length
    if chunk:
        yield chunk


def _document(bodies: Sequence[Body], profile: Profile) -> Call[list[Outcome]]:
    names = [_name(n) for n in range(len(bodies))]

    def read(data: Any, reader: Reader) -> list[Outcome]:
        return [reader.job(data[name]) for name in names]

    def read_refused(refusal: RequestRefused, reader: Reader) -> list[Outcome]:
        return list(_each(bodies, refusal, profile, reader))

    return Call(
        "submitJob",
        dict(zip(names, bodies, strict=True)),
        read,
        document=operations.many(
            "mutation SubmitJobs", "submitJob", "input: SubmitJobInput!", names
        ),
        read_refused=read_refused,
    )


def _each(
    bodies: Sequence[Body], refusal: RequestRefused, profile: Profile, reader: Reader
) -> Iterator[Outcome]:
    """Yield what came of each job of a document that was answered with errors."""
    for n, asked in enumerate(bodies):
        body = (refusal.data or {}).get(_name(n))
        errors = [e for e in refusal.errors if (e.get("path") or [_name(n)])[0] == _name(n)]
        if body is not None:
            yield reader.job(body)
        elif errors:
            own = RequestRefused(errors, host=refusal.host, request_id=refusal.request_id)
            yield job_error(own, asked.get("id"), profile) or own
        else:
            yield RemoteProtocolError(
                f"{refusal.host} answered the submission of {asked.get('id')} with neither a job nor an error; "
                "submit it again: it cannot become two",
                host=refusal.host,
            )


def _name(n: int) -> str:
    return f"job{n}"
