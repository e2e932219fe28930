from __future__ import annotations

import errno
import sqlite3
from itertools import islice
from pathlib import Path

import pytest

from jupyter_jobs.backend.trouble import (
    Held,
    Unstored,
    delays,
    explain,
    is_damage,
    passes,
    unstored,
    usable,
)
from jupyter_jobs.errors import BackendUnavailable


def failure(path: Path, *statements: str) -> sqlite3.Error:
    """What SQLite raises at the last of some statements."""
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        for statement in statements[:-1]:
            db.execute(statement)
        with pytest.raises(sqlite3.Error) as raised:
            db.execute(statements[-1])
    finally:
        db.close()
    return raised.value


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    error = failure(
        path,
        "PRAGMA max_page_count=2",
        "CREATE TABLE t (x)",
        "INSERT INTO t VALUES (zeroblob(100000))",
    )

    refusal = unstored(error, path)

    assert refusal is not None
    assert refusal.error_type == "StorageFull"
    assert str(refusal) == f"Nothing was written: the disk of {tmp_path} is full; make room there."
    assert passes(refusal)
    assert not is_damage(error)


def test_a_file_that_another_program_holds_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    told = explain(failure(path, "CREATE TABLE t (x)"), path)
    holder.close()

    assert told is not None
    assert told[0] == "StorageUnavailable"
    assert "another program holds" in told[1]


def test_a_file_that_can_only_be_read_is_told_as_that(tmp_path: Path) -> None:
    told = explain(failure(tmp_path / "x", "PRAGMA query_only=1", "CREATE TABLE t (x)"), tmp_path)

    assert told is not None
    assert "read-only" in told[1]


def test_what_failed_in_a_folder_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    with (
        pytest.raises(
            BackendUnavailable, match=rf"its folder {missing}: {missing} cannot be opened"
        ),
        usable(missing),
    ):
        missing.rmdir()


def test_what_is_no_database_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_text("not a database " * 100)
    error = failure(path, "SELECT * FROM sqlite_master")

    assert is_damage(error)
    told = explain(error, path)
    assert told is not None
    assert "damaged" in told[1]


def test_what_is_wrong_with_a_statement_is_no_trouble_of_storage(tmp_path: Path) -> None:
    error = failure(tmp_path / "x", "SELECT * FROM nothing")

    assert explain(error, tmp_path) is None
    assert unstored(error, tmp_path) is None


@pytest.mark.parametrize(
    ("number", "type_"), [(errno.ENOSPC, "StorageFull"), (errno.EIO, "StorageUnavailable")]
)
def test_a_disk_that_fails_is_told_by_its_number(tmp_path: Path, number: int, type_: str) -> None:
    told = explain(OSError(number, "a reason"), tmp_path / "jobs.sqlite")

    assert told is not None
    assert told[0] == type_


@pytest.mark.parametrize("number", ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "ENOSPC", "EIO"])
def test_what_the_system_lacks_now_it_may_have_later(number: str) -> None:
    assert passes(OSError(getattr(errno, number), "a reason"))


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, ""),
        PermissionError(errno.EACCES, ""),
        ValueError(),
        OSError(),
    ],
    ids=repr,
)
def test_what_nobody_changes_does_not_pass(error: Exception) -> None:
    assert not passes(error)


def test_a_refusal_of_storage_passes() -> None:
    assert passes(Unstored("StorageFull", "full"))


def test_attempts_get_rarer_up_to_a_limit() -> None:
    assert list(islice(delays(), 9)) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_job_is_held_longer_each_time_until_it_is_forgotten() -> None:
    now = 100.0
    held = Held(lambda: now)

    assert held.until("a") < 0
    assert [held.hold("a"), held.hold("a"), held.hold("b")] == [0.5, 1, 0.5]
    assert held.until("a") == 101
    held.forget("a")
    assert held.until("a") < 0
    assert held.hold("a") == 0.5
