"""The truth about all jobs, in SQLite.

A job is a row; a write raises its `version` by one and checks that the new state may follow the old. What was
committed survives the death of this process (WAL, `synchronous=NORMAL`; an operating system that dies may cost the
last moments). Methods block for well under a millisecond and belong to the event loop's thread.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.model import TRANSITIONS, WIRE_NAMES, JobStatus

__all__ = ["Body", "Repository"]

Body = dict[str, Any]

SCHEMA_VERSION = 1
_COLUMNS = tuple(WIRE_NAMES.values())
_LISTS = ("tags", "after")  # kept as JSON
_QUOTED = [f'"{column}"' for column in _COLUMNS]  # `group` is a word of SQL
_NAMES = ", ".join(_QUOTED)
_IS_LIVE = "status IN (" + ", ".join(f"'{s.value}'" for s in JobStatus if not s.is_terminal) + ")"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, {_NAMES}, payload TEXT, pid INTEGER, processStarted INTEGER
);
"""
_INDEX = f"""
CREATE UNIQUE INDEX IF NOT EXISTS jobs_id ON jobs (id);
CREATE INDEX IF NOT EXISTS jobs_group ON jobs ("group", number);
CREATE INDEX IF NOT EXISTS jobs_live ON jobs (status, number) WHERE {_IS_LIVE};
CREATE UNIQUE INDEX IF NOT EXISTS jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL;
"""
_SELECT = f"SELECT {_NAMES} FROM jobs "
_INSERT = f"INSERT INTO jobs ({_NAMES}, payload) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))}) ON CONFLICT DO NOTHING"
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _QUOTED)} WHERE id = ?"
_TURN = "CASE priority WHEN 'HIGH' THEN 0 WHEN 'LOW' THEN 2 ELSE 1 END, number"


