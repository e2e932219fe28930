from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from jupyter_jobs.backend.storage.journal import Journal


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A database whose last changes are in its journal alone, as a process that was killed leaves it."""
    path = tmp_path / "written.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE t (x)")
    for number in range(50):
        db.execute("INSERT INTO t VALUES (?)", [f"{number} " * 200])
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", tmp_path / f"copy.sqlite{suffix}")
    db.close()
    return tmp_path / "copy.sqlite"


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def rows(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        db.close()


def spoil(path: Path, offset: int, data: bytes = b"\xff" * 64) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_what_a_journal_holds_makes_the_database_whole(copy: Path) -> None:
    journal = Journal.read(wal(copy))
    wal(copy).unlink()
    copy.unlink()

    journal.replay(copy)

    assert not journal.is_damaged
    assert rows(copy) == 50


def test_a_journal_that_ends_within_a_transaction_counts_up_to_the_one_before(copy: Path) -> None:
    data = wal(copy).read_bytes()
    wal(copy).write_bytes(data[:-100])

    journal = Journal.read(wal(copy))

    wal(copy).unlink()
    journal.replay(copy)
    assert not journal.is_damaged
    assert rows(copy) == 49


def test_a_journal_that_is_spoilt_in_its_middle_counts_up_to_there_and_is_damaged(
    copy: Path,
) -> None:
    spoil(wal(copy), wal(copy).stat().st_size // 2)

    journal = Journal.read(wal(copy))

    wal(copy).unlink()
    journal.replay(copy)
    assert journal.is_damaged
    assert 0 < rows(copy) < 50


def test_a_journal_without_its_beginning_is_damaged_and_empty(copy: Path) -> None:
    spoil(wal(copy), 0)

    journal = Journal.read(wal(copy))

    assert journal.is_damaged
    assert journal.pages == {}


def test_what_is_no_journal_is_empty(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x")
    (tmp_path / "cleared").write_bytes(bytes(5000))

    for name in ("none", "short", "cleared"):
        assert Journal.read(tmp_path / name) == Journal()
    Journal().replay(tmp_path / "untouched")
    assert not (tmp_path / "untouched").exists()
