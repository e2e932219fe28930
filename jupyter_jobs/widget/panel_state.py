"""What the page is told: rows, the messages that carry them, and the summary that is saved with a notebook.

Pure: the clock is an argument. A row holds what a line of the panel shows and no more; details are asked for when
somebody opens one. Names are those of `schema.graphql`, times are epoch milliseconds. Of a line of attempts only the
newest is shown.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.columns import encode
from jupyter_jobs.widget.failures import signature

__all__ = [
    "ROWS",
    "ROW_FIELDS",
    "PanelState",
    "Row",
    "by_urgency",
    "epoch_ms",
    "error_line",
    "most_urgent",
    "row",
    "summary",
]

Row = dict[str, Any]

ROWS = 10_000  # rows a message
READS = 2_000  # jobs that are read for one message: some 50 ms in which the event loop is held
SAVED_ROWS = 20  # rows for a page without a kernel
SAVED_BYTES = 12_000  # of JSON, all of the summary
_LINE = 200  # characters of a message or error in a row
_SAVED_LINE = 120


@lru_cache(maxsize=16_384)  # a job that changes has its first two times already
def epoch_ms(value: str | None) -> int | None:
    """Return a time of the schema as the page counts it."""
    return None if value is None else round(datetime.fromisoformat(value).timestamp() * 1000)


def _line(text: object, limit: int = _LINE) -> str | None:
    if text is None:
        return None
    line = str(text)
    if not line.isprintable():
        line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def error_line(job: Job) -> str | None:
    """Return why a job ended badly in one line, `ValueError: bad day`; None unless it did."""
    return _line(job.reason) if job.error and job.status.is_failure else None


Reader = Callable[[Mapping[str, Any], Job | None], Any]

ROW_FIELDS: Mapping[str, Reader] = {
    "id": lambda body, _: body["id"],
    "name": lambda body, _: _line(body.get("name")),
    "kind": lambda body, _: body.get("kind"),
    "request": lambda body, _: _line(body.get("request")),
    "status": lambda body, _: body["status"],
    "priority": lambda body, _: body.get("priority"),
    "progress": lambda body, _: _ratio(body.get("progress")),
    "done": lambda body, _: body.get("done"),
    "total": lambda body, _: body.get("total"),
    "message": lambda body, _: _line(body.get("message")),
    "error": lambda _, failed: failed and error_line(failed),
    "failure": lambda _, failed: failed and signature(failed),
    "tags": lambda body, _: tuple(map(str, body.get("tags") or ())) or None,
    "attempt": lambda body, _: attempt if (attempt := body.get("attempt") or 1) > 1 else None,
    "createdAt": lambda body, _: epoch_ms(body.get("createdAt")),
    "startedAt": lambda body, _: epoch_ms(body.get("startedAt")),
    "finishedAt": lambda body, _: epoch_ms(body.get("finishedAt")),
}
"""Each field of a row, and how it is read: from a job as it came, and from what it is read into, if it failed.

