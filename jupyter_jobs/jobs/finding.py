"""Which jobs are meant: what `find` takes, as what the server is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypedDict

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["EVERYWHERE", "Filters", "Moment", "Status", "Wanted", "moment", "wanted"]

EVERYWHERE = "*"
"""The group that stands for all groups."""


Status = JobStatus | str
Moment = datetime | date | timedelta | str


class Filters(TypedDict, total=False):
    """What jobs are found by; see `JobMonitor.find`."""

    status: Status | Iterable[Status] | None
    name: str | None
    tag: str | None
    since: Moment | None
    group: str | None
    limit: int | None


@dataclass(frozen=True)
class Wanted:
    """Filters that can be.

    Attributes:
        statuses: One of these; empty for any.
        name: What they are called.
        tag: A word that they have.
        since: ISO 8601 in UTC.
        limit: At most so many.
    """

    statuses: Collection[JobStatus] = ()
    name: str | None = None
    tag: str | None = None
    since: str | None = None
    limit: int | None = None

    @property
    def variables(self) -> Mapping[str, Any]:
        """What the server is asked besides group and page; only what is used, for an API may not know it."""
        filters = {"name": self.name, "tag": self.tag, "since": self.since}
        return {name: value for name, value in filters.items() if value is not None}

    def fits(self, body: Mapping[str, Any]) -> bool:
        """Whether a job is meant. The server may not know all filters, so each answer is looked at."""
        return (
            (not self.statuses or body["status"] in self.statuses)
            and self.name in (None, body.get("name"))
            and (self.tag is None or self.tag in (body.get("tags") or ()))
            and (self.since is None or _is_since(body.get("createdAt"), self.since))
        )


def wanted(filters: Filters, now: Callable[[], datetime]) -> Wanted:
    """Check filters and return what they say, but for the group.

    Raises:
        InvalidJob: One that cannot be; says which, and what to write.
    """
    limit = filters.get("limit")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise InvalidJob(f"limit= takes a whole number from 1 on, not {limit!r}")
    for what in ("name", "tag", "group"):
        value: Any = filters.get(what)
        if value is not None and not isinstance(value, str):
            raise InvalidJob(f"{what}= takes a string, not {value!r}")
    since = filters.get("since")
    return Wanted(
        _statuses(filters.get("status")),
        filters.get("name"),
        filters.get("tag"),
        None if since is None else moment(since, now),
        limit,
    )


def moment(since: Any, now: Callable[[], datetime]) -> str:
    """Return a time as the server takes it, ISO 8601 in UTC.

    Args:
        since: A datetime, a date, a timedelta before now, or an ISO string.
        now: Tells the time in UTC.

    Raises:
        InvalidJob: It is none of these.
    """
    given = since
    try:
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        elif isinstance(since, timedelta):
            since = now() - since
        elif isinstance(since, date) and not isinstance(since, datetime):
            since = datetime.combine(since, time())
        since = since.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError):
        raise InvalidJob(
            "since= takes a datetime, a date, a timedelta as timedelta(hours=2) for two hours ago, "
            f'or a time as "2026-11-22T20:00", not {given!r}'
        ) from None
    return f"{since:%Y-%m-%dT%H:%M:%S}.{since.microsecond // 1000:03}Z"


def _statuses(status: Any) -> tuple[JobStatus, ...]:
    if status is None:
        return ()
    words = [status] if isinstance(status, str) else status
    try:
        return tuple(JobStatus(word.upper().replace(" ", "_")) for word in words)
    except (ValueError, AttributeError, TypeError):
        raise InvalidJob(
            f"there is no status {status!r}; choose of {', '.join(JobStatus)}"
        ) from None


def _is_since(created: Any, since: str) -> bool:
    try:
        return datetime.fromisoformat(created) >= datetime.fromisoformat(since)
    except (TypeError, ValueError):  # an API that tells no such times, or without a zone
        return True
