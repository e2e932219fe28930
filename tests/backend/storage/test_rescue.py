from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.storage.migrations import migrate
from jupyter_jobs.backend.storage.rescue import rescue, versions_since

NOON = "2026-11-23T12:00:00.000Z"
JOB = {"id": "a", "status": "RUNNING", "version": 3, "createdAt": NOON, "tags": '["x", "y"]'}


def rescued(tmp_path: Path, *rows: dict[str, Any]) -> list[sqlite3.Row]:
    """What is read of a database that holds these rows."""
    path, target = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path)
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            values = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO jobs ({names}) VALUES ({values})", [*row.values()])
    rescue(path, target)
    with contextlib.closing(sqlite3.connect(target)) as db:
        db.row_factory = sqlite3.Row
        return db.execute("SELECT * FROM jobs ORDER BY number").fetchall()


def test_a_row_goes_on_with_its_number_and_its_tags(tmp_path: Path) -> None:
    row = {**JOB, "number": 7, "status": "FAILED", "pid": 12, "boot": "b", "error": '{"type": "E"}'}

    (found,) = rescued(tmp_path, row)

    assert {name: found[name] for name in row} == row
    with contextlib.closing(sqlite3.connect(tmp_path / "new.sqlite")) as db:
        assert db.execute("SELECT * FROM tags").fetchall() == [("x", 7), ("y", 7)]


def test_a_live_job_is_newer_than_what_anybody_was_told_of_it(tmp_path: Path) -> None:
    live, ended = rescued(tmp_path, JOB, {**JOB, "id": "b", "status": "FAILED"})

    assert live["version"] == 3 + versions_since(0)
    assert ended["version"] == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": b"\xff\xfe"},
        {"id": ""},
        {"status": "RUNNIN\x00"},
        {"status": None},
        {"version": "3"},
        {"version": 2**40},
        {"createdAt": None},
        {"tags": "[half"},
        {"result": "\x00"},
    ],
    ids=repr,
)
def test_what_does_not_look_like_a_job_is_not_believed(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    found = rescued(tmp_path, {**JOB, **wrong}, {**JOB, "id": "b"})

    assert [row["id"] for row in found] == ["b"]


def test_of_a_file_that_holds_nothing_an_empty_one_is_made(tmp_path: Path) -> None:
    for name, data in (("none", None), ("empty", b""), ("noise", b"\x07" * 20_000)):
        path, target = tmp_path / name, tmp_path / f"{name}.new"
        if data is not None:
            path.write_bytes(data)

        rescue(path, target)

        with contextlib.closing(sqlite3.connect(target)) as db:
            assert db.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_more_versions_are_skipped_the_longer_ago_it_was() -> None:
    assert 0 < versions_since(-5) == versions_since(0) < versions_since(60)
