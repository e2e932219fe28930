"""How a command asks the backend, and finds the jobs that its words mean."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.errors import JobNotFound, NotSupported
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Body, Call
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.target import Target, find_target

__all__ = [
    "SHORTEST",
    "find",
    "find_ids",
    "find_many",
    "find_one",
    "opened",
    "opened_at",
    "target_of",
]

SHORTEST = 4
"""Characters of an id that are enough of it, where they are the beginning of one job's alone."""

_SHOWN = 8  # jobs that a sentence lists


def target_of(args: argparse.Namespace) -> Target:
    """Return where the words of a command and the settings say that jobs are."""
    return find_target(args.endpoint, profile=args.profile)


def opened(args: argparse.Namespace) -> AbstractContextManager[JobApi]:
    """Return what asks that backend, for a block."""
    return opened_at(target_of(args))


@contextmanager
def opened_at(target: Target) -> Iterator[JobApi]:
    """Yield what asks a backend."""
    wire = AppSyncClient(target.endpoint, target.auth)
    try:
        yield JobApi(wire, revive=target.revive, profile=target.profile)
    finally:
        asyncio.run(wire.aclose())


def find_one(api: JobApi, word: str, group: str | None) -> Job:
    """Return the job that an id, or the beginning of one, means; raises as `find`."""
    [job] = find_many(api, [word], group)
    return job


def find_many(api: JobApi, words: Sequence[str], group: str | None) -> list[Job]:
    """Return the jobs that ids, or beginnings of ids, mean; raises as `find`."""
    return [Job.from_wire(body) for body in api.drive_sync(find(words, group, api.profile))]


def find_ids(api: JobApi, words: Sequence[str], group: str | None) -> list[str]:
    """Return the ids of the same; the words themselves where the API cannot be asked for jobs."""
    if not api.profile.has("getJob"):
        return list(words)
    return [job.id for job in find_many(api, words, group)]


def find(
    words: Sequence[str], group: str | None, profile: Profile
) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that find jobs by their ids or the beginnings of those; return them in the order of the words.

    Args:
        words: What the user wrote.
        group: Where beginnings are looked for; None for all groups.
        profile: What the API can be asked.

    Raises:
        JobNotFound: No job is meant.
        Usage: Several are.
        NotSupported: The API cannot be asked for jobs.
    """
    if not profile.has("getJob"):
        profile.document("getJob")
    whole = {
        body["id"]: body
        for body in (yield from calls.get_many(list(dict.fromkeys(words)), profile))
    }
    begun = [word for word in words if word not in whole]
    candidates: list[Body] = []
    if any(len(word) >= SHORTEST for word in begun):
        candidates = yield from _beginning(begun, group)
    return [whole[word] if word in whole else _meant(word, candidates, group) for word in words]


def _beginning(words: list[str], group: str | None) -> Generator[Call[Any], Any, list[Body]]:
    found: list[Body] = []
    beginnings = tuple(word for word in words if len(word) >= SHORTEST)
    tokens: set[str | None] = {None}
    token: str | None = None
    while True:
        try:
            page = yield calls.page(group, token)
        except NotSupported:  # it has getJob alone: the whole id must be told
            return found
        found += [body for body in page["items"] if body["id"].startswith(beginnings)]
        token = page["nextToken"]
        if not token or token in tokens:
            return found
        tokens.add(token)


def _meant(word: str, candidates: list[Body], group: str | None) -> Body:
    found = [body for body in candidates if body["id"].startswith(word)]
    if len(word) < SHORTEST:
        raise JobNotFound(
            f"there is no job {word!r}; give at least {SHORTEST} characters of the id", job_id=word
        )
    if not found:
        where = f" in the group {group!r}" if group else ""
        raise JobNotFound(
            f"there is no job {word!r}{where}; see: jupyter-jobs list --all", job_id=word
        )
    if len(found) > 1:
        raise Usage(
            f"{len(found)} jobs begin with {word!r}, give more of the id: "
            + ", ".join(map(_described, found[:_SHOWN]))
            + (" …" if len(found) > _SHOWN else "")
        )
    return found[0]


def _described(body: Body) -> str:
    job = Job.from_wire(body)
    name = job.label if len(job.label) <= 30 else job.label[:29] + "…"
    return f"{job.id} ({name}, {JobStatus(job.status).word})"