class Repository:
    """The jobs of one data folder.

    Args:
        path: The database file, made if it is missing.

    Raises:
        BackendUnavailable: It cannot be opened, or a later release wrote it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise BackendUnavailable(f"cannot open the jobs in {path}: {error}") from error
        if found > SCHEMA_VERSION:
            raise BackendUnavailable(
                f"{path} was written by a later release of jupyter_jobs; update this one"
            )
        self._db.executescript(_CREATE)
        self._add_columns()
        self._db.executescript(_INDEX)
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _add_columns(self) -> None:
        """Give a table of an earlier release the columns that it lacks, empty."""
        there = {row["name"] for row in self._db.execute("PRAGMA table_info(jobs)")}
        for name, quoted in zip(_COLUMNS, _QUOTED, strict=True):
            if name not in there:
                self._db.execute(f"ALTER TABLE jobs ADD COLUMN {quoted}")

    def insert(self, fields: Mapping[str, Any], payload: str | None) -> Body | None:
        """Store a new job, QUEUED at version 1; returns it, or None if its id is taken, or it is a second retry."""
        now = _now()
        body: Body = dict.fromkeys(_COLUMNS) | {"attempt": 1} | dict(fields)
        body |= {"status": "QUEUED", "version": 1, "createdAt": now, "updatedAt": now}
        done = self._db.execute(_INSERT, [*_values(body), payload])
        return body if done.rowcount == 1 else None

    def get(self, id_: str) -> Body | None:
        """Return a job, or None."""
        row = self._db.execute(_SELECT + "WHERE id = ?", [id_]).fetchone()
        return None if row is None else _body(row)

    def retry_of(self, id_: str) -> Body | None:
        """Return the retry of a job, or None."""
        row = self._db.execute(_SELECT + "WHERE retryOf = ?", [id_]).fetchone()
        return None if row is None else _body(row)

    def payload(self, id_: str) -> str | None:
        """Return what a job needs to run, as JSON, or None."""
        row = self._db.execute("SELECT payload FROM jobs WHERE id = ?", [id_]).fetchone()
        return None if row is None else row["payload"]

    def page(
        self, group: str | None, status: str | None, limit: int, token: str | None
    ) -> tuple[list[Body], str | None]:
        """Return jobs, newest first, and what asks for the next page, or None at the end.

        Raises:
            Refusal: The token is none of ours.
        """
        where: list[str] = ["number < ?"]
        values: list[int | str] = [_number(token)]
        if group is not None:
            where.append('"group" = ?')
            values.append(group)
        if status is not None:
            where.append("status = ?")
            values.append(status)
        rows = self._db.execute(
            f"SELECT number, {_NAMES} FROM jobs WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?",
            [*values, limit + 1],
        ).fetchall()
        more = len(rows) > limit
        bodies = [_body(row) for row in rows[:limit]]
        return bodies, _token(rows[limit - 1]["number"]) if more else None

    def update(
        self, id_: str, changes: Mapping[str, Any], expected_version: int | None = None
    ) -> Body:
        """Write changes to a job and return it as it then is.

        Raises:
            Refusal: `JobNotFound`, `VersionConflict` (`errorInfo` has the present version) or `InvalidTransition`.
        """
        body = self.get(id_)
        if body is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        if expected_version is not None and body["version"] != expected_version:
            raise Refusal(
                "VersionConflict",
                f"Job {id_} has version {body['version']}, not {expected_version}.",
                {"version": body["version"]},
            )
        old, new = JobStatus(body["status"]), JobStatus(changes.get("status") or body["status"])
        if old.is_terminal or (new is not old and new not in TRANSITIONS[old]):
            raise Refusal(
                "InvalidTransition", f"Job {id_} is {old.word}; it cannot become {new.word}."
            )
        now = _now()
        body |= changes
        body |= {"status": new.value, "version": body["version"] + 1, "updatedAt": now}
        if new is JobStatus.RUNNING and body["startedAt"] is None:
            body["startedAt"] = now
        if new.is_terminal:
            body["finishedAt"] = now
        self._db.execute(_UPDATE, [*_values(body), id_])
        return body

    def live(self) -> list[Body]:
        """Return the jobs that have not ended, oldest first."""
        return [
            _body(row) for row in self._db.execute(_SELECT + f"WHERE {_IS_LIVE} ORDER BY number")
        ]

    def next_queued(self, limit: int, *, requests: bool = True) -> list[Body]:
        """Return the jobs that are to start next: HIGH before MEDIUM before LOW, oldest first.

        Args:
            limit: At most so many.
            requests: Whether named requests are among them; they are not when somebody else works them off.
        """
        kinds = "" if requests else "AND kind <> 'REQUEST' "
        rows = self._db.execute(
            f"{_SELECT} WHERE {_IS_LIVE} AND status = 'QUEUED' {kinds}ORDER BY {_TURN} LIMIT ?",
            [limit],
        )
        return [_body(row) for row in rows]

    def set_process(self, id_: str, pid: int, started: int) -> None:
        """Note which process works for a job; `started` tells it from a later one of the same number."""
        self._db.execute(
            "UPDATE jobs SET pid = ?, processStarted = ? WHERE id = ?", [pid, started, id_]
        )

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


def _values(body: Body) -> list[Any]:
    """Return a job as the values of its columns."""
    return [
        json.dumps(value) if column in _LISTS and value is not None else value
        for column, value in ((column, body[column]) for column in _COLUMNS)
    ]


def _body(row: sqlite3.Row) -> Body:
    """Return a row as a job."""
    body = {column: row[column] for column in _COLUMNS}
    for column in _LISTS:
        if body[column] is not None:
            body[column] = json.loads(body[column])
    body["attempt"] = body["attempt"] or 1  # a row of an earlier release
    return body


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _token(number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"before": number}).encode()).decode()


def _number(token: str | None) -> int:
    if token is None:
        return 2**62
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["before"])
    except (ValueError, KeyError, TypeError):
        raise Refusal("BadRequest", "nextToken is not one that listJobs gave.") from None
