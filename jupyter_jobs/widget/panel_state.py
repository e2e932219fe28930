"""What the page is told: the messages that carry rows, and the summary that is saved with a notebook.

Pure: the clock is an argument. Of a line of attempts only the newest is shown.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from operator import ne
from typing import Any

from jupyter_jobs.jobs.model import Job, JobKind, JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.columns import encode
from jupyter_jobs.widget.long_work import Prospects
from jupyter_jobs.widget.rows import (
    LEAST,
    ROW_FIELDS,
    URGENCY,
    Row,
    most_urgent,
    one_line,
    row,
    row_values,
)
from jupyter_jobs.widget.scrub import scrub
from jupyter_jobs.worker.handlers import HANDLERS

__all__ = ["ROWS", "ROW_FIELDS", "PanelState", "known_requests", "summary"]

ROWS = 10_000  # rows a message
READS = 2_000  # jobs that are read for one message: some 50 ms in which the event loop is held
FIRST_READS = 500  # for the first of all, which a reader waits for: more than a page shows, and than it lists one by one
SAVED_ROWS = 20  # rows for a page without a kernel
SAVED_BYTES = 12_000  # of JSON, all of the summary
_SAVED_LINE = 120
_REQUESTS = 50  # names that a form suggests
_OF_THE_MOMENT = frozenset({"metric", "endsAt", "slow", "attached"})  # nobody saves these


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
        saved_row = {**_for_all_to_read(row(store.bodies[job.id]), job), "id": f"saved-{n}"}
        left -= _bytes(saved_row) + 2
        if left < 0:
            break
        saved["rows"].append(saved_row)
    return saved


def _for_all_to_read(shown: Row, job: Job) -> Row:
    def say(value: Any) -> Any:
        if type(value) is str:
            return one_line(scrub(value, job), _SAVED_LINE)
        return [say(tag) for tag in value[:5]] if isinstance(value, tuple) else value

    kept = {name: None if name in _OF_THE_MOMENT else value for name, value in shown.items()}
    return {name: say(value) for name, value in kept.items()}


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def known_requests(store: JobStore) -> list[str]:
    """Return the names of requests that somebody may submit: those with a handler here, those seen before."""
    # The pairs first: there are few of them, while jobs are many.
    pairs = {(body.get("kind"), body.get("request")) for body in list(store.bodies.values())}
    seen = {request for kind, request in pairs if kind in (None, JobKind.REQUEST) and request}
    return sorted(seen | HANDLERS.keys())[:_REQUESTS]


class PanelState:
    """What the page knows, so that it is told only what changed.

    Messages are numbered; a page that sees a gap asks for a snapshot. A snapshot may be too large for one message: its
    most urgent rows go first, the others follow with the patches, for as long as `has_more`. One caller at a time;
    `touch` alone may come from any thread.

    A job is in one of four places: unknown; waiting, with or without its row; told, with its row; not listed.

    Args:
        store: The jobs.
        attached: Ids of the jobs that were submitted again, and were there; it may change.
    """

    def __init__(self, store: JobStore, attached: Collection[str] = ()) -> None:
        self._store = store
        self._attached = attached
        self._seen_attached: frozenset[str] = frozenset()
        self._prospects = Prospects(store, attached)
        self._levels = {job.id: URGENCY[job.status] for job in store}
        self._dirty: set[str] = set()
        self._rows: dict[str, tuple[Any, ...]] = {}  # as they were last read
        self._told: set[str] = set()
        self._waiting: list[str] = []  # the next one last
        self._waits: set[str] = set()
        self._connection: Mapping[str, Any] = {}
        self.seq = 0

    def touch(self, id_: str, status: JobStatus) -> None:
        """Note that a job changed. From any thread."""
        self._levels[id_] = URGENCY[status]
        self._dirty.add(id_)

    @property
    def has_more(self) -> bool:
        """Whether there are rows, or changes, that no message has told yet."""
        return bool(self._waiting or self._dirty or len(self._attached) != len(self._seen_attached))

    def snapshot(
        self,
        connection: Mapping[str, Any],
        backend: str,
        now_ms: int,
        *,
        actions: Sequence[str] = (),
        requests: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the message that tells everything, or begins to."""
        self._begin_message()
        reads = READS if self._rows else FIRST_READS
        if not self._rows:
            self._dirty.clear()
        while self._dirty:
            self._rows.pop(self._dirty.pop(), None)
        self._told.clear()
        self._waiting = _least_urgent_first(self._levels.copy())
        self._waits = set(self._waiting)
        self._connection = connection
        self.seq += 1
        return {
            "type": "snapshot",
            "seq": self.seq,
            "now": now_ms,
            "rows": encode(ROW_FIELDS, self._next_rows(reads)),
            "connection": dict(connection),
            "backend": backend,
            "actions": list(actions),
            "requests": list(requests),
            "total": sum(self._store.counts().values()),
        }

    def patch(self, connection: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the message that tells what changed since the last one, or None if nothing a reader sees did."""
        self._begin_message()
        message: dict[str, Any] = {"type": "patch"}
        changed, gone, reads = self._changes(READS)
        if rows := self._next_rows(READS - reads):
            message["rows"] = encode(ROW_FIELDS, rows)
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

    def _begin_message(self) -> None:
        self._prospects.begin_message()
        # Of jobs that were submitted again no event tells.
        if len(self._attached) == len(self._seen_attached) == 0:
            return
        attached = frozenset(self._attached)
        self._dirty |= (attached ^ self._seen_attached) & self._levels.keys()
        self._seen_attached = attached

    def _changes(self, most: int) -> tuple[dict[str, Row], list[str], int]:
        changed: dict[str, Row] = {}
        gone: list[str] = []
        reads = 0
        while self._dirty and reads < most:
            id_ = self._dirty.pop()
            if not self._store.is_listed(id_):
                self._rows.pop(id_, None)
                if id_ in self._told:
                    self._told.remove(id_)
                    gone.append(id_)
            elif id_ in self._told:
                reads += 1
                old = self._rows[id_]
                new = self._read(id_)
                if new != old:
                    changed[id_] = dict(
                        compress(zip(ROW_FIELDS, new, strict=True), map(ne, new, old))
                    )
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
            is_listed = self._store.is_listed(id_)
            if known is None and is_listed:
                if reads <= 0:
                    break
                reads -= 1
                known = self._read(id_)
            self._waiting.pop()
            self._waits.discard(id_)
            if known is not None and is_listed:
                self._told.add(id_)
                rows.append(known)
        return rows

    def _read(self, id_: str) -> tuple[Any, ...]:
        values = self._rows[id_] = row_values(self._store.bodies[id_], self._prospects)
        return values


def _least_urgent_first(levels: Mapping[str, int]) -> list[str]:
    of_level: list[list[str]] = [[] for _ in range(LEAST + 1)]
    for id_, level in levels.items():
        of_level[level].append(id_)
    return [id_ for ids in reversed(of_level) for id_ in ids]


def _without_clock(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in connection.items() if key != "asOf"}
