"""One line of the panel: what it holds of a job, and which lines are wanted first.

Pure. Names are those of `schema.graphql`, times are epoch milliseconds. A row holds what a line shows and no more; details
are asked for when somebody opens one.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.failures import signature
from jupyter_jobs.widget.long_work import Prospects, first_chart, slow_from

__all__ = [
    "LEAST",
    "ROW_FIELDS",
    "URGENCY",
    "Row",
    "epoch_ms",
    "error_line",
    "most_urgent",
    "one_line",
    "row",
    "row_values",
]

Row = dict[str, Any]

_LINE = 200  # characters of a message or error in a row


@lru_cache(maxsize=16_384)  # a job that changes has its first two times already
def epoch_ms(value: str | None) -> int | None:
    """Return a time of the schema as the page counts it."""
    return None if value is None else round(datetime.fromisoformat(value).timestamp() * 1000)


def one_line(text: object, limit: int = _LINE) -> str | None:
    """Return a text without line breaks, cut to so many characters."""
    if text is None:
        return None
    line = str(text)
    if not line.isprintable():
        line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def error_line(job: Job) -> str | None:
    """Return why a job ended badly in one line, `ValueError: bad day`; None unless it did."""
    if not job.error or not job.status.is_failure:
        return None
    return one_line(job.reason)


ROW_FIELDS = (
    "id",
    "name",
    "kind",
    "request",
    "status",
    "priority",
    "progress",
    "done",
    "total",
    "message",
    "error",
    "failure",
    "tags",
    "attempt",
    "metric",
    "endsAt",
    "slow",
    "batch",
    "attached",
    "createdAt",
    "startedAt",
    "finishedAt",
)
"""What a row holds, in the order of `_read`."""

_FAILURES = frozenset(status.value for status in JobStatus if status.is_failure)


def row(body: Mapping[str, Any]) -> Row:
    """Return a job of the schema as a row of the panel."""
    return dict(zip(ROW_FIELDS, row_values(body), strict=True))


def _read(body: Mapping[str, Any], prospects: Prospects | None) -> tuple[Any, ...]:
    get, status = body.get, body["status"]
    started = epoch_ms(get("startedAt"))
    runs = status == JobStatus.RUNNING
    batch, message = get("batch"), get("message")
    ends = attached = None
    if prospects is not None:
        # A time is read only where an end can be told at all.
        told = runs and (get("progress") is not None or get("usual") is not None)
        ends = prospects.ends_at(body, epoch_ms(get("updatedAt")) if told else None)
        attached = prospects.is_attached(body["id"]) or None
        message = message or prospects.waits_for(body)
    failed = Job.from_wire(body) if status in _FAILURES else None
    tags, attempt = get("tags"), get("attempt")
    return (
        body["id"],
        one_line(get("name")),
        get("kind"),
        one_line(get("request")),
        status,
        get("priority"),
        _ratio(get("progress")),
        get("done"),
        get("total"),
        one_line(message),
        failed and error_line(failed),
        failed and signature(failed),
        tuple(map(str, tags)) if tags else None,
        None if attempt == 1 else attempt,
        first_chart(get("metrics")),
        ends,
        slow_from(get("usual"), started) if runs else None,
        batch and batch[:8],
        attached,
        epoch_ms(get("createdAt")),
        started,
        epoch_ms(get("finishedAt")),
    )


def _ratio(value: float | None) -> float | None:
    """Return it finer than any bar and short, in a fifth of the time that `round` takes."""
    return None if value is None else int(value * 10_000 + 1e-6) / 10_000


def row_values(body: Mapping[str, Any], prospects: Prospects | None = None) -> tuple[Any, ...]:
    """Return what a row holds, in the order of `ROW_FIELDS`; of a job that nobody can read, its id and status.

    Args:
        body: The job.
        prospects: What is to be expected of it; without, its row says nothing of that.
    """
    try:
        values = _read(body, prospects)
        hash(values)  # as columns want it
        return values
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return tuple(body[name] if name in ("id", "status") else None for name in ROW_FIELDS)


URGENCY = {
    JobStatus.FAILED: 0,
    JobStatus.LOST: 0,
    JobStatus.TIMED_OUT: 0,
    JobStatus.RUNNING: 1,
    JobStatus.CANCELLING: 1,
    JobStatus.QUEUED: 2,
    JobStatus.SUCCEEDED: 3,
    JobStatus.CANCELLED: 3,
}
"""Which jobs somebody wants to read first; 0 is the most urgent."""

LEAST = max(URGENCY.values())


def most_urgent(store: JobStore, most: int) -> list[Job]:
    """Return the jobs that somebody wants to read first: bad ends, work, queue, good ends; of each the newest first.

    Of a line of attempts that is the newest; the others are not read.
    """
    first: list[str] = []
    there = {status.value for status in store.counts()}
    for level in range(LEAST + 1):
        wanted = there & {status.value for status, of in URGENCY.items() if of == level}
        if wanted and len(first) < most:
            of_level = [
                (body.get("createdAt") or "", id_)
                for id_, body in list(store.bodies.items())
                if body["status"] in wanted and store.is_listed(id_)
            ]
            first += [id_ for _, id_ in heapq.nlargest(most - len(first), of_level)]
    return [job for id_ in first if (job := store.get(id_)) is not None]
