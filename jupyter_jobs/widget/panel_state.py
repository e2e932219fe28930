"""What the page is told: rows, the messages that carry them, and the summary that is saved with a notebook.

Pure: the clock is an argument. A row holds what a line of the panel shows and no more; details are asked for when
somebody opens one. Names are those of `schema.graphql`, times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore

__all__ = ["ROW_FIELDS", "PanelState", "Row", "by_urgency", "error_line", "row", "summary"]

Row = dict[str, Any]

SAVED_ROWS = 20  # rows for a page without a kernel
_LINE = 200  # characters of a message or error in a row


def _time(value: str | None) -> int | None:
    return None if value is None else round(datetime.fromisoformat(value).timestamp() * 1000)


def _line(text: object) -> str | None:
    if text is None:
        return None
    line = " ".join(str(text).split())
    return line if len(line) <= _LINE else line[: _LINE - 1] + "…"


def error_line(job: Job) -> str | None:
    """Return why a job ended badly in one line, `ValueError: bad day`; None unless it did."""
    return _line(job.reason) if job.error and job.status.is_failure else None


ROW_FIELDS: Mapping[str, Callable[[Job], Any]] = {
    "id": lambda job: job.id,
    "name": lambda job: _line(job.name),
    "kind": lambda job: job.kind,
    "request": lambda job: _line(job.request),
    "status": lambda job: job.status,
    "priority": lambda job: job.priority,
    "progress": lambda job: job.progress,
    "done": lambda job: job.done,
    "total": lambda job: job.total,
    "message": lambda job: _line(job.message),
    "error": error_line,
    "createdAt": lambda job: _time(job.created_at),
    "startedAt": lambda job: _time(job.started_at),
    "finishedAt": lambda job: _time(job.finished_at),
}
"""Each field of a row, and how it is read from a job."""


def row(job: Job) -> Row:
    """Return a job as a row of the panel."""
    return {name: read(job) for name, read in ROW_FIELDS.items()}


_URGENCY = {
    JobStatus.FAILED: 0,
    JobStatus.LOST: 0,
    JobStatus.TIMED_OUT: 0,
    JobStatus.RUNNING: 1,
    JobStatus.CANCELLING: 1,
    JobStatus.QUEUED: 2,
    JobStatus.SUCCEEDED: 3,
    JobStatus.CANCELLED: 3,
}


def by_urgency(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs in the order in which somebody wants to read them: bad ends, work, queue, good ends; newest first."""
    newest = sorted(jobs, key=lambda job: (job.created_at or "", job.id), reverse=True)
    return sorted(newest, key=lambda job: _URGENCY[job.status])


def summary(
    store: JobStore, connection: Mapping[str, Any], backend: str, now_ms: int
) -> dict[str, Any]:
    """Return what is synced as a trait: counts, connection, and the rows most worth saving."""
    return {
        "counts": {status.value: n for status, n in store.counts().items()},
        "total": len(store),
        "connection": dict(connection),
        "backend": backend,
        "rows": [row(job) for job in by_urgency(store)[:SAVED_ROWS]],
        "asOf": now_ms,
    }


class PanelState:
    """What the page knows, so that it is told only what changed.

    Messages are numbered; a page that sees a gap asks for a snapshot. One writer at a time: the caller holds a lock.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._known: dict[str, Row] = {}
        self._dirty: set[str] = set()
        self._connection: Mapping[str, Any] = {}
        self.seq = 0

    def touch(self, id_: str) -> None:
        """Note that a job changed. From any thread."""
        self._dirty.add(id_)

    def snapshot(self, connection: Mapping[str, Any], backend: str, now_ms: int) -> dict[str, Any]:
        """Return the message that tells everything."""
        self._dirty = set()
        self._known = {job.id: row(job) for job in self._store}
        self._connection = connection
        self.seq += 1
        return {
            "type": "snapshot",
            "seq": self.seq,
            "now": now_ms,
            "jobs": list(self._known.values()),
            "connection": dict(connection),
            "backend": backend,
        }

    def patch(self, connection: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the message that tells what changed since the last one, or None if nothing a reader sees did."""
        dirty, self._dirty = self._dirty, set()
        jobs: dict[str, Row] = {}
        for id_ in dirty:
            job = self._store.get(id_)
            if job is None:
                continue
            new, old = row(job), self._known.get(id_)
            changed = new if old is None else {k: v for k, v in new.items() if v != old[k]}
            if changed:
                jobs[id_] = changed
                self._known[id_] = new
        message: dict[str, Any] = {"type": "patch", "jobs": jobs}
        if _without_clock(connection) != _without_clock(self._connection):
            message["connection"] = dict(connection)
        if not jobs and "connection" not in message:
            return None
        self._connection = connection
        self.seq += 1
        return {**message, "seq": self.seq}


def _without_clock(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in connection.items() if key != "asOf"}
