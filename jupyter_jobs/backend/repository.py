"""The truth about all jobs, in SQLite.

A job is a row; a write raises its `version` by one and checks that the new state may follow the old. What was
committed survives the death of this process (WAL, `synchronous=NORMAL`; an operating system that dies may cost the
last moments). Methods block for well under a millisecond and belong to the event loop's thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.rows import (
    Body,
    now,
    seconds,
    stamp,
    stored,
    summary,
    to_body,
    token_of,
)
from jupyter_jobs.backend.selection import select_page
from jupyter_jobs.backend.tables import COLUMNS, IS_LIVE, NAMES, open_tables
from jupyter_jobs.jobs.model import TRANSITIONS, JobStatus

__all__ = ["Body", "Repository"]

_SELECT = f"SELECT {NAMES} FROM jobs "
_GIVEN = [f'"{column}"' for column in COLUMNS] + ["payload", "fingerprint"]
_INSERT = (
    f"INSERT INTO jobs ({', '.join(_GIVEN)}) VALUES ({', '.join('?' * len(_GIVEN))}) "
    "ON CONFLICT DO NOTHING"
)
_NEWEST = (
    "SELECT jobs.id, jobs.name, jobs.request, jobs.status, jobs.error, jobs.finishedAt, retries.id AS retry "
    "FROM jobs LEFT JOIN jobs AS retries ON retries.retryOf = jobs.id WHERE jobs.id = ?"
)
_OF_A_RUN = ("startedAt", "progress", "done", "total", "metrics")
_USUAL = 50  # of the newest jobs of a name tell how long it takes
_USUALS = 1000  # names whose usual durations are remembered


class Repository:
    """The jobs of one data folder.

    Args:
        path: The database file, made if it is missing.
        now: Tells the present time as `rows.now` does.

    Raises:
        BackendUnavailable: It cannot be opened, or a later release wrote it.
    """

    def __init__(self, path: Path, *, now: Callable[[], str] = now) -> None:
        self._db = open_tables(path)
        self._now = now
        self._observers: list[Callable[[Body], None]] = []
        self._untold: list[Body] = []
        self._usuals: dict[tuple[str | None, str], dict[str, float] | None] = {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def observe(self, observer: Callable[[Body], None]) -> None:
        """Call `observer` with each job that was inserted or changed, once that is committed."""
        self._observers.append(observer)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what a block writes at its end, all or nothing; a block within a block is part of it.

        A block must not await: what others write meanwhile would hang on it, too.
        """
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self._untold.clear()
            self._usuals.clear()
            raise
        self._db.execute("COMMIT")
        self._tell()

    def insert(
        self, fields: Mapping[str, Any], payload: str | None, fingerprint: str | None = None
    ) -> Body | None:
        """Store a new job, QUEUED at version 1; returns it, or None if its id is taken, or it is a second retry."""
        at = self._now()
        body: Body = dict.fromkeys(COLUMNS) | {"attempt": 1} | dict(fields)
        body |= {"status": "QUEUED", "version": 1, "createdAt": at, "updatedAt": at}
        values = [stored(column, body[column]) for column in COLUMNS]
        with self.transaction():
            done = self._db.execute(_INSERT, [*values, payload, fingerprint])
            if done.rowcount != 1:
                return None
            for tag in body["tags"] or ():
                self._db.execute("INSERT OR IGNORE INTO tags VALUES (?, ?)", [tag, done.lastrowid])
            self._untold.append(body)
        return body

    def get(self, id_: str) -> Body | None:
        """Return a job, or None."""
        return self._one("WHERE id = ?", id_)

    def retry_of(self, id_: str) -> Body | None:
        """Return the retry of a job, or None."""
        return self._one("WHERE retryOf = ?", id_)

    def newest(self, id_: str) -> Body | None:
        """Return of a job, or of the newest of its retries, what others that wait for it need to know; or None.

        Returns:
            `id`, `name`, `request`, `status`, `error`, `finishedAt`.
        """
        row = None
        while (found := self._db.execute(_NEWEST, [id_]).fetchone()) is not None:
            row = found
            if (id_ := row["retry"]) is None:
                break
        return None if row is None else {name: row[name] for name in row.keys() if name != "retry"}

    def by_key(self, group: str | None, key: str) -> tuple[Body, str | None] | None:
        """Return the newest job of a group that was submitted with a key, and its fingerprint; or None."""
        row = self._db.execute(
            f'SELECT {NAMES}, fingerprint FROM jobs WHERE key = ? AND "group" IS ? '
            "ORDER BY number DESC LIMIT 1",
            [key, group],
        ).fetchone()
        return None if row is None else (to_body(row), row["fingerprint"])

    def payload(self, id_: str) -> str | None:
        """Return what a job needs to run, as JSON, or None."""
        row = self._db.execute("SELECT payload FROM jobs WHERE id = ?", [id_]).fetchone()
        return None if row is None else row["payload"]

    def page(
        self,
        group: str | None,
        status: str | None,
        limit: int,
        token: str | None,
        *,
        name: str | None = None,
        tag: str | None = None,
        since: str | None = None,
    ) -> tuple[list[Body], str | None]:
        """Return jobs, newest first, and what asks for the next page, or None at the end.

        Args:
            group: Only of this group.
            status: Only in this state.
            limit: At most so many.
            token: What the page before came with.
            name: Only of this name.
            tag: Only with this tag.
            since: Only those created then or later, ISO 8601.

        Raises:
            Refusal: The token is none of ours, or `since` is no time.
        """
        query, values = select_page(
            token, group=group, status=status, name=name, tag=tag, since=since
        )
        rows = self._db.execute(query, [*values, limit + 1]).fetchall()
        more = len(rows) > limit
        bodies = [to_body(row) for row in rows[:limit]]
        return bodies, token_of(rows[limit - 1]["number"]) if more else None

    def usual(self, group: str | None, name: str) -> dict[str, float] | None:
        """Return how long the newest jobs of a name took until they succeeded, or None if none has.

        Returns:
            `count`, at most 50, and of their last runs the `median` and the `p90` in seconds.
        """
        if (group, name) not in self._usuals:
            if len(self._usuals) >= _USUALS:
                self._usuals.clear()
            rows = self._db.execute(
                'SELECT startedAt, finishedAt FROM jobs WHERE name = ? AND "group" IS ? '
                "AND status = 'SUCCEEDED' AND startedAt IS NOT NULL ORDER BY number DESC LIMIT ?",
                [name, group, _USUAL],
            )
            self._usuals[group, name] = summary([seconds(*row) for row in rows])
        return self._usuals[group, name]

    def update(
        self, id_: str, changes: Mapping[str, Any], expected_version: int | None = None
    ) -> Body:
        """Write changes to a job and return it as it then is.

        Raises:
            Refusal: `JobNotFound`, `VersionConflict` (`errorInfo` has the present version) or `InvalidTransition`.
        """
        body = self._known(id_)
        if expected_version is not None and body["version"] != expected_version:
            raise Refusal(
                "VersionConflict",
                f"Job {id_} has version {body['version']}, not {expected_version}.",
                {"version": body["version"]},
            )
        return self._write(body, changes)

    def requeue(self, id_: str, run: Mapping[str, Any], not_before: float, message: str) -> Body:
        """Let a job whose run failed wait for another, and return it as it then is: one write.

        Args:
            id_: The job's.
            run: What its `history` is to say of the run, besides `startedAt` and `finishedAt`.
            not_before: When the next one may start, in seconds since the epoch.
            message: What the job says meanwhile.

        Raises:
            Refusal: It is not running.
        """
        body = self._known(id_)
        times = {"startedAt": body["startedAt"], "finishedAt": self._now()}
        history = [*json.loads(body["history"] or "[]"), {**times, **run}]
        text = json.dumps(history, ensure_ascii=False)  # every event carries it
        changes = dict.fromkeys(_OF_A_RUN) | {"history": text, "message": message}
        private = {"notBefore": not_before, "pid": None, "processStarted": None}
        return self._write(body, {**changes, "status": "QUEUED"}, private)

    def _write(
        self, body: Body, changes: Mapping[str, Any], private: Mapping[str, Any] | None = None
    ) -> Body:
        id_ = body["id"]
        old, new = JobStatus(body["status"]), JobStatus(changes.get("status") or body["status"])
        if old.is_terminal or (new is not old and new not in TRANSITIONS[old]):
            raise Refusal(
                "InvalidTransition", f"Job {id_} is {old.word}; it cannot become {new.word}."
            )
        at = self._now()
        changes = {**changes, "status": new.value, "version": body["version"] + 1, "updatedAt": at}
        if new is JobStatus.RUNNING and body["startedAt"] is None:
            changes["startedAt"] = at
        if new.is_terminal:
            changes["finishedAt"] = at
        body |= changes
        if new is old:
            del changes["status"]  # and the indexes that have it need not be written
        written = {name: stored(name, value) for name, value in changes.items()}
        written |= private or {}
        names = ", ".join(f'"{name}" = ?' for name in written)
        self._db.execute(f"UPDATE jobs SET {names} WHERE id = ?", [*written.values(), id_])
        if new is JobStatus.SUCCEEDED:
            self._usuals.pop((body["group"], body["name"]), None)
        self._untold.append(body)
        if not self._db.in_transaction:
            self._tell()
        return body

    def live(self) -> list[Body]:
        """Return the jobs that have not ended, oldest first."""
        return [
            to_body(row) for row in self._db.execute(_SELECT + f"WHERE {IS_LIVE} ORDER BY number")
        ]

    def turn(self, id_: str) -> tuple[int, float | None]:
        """Return the number that tells a job's place among others, and when it may start at the earliest."""
        row = self._db.execute("SELECT number, notBefore FROM jobs WHERE id = ?", [id_]).fetchone()
        return row["number"], row["notBefore"]

    def set_process(self, id_: str, pid: int, started: int) -> None:
        """Note which process works for a job; `started` tells it from a later one of the same number."""
        self._db.execute(
            "UPDATE jobs SET pid = ?, processStarted = ? WHERE id = ?", [pid, started, id_]
        )

    def set_metrics(self, id_: str, metrics: str) -> None:
        """Keep what a job measures, to be told with its next change."""
        self._db.execute("UPDATE jobs SET metrics = ? WHERE id = ?", [metrics, id_])

    def process(self, id_: str) -> tuple[int, int] | None:
        """Return the process that works for a job, or None if none was started."""
        row = self._db.execute(
            "SELECT pid, processStarted FROM jobs WHERE id = ?", [id_]
        ).fetchone()
        return None if row is None or row["pid"] is None else (row["pid"], row["processStarted"])

    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state that has any."""
        return dict(
            self._db.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall()
        )

    def prunable(
        self,
        before: str | None,
        group: str | None = None,
        *,
        files: bool = False,
        limit: int = 1000,
    ) -> list[str]:
        """Return the ids of jobs that may be forgotten: ended, and no live job waits for them. First ended, first told.

        Args:
            before: Only those that ended before, ISO 8601.
            group: Only of this group.
            files: Only those that have files still, as far as is known.
            limit: At most so many.

        Raises:
            Refusal: `before` is no time.
        """
        where = {
            "finishedAt < ?": "~" if before is None else stamp(before),  # after all digits
            '+"group" = ?': group,
        }
        where = {condition: value for condition, value in where.items() if value is not None}
        awaited = self._awaited()
        rows = self._db.execute(
            f"SELECT id FROM jobs WHERE {' AND '.join(where)} {'AND size IS NOT 0 ' if files else ''}"
            "ORDER BY finishedAt LIMIT ?",
            [*where.values(), limit + len(awaited)],
        )
        return [row["id"] for row in rows if row["id"] not in awaited][:limit]

    def _awaited(self) -> set[str]:
        """Return the jobs that live ones wait for, and the retries that stand for them."""
        rows = self._db.execute(f'SELECT "after" FROM jobs WHERE {IS_LIVE} AND "after" IS NOT NULL')
        found: set[str] = set()
        new = {id_ for row in rows.fetchall() for id_ in json.loads(row["after"])}
        while new:
            found |= new
            new = {retry["id"] for id_ in new if (retry := self.retry_of(id_))} - found
        return found

    def forget(self, ids: Iterable[str]) -> int:
        """Delete jobs that have ended; returns how many there were."""
        forgotten = 0
        with self.transaction():
            for id_ in ids:
                rows = self._db.execute(
                    f"DELETE FROM jobs WHERE id = ? AND NOT {IS_LIVE} RETURNING number, tags", [id_]
                ).fetchall()
                for row in rows:
                    tags = [(tag, row["number"]) for tag in json.loads(row["tags"] or "[]")]
                    self._db.executemany("DELETE FROM tags WHERE tag = ? AND number = ?", tags)
                forgotten += len(rows)
        return forgotten

    def unmeasured(self, limit: int) -> list[str]:
        """Return the ids of ended jobs whose folders nobody has measured, oldest first."""
        rows = self._db.execute(
            "SELECT id FROM jobs WHERE finishedAt IS NOT NULL AND size IS NULL "
            "ORDER BY finishedAt LIMIT ?",
            [limit],
        )
        return [row["id"] for row in rows]

    def set_sizes(self, sizes: Mapping[str, int]) -> None:
        """Note the bytes of jobs' folders; 0 when the files are gone."""
        with self.transaction():
            pairs = [(size, id_) for id_, size in sizes.items()]
            self._db.executemany("UPDATE jobs SET size = ? WHERE id = ?", pairs)

    def totals(self) -> tuple[int, int]:
        """Return how many jobs have ended, and the bytes of their folders as far as they were measured."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM jobs WHERE finishedAt IS NOT NULL"
        ).fetchone()
        return row[0], row[1]

    def _one(self, where: str, value: str) -> Body | None:
        row = self._db.execute(_SELECT + where, [value]).fetchone()
        return None if row is None else to_body(row)

    def _known(self, id_: str) -> Body:
        body = self.get(id_)
        if body is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        return body

    def _tell(self) -> None:
        bodies, self._untold = self._untold, []
        for body in bodies:
            for observer in self._observers:
                observer(body)
