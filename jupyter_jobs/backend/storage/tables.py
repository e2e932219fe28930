"""The tables that jobs are kept in.

Every list that can be asked for has an index in its order, so that what is asked costs what is answered, however many
jobs are kept. SQLite knows nothing about their number and takes either of two indexes that would do; where that
matters, a query writes `+` before a column that is not to be looked up (https://sqlite.org/optoverview.html, 6.0).

Who changes something here makes a step of `migrations` of it.
"""

from __future__ import annotations

import sqlite3

from jupyter_jobs.jobs.model import WIRE_NAMES, JobStatus

__all__ = ["COLUMNS", "IS_LIVE", "NAMES", "PRIVATE", "create_tables"]

COLUMNS = tuple(WIRE_NAMES.values())
"""What everybody sees of a job."""

PRIVATE = {
    "payload": "TEXT",
    "fingerprint": "TEXT",  # of the work, to tell it from other work with the same key
    "notBefore": "REAL",  # seconds since the epoch; a failed run is not followed by another before
    "pid": "INTEGER",  # of the shim of the present run
    "processStarted": "INTEGER",  # tells it from a later process of the same number
    "size": "INTEGER",  # bytes of its folder, once it has ended and was measured; 0 when the files are gone
    "boot": "TEXT",  # of the machine on which the shim runs, see `processes.present_boot`
}
"""What only this machine knows of it."""

NAMES = ", ".join(f'jobs."{column}"' for column in COLUMNS)  # `group` is a word of SQL
IS_LIVE = "status IN (" + ", ".join(f"'{s.value}'" for s in JobStatus if not s.is_terminal) + ")"

_TABLES = (
    f"""CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(f'"{column}"' for column in COLUMNS)},
  {", ".join(f"{name} {type_}" for name, type_ in PRIVATE.items())})""",
    "CREATE UNIQUE INDEX jobs_id ON jobs (id)",
    'CREATE INDEX jobs_group ON jobs ("group", number)',
    'CREATE INDEX jobs_group_status ON jobs ("group", status, number)',
    "CREATE INDEX jobs_status ON jobs (status, number)",
    "CREATE INDEX jobs_name ON jobs (name, number)",
    "CREATE INDEX jobs_created ON jobs (createdAt)",
    "CREATE INDEX jobs_succeeded ON jobs (name, \"group\", number) WHERE status = 'SUCCEEDED'",
    "CREATE INDEX jobs_ended ON jobs (finishedAt, size) WHERE finishedAt IS NOT NULL",
    "CREATE INDEX jobs_unmeasured ON jobs (finishedAt) WHERE finishedAt IS NOT NULL AND size IS NULL",
    'CREATE INDEX jobs_key ON jobs (key, "group", number) WHERE key IS NOT NULL',
    "CREATE UNIQUE INDEX jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL",
    "CREATE TABLE tags (tag TEXT, number INTEGER, PRIMARY KEY (tag, number)) WITHOUT ROWID",
)


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables in a database that has none."""
    for statement in _TABLES:
        db.execute(statement)
