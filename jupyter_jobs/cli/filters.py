"""Which jobs a command means, by what they are: state, name, tag, age, group."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.cli.spans import moment
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Body, Call
from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["Filter", "add_filters", "matching"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a job must be; what is empty says nothing.

    Attributes:
        statuses: One of these states.
        name: This name, to the letter.
        tag: One of its tags is this.
        since: Submitted then or later.
        group: Of this group; None for all.
    """

    statuses: frozenset[JobStatus] = frozenset()
    name: str | None = None
    tag: str | None = None
    since: datetime | None = None
    group: str | None = None

    @classmethod
    def of(cls, args: argparse.Namespace) -> Filter:
        """Return what the words of a command say.

        Raises:
            Usage: There is no such state.
        """
        return cls(
            statuses=frozenset(word for words in args.status for word in _statuses(words)),
            name=args.name,
            tag=args.tag,
            since=args.since,
            group=args.group,
        )

    @property
    def says_something(self) -> bool:
        """Whether it leaves any job out."""
        return self != Filter()

    def takes(self, job: Job) -> bool:
        """Whether a job is meant."""
        return (
            (not self.statuses or job.status in self.statuses)
            and self.name in (None, job.name)
            and (self.tag is None or self.tag in job.tags)
            and (self.since is None or not _before(job, self.since))
            and self.group in (None, job.group)
        )


def _before(job: Job, since: datetime) -> bool:
    created = datetime.fromisoformat(job.created_at) if job.created_at else None
    return created is None or created < since


def _statuses(words: str) -> list[JobStatus]:
    found = []
    for word in words.split(","):
        name = word.strip().upper().replace(" ", "_").replace("-", "_")
        if name not in JobStatus.__members__:
            raise Usage(
                f"there is no status {word.strip()!r}; choose of "
                + ", ".join(status.value.lower() for status in JobStatus)
            )
        found.append(JobStatus(name))
    return found


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options of a filter; that of the group is one of `add_target`."""
    which = parser.add_argument_group("which jobs")
    which.add_argument(
        "--status",
        action="append",
        default=[],
        metavar="STATE",
        help="in this state; several by commas, or the option again",
    )
    which.add_argument("--name", help="of this name")
    which.add_argument("--tag", help="that have this tag")
    which.add_argument(
        "--since",
        type=lambda text: moment(text, datetime.now(UTC)),
        metavar="WHEN",
        help="submitted since then: 10m ago, 2d ago, or a date",
    )


def matching(
    wanted: Filter, *, limit: int | None = None, every: bool = False
) -> Generator[Call[Any], Any, list[Job]]:
    """Yield the calls that list the jobs that a filter takes; return them, newest first.

    Args:
        wanted: Which.
        limit: At most so many; None for all there are.
        every: Also those that were retried, beside their newest attempt. A job that was retried has another state
            than the attempt that stands for it, so the filter is asked about each attempt by itself.
    """
    found: list[Job] = []
    superseded: set[str | None] = set()
    tokens: set[str | None] = {None}
    token: str | None = None
    is_plain = wanted == Filter(group=wanted.group)
    size = min(limit, calls.PAGE) if limit is not None and is_plain else calls.PAGE
    while True:
        page: Body = yield calls.page(wanted.group, token, limit=size)
        is_past = False
        for job in map(Job.from_wire, page["items"]):  # a retry is newer than its job
            stands = every or job.id not in superseded
            superseded.add(job.retry_of)
            if stands and wanted.takes(job):
                found.append(job)
            is_past = wanted.since is not None and _before(job, wanted.since)
        token = page["nextToken"]
        if is_past or not token or token in tokens or (limit is not None and len(found) >= limit):
            return found[:limit]
        tokens.add(token)