To read each body into a `Job` would cost ten times as much as its row.
"""

_NAMES = tuple(ROW_FIELDS)
_READERS = tuple(ROW_FIELDS.values())
_FAILURES = frozenset(status.value for status in JobStatus if status.is_failure)


def row(body: Mapping[str, Any]) -> Row:
    """Return a job of the schema as a row of the panel."""
    return dict(zip(_NAMES, _values(body), strict=True))


def _values(body: Mapping[str, Any]) -> tuple[Any, ...]:
    failed = Job.from_wire(body) if body["status"] in _FAILURES else None
    return tuple([read(body, failed) for read in _READERS])


def _ratio(value: float | None) -> float | None:
    return None if value is None else round(value, 4)  # finer than any bar, and short


def _bodies(store: JobStore) -> Mapping[str, Mapping[str, Any]]:
    return store._bodies


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


def most_urgent(store: JobStore, most: int) -> list[Job]:
    """Return the first of `by_urgency` without reading the others."""
    levels: dict[int, list[tuple[str, str]]] = {level: [] for level in _URGENCY.values()}
    for id_, body in list(_bodies(store).items()):
        if not store.superseded(id_):
            levels[_URGENCY[body["status"]]].append((body.get("createdAt") or "", id_))
    first: list[str] = []
    for _, of_level in sorted(levels.items()):
        first += [id_ for _, id_ in heapq.nlargest(most - len(first), of_level)]
    return [job for id_ in first if (job := store.get(id_)) is not None]


def summary(
    store: JobStore, connection: Mapping[str, Any], backend: str, now_ms: int
) -> dict[str, Any]:
    """Return what is synced as a trait: counts, connection, and the rows most worth saving.

    It is stored with the notebook and read by everybody who gets that: it has no job's id, no folder and no secret, and
    is small.
    """
    counts = store.counts()
    saved: dict[str, Any] = {
        "counts": {status.value: n for status, n in counts.items()},
        "total": sum(counts.values()),
        "connection": dict(connection),
        "backend": backend,
        "rows": [],
        "asOf": now_ms,
    }
    left = SAVED_BYTES - _bytes(saved)
    for n, job in enumerate(most_urgent(store, SAVED_ROWS)):
        saved_row = {**_for_all_to_read(row(_bodies(store)[job.id])), "id": f"saved-{n}"}
        left -= _bytes(saved_row) + 2
        if left < 0:
            break
        saved["rows"].append(saved_row)
    return saved


_FOLDERS = re.compile(
    r"(?<![\w/])(?:~|[a-z]:|\.{1,2})?(?:[/\\][\w.@ -]*[\w.@-])*[/\\](?=[\w.@-])", re.I
)


def _for_all_to_read(shown: Row) -> Row:
    def say(value: Any) -> Any:
        if type(value) is str:
            return _line(_FOLDERS.sub("…/", redact(value)), _SAVED_LINE)
        return [say(tag) for tag in value[:5]] if isinstance(value, tuple) else value

    return {name: say(value) for name, value in shown.items()}


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


class PanelState:
    """What the page knows, so that it is told only what changed.

    Messages are numbered; a page that sees a gap asks for a snapshot. A snapshot may be too large for one message: its
    most urgent rows go first, the others follow with the patches, for as long as `has_more`. One caller at a time;
    `touch` alone may come from any thread.

    A job is in one of four places: unknown; waiting, with or without its row; told, with its row; superseded.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._status: dict[str, JobStatus] = {job.id: job.status for job in store}
        self._dirty: set[str] = set()
        self._rows: dict[str, tuple[Any, ...]] = {}  # as they were last read
        self._told: set[str] = set()
        self._waiting: list[str] = []  # the next one last
        self._waits: set[str] = set()
        self._connection: Mapping[str, Any] = {}
        self.seq = 0

    def touch(self, id_: str, status: JobStatus) -> None:
        """Note that a job changed. From any thread."""
        self._status[id_] = status
        self._dirty.add(id_)

    @property
    def has_more(self) -> bool:
        """Whether there are rows, or changes, that no message has told yet."""
        return bool(self._waiting or self._dirty)

    def snapshot(
        self,
        connection: Mapping[str, Any],
        backend: str,
        now_ms: int,
        *,
        actions: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the message that tells everything, or begins to."""
        while self._dirty:
            self._rows.pop(self._dirty.pop(), None)
        self._told.clear()
        self._waiting = _least_urgent_first(self._status.copy())
        self._waits = set(self._waiting)
        self._connection = connection
        self.seq += 1
        return {
            "type": "snapshot",
            "seq": self.seq,
            "now": now_ms,
            "rows": encode(_NAMES, self._next_rows(READS)),
            "connection": dict(connection),
            "backend": backend,
            "actions": list(actions),
            "total": sum(self._store.counts().values()),
        }

    def patch(self, connection: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the message that tells what changed since the last one, or None if nothing a reader sees did."""
        message: dict[str, Any] = {"type": "patch"}
        changed, gone, reads = self._changes(READS)
        if rows := self._next_rows(READS - reads):
            message["rows"] = encode(_NAMES, rows)
        if changed:
            message["jobs"] = changed
        if gone:
            message["gone"] = gone
        if _without_clock(connection) != _without_clock(self._connection):
            message["connection"] = dict(connection)
        if len(message) == 1:
            return None
        self._connection = connection
        self.seq += 1
        return {**message, "seq": self.seq}

    def _changes(self, most: int) -> tuple[dict[str, Row], list[str], int]:
        changed: dict[str, Row] = {}
        gone: list[str] = []
        reads = 0
        while self._dirty and reads < most:
            id_ = self._dirty.pop()
            if self._store.superseded(id_):
                self._rows.pop(id_, None)
                if id_ in self._told:
                    self._told.remove(id_)
                    gone.append(id_)
            elif id_ in self._told:
                reads += 1
                old = self._rows[id_]
                new = self._read(id_)
                if new != old:
                    fields = zip(_NAMES, new, old, strict=True)
                    changed[id_] = {name: value for name, value, was in fields if value != was}
            else:
                self._rows.pop(id_, None)
                if id_ not in self._waits:
                    self._waits.add(id_)
                    self._waiting.append(id_)
        return changed, gone, reads

    def _next_rows(self, reads: int) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        while self._waiting and len(rows) < ROWS:
            id_ = self._waiting[-1]
            known = self._rows.get(id_)
            is_superseded = self._store.superseded(id_)
            if known is None and not is_superseded:
                if reads <= 0:
                    break
                reads -= 1
                known = self._read(id_)
            self._waiting.pop()
            self._waits.discard(id_)
            if known is not None and not is_superseded:
                self._told.add(id_)
                rows.append(known)
        return rows

    def _read(self, id_: str) -> tuple[Any, ...]:
        values = self._rows[id_] = _values(_bodies(self._store)[id_])
        return values


def _least_urgent_first(statuses: Mapping[str, JobStatus]) -> list[str]:
    levels: dict[int, list[str]] = {level: [] for level in _URGENCY.values()}
    for id_, status in statuses.items():
        levels[_URGENCY[status]].append(id_)
    return [id_ for level in sorted(levels, reverse=True) for id_ in levels[level]]


def _without_clock(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in connection.items() if key != "asOf"}
