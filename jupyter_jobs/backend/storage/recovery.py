"""Jobs that have a folder and no row: the database was lost, or its last writes were, and they are taken up again.

A row is there before its folder and goes after it, so a folder alone is never what is left of a job that was forgotten.
`job.json` says what was submitted, `shim.json` which process works for it, `outcome.json` how it ended: one that runs is
adopted, one that has ended is told, one that was not begun waits for its turn.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.processes.runs import process_of
from jupyter_jobs.backend.storage.database import Database
from jupyter_jobs.backend.storage.rescue import versions_since
from jupyter_jobs.backend.storage.rows import Body, stored
from jupyter_jobs.backend.storage.rules import Rules, end_of, in_short, run_of
from jupyter_jobs.backend.storage.tables import COLUMNS, IS_LIVE
from jupyter_jobs.jobs.limits import EVENT_LIMIT, event_size
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.worker.outcome import read_json, read_outcome

__all__ = ["KEPT", "take_up"]

log = logging.getLogger("jupyter_jobs.backend")

KEPT = (
    *("group", "name", "priority", "tags", "submittedFrom", "key", "batch", "after", "usual"),
    *("history", "retryOf", "attempt", "createdAt", "version"),
)
"""What `job.json` has of a job under `job`, besides what the work itself needs."""


@dataclass(frozen=True, slots=True)
class _Found:
    body: Body
    private: Mapping[str, Any]


def take_up(db: Database, jobs: Path) -> list[str]:
    """Make rows of the folders that have none.

    Args:
        db: The rows.
        jobs: The folder of the folders.

    Returns:
        Sentences for the user about what was done.

    Raises:
        Unstored: The rows cannot be written; there are none then.
    """
    try:
        names = set(os.listdir(jobs))
    except FileNotFoundError:
        return []
    names -= {row["id"] for row in db.rows("SELECT id FROM jobs")}
    _catch_up(db, jobs)
    found = [job for name in names if (job := _read(jobs / name)) is not None]
    if not found:
        return []
    with db.transaction():
        for job in sorted(found, key=lambda job: str(job.body["createdAt"])):
            _insert(db, job)
    jobs_had = "1 job was" if len(found) == 1 else f"{len(found):,} jobs were"
    return [
        f"{jobs_had} not in the database any more and taken up again from the folders in {jobs}; "
        "what was waiting to be started and has no folder has to be submitted again."
    ]


def _catch_up(db: Database, jobs: Path) -> None:
    """Give live jobs the runs that their rows have lost, or one of them would be launched a second time."""
    behind = []
    for row in db.rows(f"SELECT id, history FROM jobs WHERE {IS_LIVE}"):
        work = None
        with suppress(OSError):
            work = read_json(jobs / row["id"] / "job.json")
        if work is None or work.get("run", 1) <= run_of({"history": row["history"]}):
            continue
        told = work.get("job") or {}
        behind.append((told.get("history"), versions_since(0.0), row["id"]))
    if behind:
        log.warning("%d jobs have come further than their rows say", len(behind))
        with db.transaction():
            db.write_all(
                "UPDATE jobs SET history = ?, version = version + ?, status = 'QUEUED', pid = NULL WHERE id = ?",
                behind,
            )


def _read(folder: Path) -> _Found | None:
    """Return the job of a folder; None if it says too little."""
    try:
        work = read_json(folder / "job.json")
        if work is None or work["id"] != folder.name:
            return None
        return _job(folder, work)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        log.warning("the folder %s is not taken up: %s", folder, error)
        return None


def _job(folder: Path, work: Mapping[str, Any]) -> _Found:
    told = work.get("job") or {}
    body: Body = dict.fromkeys(COLUMNS) | {"attempt": 1, "priority": "MEDIUM"}
    body |= {name: told[name] for name in KEPT if name in told}
    prepared = (folder / "job.json").stat().st_mtime
    rules = json.dumps(work["rules"]) if work.get("rules") else None
    params = None if work.get("params") is None else json.dumps(work["params"])
    body |= {"id": work["id"], "kind": work["kind"], "request": work["request"]}
    body |= {"name": body["name"] or work["request"], "params": params, "rules": rules}
    body["createdAt"] = body["createdAt"] or _stamp(prepared)
    body["updatedAt"] = _stamp(time.time())
    body["version"] = (body["version"] or 1) + versions_since(time.time() - prepared)
    payload = work.get("payload")
    private: dict[str, Any] = {
        "payload": json.dumps(payload) if payload else None,
        "fingerprint": work.get("fingerprint"),
    }
    _look_how_far(folder, work, body, private)
    return _Found(body, private)


def _look_how_far(
    folder: Path, work: Mapping[str, Any], body: Body, private: dict[str, Any]
) -> None:
    """Say how far a job has come."""
    body["status"] = "QUEUED"
    if (process := process_of(folder, work["id"])) is None:
        return
    begun = (folder / "shim.json").stat().st_mtime
    body |= {"status": "RUNNING", "startedAt": max(_stamp(begun), body["createdAt"])}
    private |= {"pid": process.pid, "processStarted": process.started, "boot": process.boot}
    ended = read_outcome(folder)
    if ended is None or _runs_again(body, ended, work.get("run", 1)):
        return  # whoever adopts it sees to that
    changes = end_of(ended)
    if event_size({**body, **changes}) > EVENT_LIMIT:
        changes = in_short(changes)
    at = _stamp((folder / "outcome.json").stat().st_mtime)
    body |= {**changes, "finishedAt": max(at, body["startedAt"])}


def _runs_again(body: Body, ended: Mapping[str, Any], run: int) -> bool:
    if JobStatus(ended["status"]) not in (JobStatus.FAILED, JobStatus.TIMED_OUT):
        return False
    return Rules.of(body).delay(run) is not None


def _insert(db: Database, job: _Found) -> None:
    values = {name: stored(name, job.body[name]) for name in COLUMNS} | dict(job.private)
    names = ", ".join(f'"{name}"' for name in values)
    done = db.write(
        f"INSERT OR IGNORE INTO jobs ({names}) VALUES ({', '.join('?' * len(values))})",
        [*values.values()],
        lasting=True,
    )
    pairs = [(tag, done.lastrowid) for tag in job.body["tags"] or () if done.rowcount == 1]
    db.write_all("INSERT OR IGNORE INTO tags VALUES (?, ?)", pairs)


def _stamp(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")
