"""How the tables of an earlier release become those of this one, a version at a time.

A step is a small function that is never changed again once it was released: it says what its version lacked in words
of its own, for `tables` speaks of today. Each is one transaction, with the number of the version that it leads to. The
file as it was is copied aside first.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_jobs.backend.storage.tables import create_tables
from jupyter_jobs.errors import BackendUnavailable

__all__ = ["SCHEMA_VERSION", "STEPS", "migrate"]

SCHEMA_VERSION = 2

_COLUMNS_2 = (
    *("id", "group", "name", "kind", "request", "params", "priority", "tags", "submittedFrom"),
    *("retryOf", "attempt", "key", "batch", "after", "rules", "history", "status", "progress"),
    *("done", "total", "message", "metrics", "usual", "result", "resultSize", "error", "version"),
    *("createdAt", "startedAt", "finishedAt", "updatedAt"),
)
_PRIVATE_2 = (
    *("payload TEXT", "fingerprint TEXT", "notBefore REAL", "pid INTEGER"),
    *("processStarted INTEGER", "size INTEGER", "boot TEXT"),
)
_INDEXES_2 = (
    "DROP INDEX IF EXISTS jobs_live",
    "CREATE UNIQUE INDEX IF NOT EXISTS jobs_id ON jobs (id)",
    'CREATE INDEX IF NOT EXISTS jobs_group ON jobs ("group", number)',
    'CREATE INDEX IF NOT EXISTS jobs_group_status ON jobs ("group", status, number)',
    "CREATE INDEX IF NOT EXISTS jobs_status ON jobs (status, number)",
    "CREATE INDEX IF NOT EXISTS jobs_name ON jobs (name, number)",
    "CREATE INDEX IF NOT EXISTS jobs_created ON jobs (createdAt)",
    'CREATE INDEX IF NOT EXISTS jobs_succeeded ON jobs (name, "group", number) '
    "WHERE status = 'SUCCEEDED'",
    "CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (finishedAt, size) WHERE finishedAt IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS jobs_unmeasured ON jobs (finishedAt) "
    "WHERE finishedAt IS NOT NULL AND size IS NULL",
    'CREATE INDEX IF NOT EXISTS jobs_key ON jobs (key, "group", number) WHERE key IS NOT NULL',
    "CREATE UNIQUE INDEX IF NOT EXISTS jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL",
)


def _to_2(db: sqlite3.Connection) -> None:
    """Add what releases before the first counted one had less of: columns, indexes, tags by themselves."""
    there = {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
    wanted = {name: f'"{name}"' for name in _COLUMNS_2}
    wanted |= {declared.split()[0]: declared for declared in _PRIVATE_2}
    for name, declared in wanted.items():
        if name not in there:
            db.execute(f"ALTER TABLE jobs ADD COLUMN {declared}")
    for statement in _INDEXES_2:
        db.execute(statement)
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'tags'").fetchone():
        db.execute(
            "CREATE TABLE tags (tag TEXT, number INTEGER, PRIMARY KEY (tag, number)) WITHOUT ROWID"
        )
        tagged = db.execute("SELECT number, tags FROM jobs WHERE tags IS NOT NULL").fetchall()
        pairs = [(tag, number) for number, tags in tagged for tag in json.loads(tags)]
        db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", pairs)


STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _to_2}
"""Version of a file -> what makes the next one of it."""


def migrate(db: sqlite3.Connection, path: Path) -> list[str]:
    """Bring a database to the present version; make the tables of a new one.

    Args:
        db: The database, in autocommit mode.
        path: Its file.

    Returns:
        Sentences for the user about what was done.

    Raises:
        BackendUnavailable: A later release wrote it; it is left alone.
        sqlite3.Error: It cannot be read, or written; what was done is undone, but for whole steps.
    """
    found = _version(db)
    if found > SCHEMA_VERSION:
        raise BackendUnavailable(
            f"{path} was written by a later release of jupyter_jobs (its tables have version {found}, this one knows "
            f"{SCHEMA_VERSION}); update this one, or set JUPYTER_JOBS_DATA_DIR to another folder"
        )
    if found == SCHEMA_VERSION:
        return []
    if found == 0:
        _step(db, create_tables, SCHEMA_VERSION)
        return []
    kept = path.with_name(f"{path.name}.version-{found}")
    _copy(db, kept)
    for version in range(found, SCHEMA_VERSION):
        _step(db, STEPS[version], version + 1)
    return [
        f"The jobs in {path} were brought from version {found} of the tables to {SCHEMA_VERSION}; "
        f"the file as it was is kept as {kept.name}, and may be deleted."
    ]


def _version(db: sqlite3.Connection) -> int:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == 0 and db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
        return 1  # whoever made the tables died before it had numbered them
    return int(found)


def _step(
    db: sqlite3.Connection, step: Callable[[sqlite3.Connection], None], leads_to: int
) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        step(db)
        db.execute(f"PRAGMA user_version={leads_to}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _copy(db: sqlite3.Connection, kept: Path) -> None:
    """Copy a database with all that is in its journal; the copy is there in full or not at all."""
    part = kept.with_name(f"{kept.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(part)) as copy:
        db.backup(copy)
    os.replace(part, kept)
