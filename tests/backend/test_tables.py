from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.tables import COLUMNS, PRIVATE, SCHEMA_VERSION, open_tables
from jupyter_jobs.errors import BackendUnavailable

EARLIER = """
CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind",
  "request", "params", "priority", "tags", "status", "progress", "done", "total", "message", "result",
  "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt",
  payload TEXT, pid INTEGER, processStarted INTEGER);
CREATE INDEX jobs_live ON jobs (status, number) WHERE status IN ('QUEUED', 'RUNNING', 'CANCELLING');
INSERT INTO jobs (id, status, version, tags) VALUES ('old', 'FAILED', 3, '["a", "b", "a"]');
PRAGMA user_version=1
"""


Open = Callable[[], sqlite3.Connection]


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[Open]:
    """Opens what an earlier release wrote."""
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as written:
        written.executescript(EARLIER)
    written.close()
    opened: list[sqlite3.Connection] = []

    def open_it() -> sqlite3.Connection:
        opened.append(open_tables(path))
        return opened[-1]

    yield open_it
    for db in opened:
        db.close()


def columns(db: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in db.execute("PRAGMA table_info(jobs)")}


def indexes(db: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in db.execute("PRAGMA index_list(jobs)")}


def test_tables_of_an_earlier_release_become_as_new_ones(earlier: Open, tmp_path: Path) -> None:
    new = open_tables(tmp_path / "new.sqlite")
    first, second = earlier(), earlier()  # opening it once more finds nothing to do

    assert columns(first) == columns(second) == columns(new) == {"number", *COLUMNS, *PRIVATE}
    assert indexes(first) == indexes(second) == indexes(new)
    assert second.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    new.close()


def test_the_tags_of_an_earlier_release_can_be_looked_up(earlier: Open) -> None:
    rows = earlier().execute("SELECT * FROM tags")

    assert [tuple(row) for row in rows] == [("a", 1), ("b", 1)]


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    later.close()

    with pytest.raises(BackendUnavailable, match="later release"):
        open_tables(path)


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_text("not a database " * 100)

    with pytest.raises(BackendUnavailable, match=r"cannot open the jobs in .*jobs\.sqlite"):
        open_tables(tmp_path / "jobs.sqlite")
