from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.tables import COLUMNS, PRIVATE, SCHEMA_VERSION, create

EARLIER = """
CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind",
  "request", "params", "priority", "tags", "status", "progress", "done", "total", "message", "result",
  "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt",
  payload TEXT, pid INTEGER, processStarted INTEGER);
CREATE INDEX jobs_live ON jobs (status, number) WHERE status IN ('QUEUED', 'RUNNING', 'CANCELLING');
INSERT INTO jobs (id, status, version, tags) VALUES ('old', 'FAILED', 3, '["a", "b", "a"]');
PRAGMA user_version=1
"""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    opened.row_factory = sqlite3.Row
    yield opened
    opened.close()


def columns(db: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in db.execute("PRAGMA table_info(jobs)")}


def indexes(db: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in db.execute("PRAGMA index_list(jobs)")}


def test_tables_of_an_earlier_release_become_as_new_ones(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    db.executescript(EARLIER)
    with sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None) as new:
        new.row_factory = sqlite3.Row
        create(new)

        for _ in range(2):  # opening it once more finds nothing to do
            create(db)

        assert columns(db) == columns(new) == {"number", *COLUMNS, *PRIVATE}
        assert indexes(db) == indexes(new)
    new.close()
    assert db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION


def test_the_tags_of_an_earlier_release_can_be_looked_up(db: sqlite3.Connection) -> None:
    db.executescript(EARLIER)
    create(db)

    assert [tuple(row) for row in db.execute("SELECT * FROM tags")] == [("a", 1), ("b", 1)]
