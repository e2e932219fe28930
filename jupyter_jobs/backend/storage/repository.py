"""The truth about all jobs, in SQLite.

A job is a row; a write raises its `version` by one and checks that the new state may follow the old. What was
committed survives the death of this process, and what a job was submitted with and came to that of the machine, once
it is `settled`. Methods block for well under a millisecond and belong to the event loop's thread.

Times are told to people and put things in order; they come from a clock that may be set. So none of a job's own goes
backwards, and nothing waits for one of them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.database import open_database
from jupyter_jobs.backend.storage.pruning import Pruning
from jupyter_jobs.backend.storage.recovery import take_up
from jupyter_jobs.backend.storage.rows import Body, now, seconds, stored, summary, to_body, token_of
from jupyter_jobs.backend.storage.selection import select_page
from jupyter_jobs.backend.storage.tables import COLUMNS, IS_LIVE, NAMES
from jupyter_jobs.backend.trouble import Unstored
from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.model import TRANSITIONS, JobStatus
from jupyter_jobs.worker.processes import Process

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


class Repository(Pruning):
    """The jobs of one data folder.

    Every method raises `Unstored` when the file cannot be read or written.

    Args:
        path: The database file, made if it is missing, healed if it is damaged; jobs have their folders in `jobs`
            beside it.
        now: Tells the present time as `rows.now` does.

    Attributes:
        notices: Sentences for the user about what was found and done when the file was opened.

    Raises:
        BackendUnavailable: It cannot be opened, or a later release wrote it.
    """

    def __init__(self, path: Path, *, now: Callable[[], str] = now) -> None:
        self._db = open_database(path)
        try:
            found = take_up(self._db, path.parent / "jobs")
        except Unstored as error:
            self._db.close()
            raise BackendUnavailable(f"cannot take up the jobs beside {path}: {error}") from error
        self.notices = (*self._db.notices, *found)
        self._now = now
        self._observers: list[Callable[[Body], None]] = []
        self._untold: list[Body] = []
        self._usuals: dict[tuple[str | None, str], dict[str, float] | None] = {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def on_damage(self, call: Callable[[], object]) -> None:
        """Have it called when the file turns out to be damaged: this process is to end, the next one heals it."""
        self._db.on_damage = call

    def settled(self) -> Awaitable[None] | None:
        """Return what is to be waited for until what was accepted, and how jobs ended, is on the disk; None if it is.

        Progress is not among it; it is told again.

        What is returned raises `Unstored` when the disk fails.
        """
        return self._db.settled()

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
        try:
            with self._db.transaction():
                yield
        except BaseException:
            self._untold.clear()
            self._usuals.clear()
            raise
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
            done = self._db.write(_INSERT, [*values, payload, fingerprint], lasting=True)
            if done.rowcount != 1:
                return None
            if body["tags"]:
                pairs = [(tag, done.lastrowid) for tag in body["tags"]]
                self._db.write_all("INSERT OR IGNORE INTO tags VALUES (?, ?)", pairs)
            self._untold.append(body)
        return body

    def get(self, id_: str) -> Body | None:
        """Return a job, or None."""
        return self._one("WHERE id = ?", id_)

    def known(self, id_: str) -> Body:
        """Return a job.

        Raises:
            Refusal: `JobNotFound`.
        """
        body = self.get(id_)
        if body is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        return body

    def retry_of(self, id_: str) -> Body | None:
        """Return the retry of a job, or None."""
        return self._one("WHERE retryOf = ?", id_)

    def newest(self, id_: str) -> Body | None:
        """Return of a job, or of the newest of its retries, what others that wait for it need to know; or None.

        Returns:
            `id`, `name`, `request`, `status`, `error`, `finishedAt`.
        """
        row = None
        while (found := self._db.row(_NEWEST, [id_])) is not None:
            row = found
            if (id_ := row["retry"]) is None:
                break
        return None if row is None else {name: row[name] for name in row.keys() if name != "retry"}

    def by_key(self, group: str | None, key: str) -> tuple[Body, str | None] | None:
        """Return the newest job of a group that was submitted with a key, and its fingerprint; or None."""
        row = self._db.row(
            f'SELECT {NAMES}, fingerprint FROM jobs WHERE key = ? AND "group" IS ? '
            "ORDER BY number DESC LIMIT 1",
            [key, group],
        )
        return None if row is None else (to_body(row), row["fingerprint"])

    def payload(self, id_: str) -> str | None:
        """Return what a job needs to run, as JSON, or None."""
        row = self._db.row("SELECT payload FROM jobs WHERE id = ?", [id_])
        return None if row is None else row["payload"]

    def fingerprint(self, id_: str) -> str | None:
        """Return what tells a job's work from others', or None where it has no key."""
        row = self._db.row("SELECT fingerprint FROM jobs WHERE id = ?", [id_])
        return None if row is None else row["fingerprint"]

    def put_back(self, id_: str, message: str) -> Body:
        """Let a job wait whose run was launched and not begun, and return it as it then is.

        Raises:
            Refusal: It is not running.
        """
        private = {"pid": None, "processStarted": None, "boot": None}
        changes = dict.fromkeys(_OF_A_RUN) | {"message": message, "status": "QUEUED"}
        return self._write(self.known(id_), changes, private)

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
        rows = self._db.rows(query, [*values, limit + 1])
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
            rows = self._db.rows(
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
            Refusal: `JobNotFound`, or as `change`.
        """
        return self.change(self.known(id_), changes, expected_version)

    def change(
        self, body: Body, changes: Mapping[str, Any], expected_version: int | None = None
    ) -> Body:
        """Write changes to a job that was read just now, with nothing awaited since; returns it as it then is.

        Raises:
            Refusal: `VersionConflict` (`errorInfo` has the present version) or `InvalidTransition`.
        """
        if expected_version is not None and body["version"] != expected_version:
            raise Refusal(
                "VersionConflict",
                f"Job {body['id']} has version {body['version']}, not {expected_version}.",
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
        body = self.known(id_)
        times = {"startedAt": body["startedAt"], "finishedAt": self._now_after(body["updatedAt"])}
        history = [*json.loads(body["history"] or "[]"), {**times, **run}]
        text = json.dumps(history, ensure_ascii=False)  # every event carries it
        changes = dict.fromkeys(_OF_A_RUN) | {"history": text, "message": message}
        private = {"notBefore": not_before, "pid": None, "processStarted": None, "boot": None}
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
        at = self._now_after(body["updatedAt"])
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
        self._db.write(
            f"UPDATE jobs SET {names} WHERE id = ?",
            [*written.values(), id_],
            lasting=new is not old and new is not JobStatus.RUNNING,
        )
        if new is JobStatus.SUCCEEDED:
            self._usuals.pop((body["group"], body["name"]), None)
        self._untold.append(body)
        if not self._db.in_transaction:
            self._tell()
        return body

    def live(self) -> list[Body]:
        """Return the jobs that have not ended, oldest first."""
        return [to_body(row) for row in self._db.rows(_SELECT + f"WHERE {IS_LIVE} ORDER BY number")]

    def turn(self, id_: str) -> tuple[int, float | None]:
        """Return the number that tells a job's place among others, and when it may start at the earliest."""
        row = self._db.row("SELECT number, notBefore FROM jobs WHERE id = ?", [id_])
        assert row is not None
        return row["number"], row["notBefore"]

    def set_process(self, id_: str, process: Process) -> None:
        """Note which process works for a job."""
        self._db.write(
            "UPDATE jobs SET pid = ?, processStarted = ?, boot = ? WHERE id = ?", [*process, id_]
        )

    def set_metrics(self, id_: str, metrics: str) -> None:
        """Keep what a job measures, to be told with its next change."""
        self._db.write("UPDATE jobs SET metrics = ? WHERE id = ?", [metrics, id_])

    def process(self, id_: str) -> Process | None:
        """Return the process that works for a job, or None if none was started."""
        row = self._db.row("SELECT pid, processStarted, boot FROM jobs WHERE id = ?", [id_])
        if row is None or row["pid"] is None:
            return None
        return Process(row["pid"], row["processStarted"], row["boot"] or "")

    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state that has any."""
        rows = self._db.rows("SELECT status, count(*) FROM jobs GROUP BY status")
        return {row[0]: row[1] for row in rows}

    def _now_after(self, earlier: str | None) -> str:
        """Return the present time, or an earlier one that is later than it: the clock was set back."""
        return max(self._now(), earlier or "")

    def _one(self, where: str, value: str) -> Body | None:
        row = self._db.row(_SELECT + where, [value])
        return None if row is None else to_body(row)

    def _tell(self) -> None:
        bodies, self._untold = self._untold, []
        for body in bodies:
            for observer in self._observers:
                observer(body)
