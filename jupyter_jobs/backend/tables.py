"""The tables that jobs are kept in, and how one of an earlier release becomes one of this.

Every list that can be asked for has an index in its order, so that what is asked costs what is answered, however many
jobs are kept. SQLite knows nothing about their number and takes either of two indexes that would do; where that
matters, a query writes `+` before a column that is not to be looked up (https://sqlite.org/optoverview.html, 6.0).
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.model import WIRE_NAMES, JobStatus

__all__ = ["COLUMNS", "IS_LIVE", "NAMES", "PRIVATE", "SCHEMA_VERSION", "open_tables"]

SCHEMA_VERSION = 1
COLUMNS = tuple(WIRE_NAMES.values())
"""What everybody sees of a job."""

PRIVATE = {
    "payload": "TEXT",
    "fingerprint": "TEXT",  # of the work, to tell it from other work with the same key
    "notBefore": "REAL",  # seconds since the epoch; a failed run is not followed by another before
    "pid": "INTEGER",  # of the shim of the present run
    "processStarted": "INTEGER",  # tells it from a later process of the same number
    "size": "INTEGER",  # bytes of its folder, once it has ended and was measured; 0 when the files are gone
}
"""What only this machine knows of it."""

NAMES = ", ".join(f'jobs."{column}"' for column in COLUMNS)  # `group` is a word of SQL
IS_LIVE = "status IN (" + ", ".join(f"'{s.value}'" for s in JobStatus if not s.is_terminal) + ")"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(f'"{column}"' for column in COLUMNS)},
  {", ".join(f"{name} {type_}" for name, type_ in PRIVATE.items())}
);
"""
_INDEX = """
CREATE UNIQUE INDEX IF NOT EXISTS jobs_id ON jobs (id);
CREATE INDEX IF NOT EXISTS jobs_group ON jobs ("group", number);
CREATE INDEX IF NOT EXISTS jobs_group_status ON jobs ("group", status, number);
CREATE INDEX IF NOT EXISTS jobs_status ON jobs (status, number);
CREATE INDEX IF NOT EXISTS jobs_name ON jobs (name, number);
CREATE INDEX IF NOT EXISTS jobs_created ON jobs (createdAt);
CREATE INDEX IF NOT EXISTS jobs_succeeded ON jobs (name, "group", number) WHERE status = 'SUCCEEDED';
CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (finishedAt, size) WHERE finishedAt IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_unmeasured ON jobs (finishedAt) WHERE finishedAt IS NOT NULL AND size IS NULL;
CREATE INDEX IF NOT EXISTS jobs_key ON jobs (key, "group", number) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL;
DROP INDEX IF EXISTS jobs_live;
"""
_TAGS = "CREATE TABLE tags (tag TEXT, number INTEGER, PRIMARY KEY (tag, number)) WITHOUT ROWID"


def open_tables(path: Path) -> sqlite3.Connection:
    """Open a database; make its tables, or give those of an earlier release what they lack.

    Raises:
        BackendUnavailable: It cannot be opened, or a later release wrote it.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        (found,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise BackendUnavailable(f"cannot open the jobs in {path}: {error}") from error
    if found > SCHEMA_VERSION:
        raise BackendUnavailable(
            f"{path} was written by a later release of jupyter_jobs; update this one"
        )
    _create(db)
    return db


def _create(db: sqlite3.Connection) -> None:
    db.executescript(_CREATE)
    there = _columns(db)
    for name, type_ in {**dict.fromkeys(COLUMNS, ""), **PRIVATE}.items():
        if name not in there:
            db.execute(f'ALTER TABLE jobs ADD COLUMN "{name}" {type_}')
    db.executescript(_INDEX)
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'tags'").fetchone():
        db.execute("BEGIN IMMEDIATE")
        db.execute(_TAGS)
        tagged = db.execute("SELECT number, tags FROM jobs WHERE tags IS NOT NULL").fetchall()
        pairs = [(tag, number) for number, tags in tagged for tag in json.loads(tags)]
        db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", pairs)
        db.execute("COMMIT")
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _columns(db: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in db.execute("PRAGMA table_info(jobs)")}
