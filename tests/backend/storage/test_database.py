from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.storage.database import Database, open_database
from jupyter_jobs.backend.trouble import Unstored
from jupyter_jobs.errors import BackendUnavailable

INSERT = "INSERT INTO jobs (id, status, payload) VALUES (?, 'QUEUED', ?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with contextlib.closing(open_database(path)) as opened:
        yield opened


@contextlib.contextmanager
def no_room(database: Database) -> Iterator[None]:
    """A disk that is full: the file can have no more pages than it has."""
    with contextlib.closing(sqlite3.connect(":memory:")) as other:
        (most,) = other.execute("PRAGMA max_page_count").fetchone()
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count={pages}")
    yield
    database.rows(f"PRAGMA max_page_count={most}")


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program that writes to the file, and does not come to an end."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def ids(database: Database) -> list[str]:
    return [row["id"] for row in database.rows("SELECT id FROM jobs ORDER BY number")]


def test_files_are_for_their_owner_alone(database: Database, path: Path) -> None:
    database.write(INSERT, ["a", None])

    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_block_is_written_at_its_end_all_or_nothing(database: Database, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        count = "SELECT count(*) FROM jobs"
        with database.transaction(), database.transaction():
            database.write(INSERT, ["a", None])
            before = other.execute(count).fetchone()
        with contextlib.suppress(KeyError), database.transaction():
            database.write(INSERT, ["b", None])
            raise KeyError

        assert before == (0,)
        assert other.execute(count).fetchone() == (1,)
    assert not database.in_transaction


def test_a_full_disk_takes_nothing_and_is_well_again(database: Database) -> None:
    with no_room(database):
        with pytest.raises(Unstored) as raised:
            database.write(INSERT, ["a", "x" * 100_000])
        assert ids(database) == []

    database.write(INSERT, ["a", "x" * 100_000])

    assert raised.value.error_type == "StorageFull"
    assert ids(database) == ["a"]


def test_of_a_block_with_one_statement_too_many_nothing_is_written(database: Database) -> None:
    def block() -> None:
        with database.transaction():
            database.write(INSERT, ["small", None])
            for id_, payload in (("large", "x" * 100_000), ("small, too", None)):
                with contextlib.suppress(Unstored):  # as a resolver's failure is, for its own field
                    database.write(INSERT, [id_, payload])

    with no_room(database), pytest.raises(Unstored):
        block()

    assert ids(database) == []
    assert not database.in_transaction


def test_a_file_that_another_program_holds_takes_nothing(database: Database, path: Path) -> None:
    with held(path):
        with pytest.raises(Unstored, match="another program holds"):
            database.write(INSERT, ["a", None])
        with pytest.raises(Unstored, match="another program holds"), database.transaction():
            raise AssertionError("the block is not begun")
        assert ids(database) == []

    with database.transaction():
        database.write(INSERT, ["a", None])
    assert ids(database) == ["a"]


def test_another_program_is_waited_for_once_and_again_when_it_has_let_go(
    database: Database, path: Path
) -> None:
    def patience() -> int:
        return int(database.rows("PRAGMA busy_timeout")[0][0])

    seen = [patience()]
    with held(path):
        for _ in range(3):
            with pytest.raises(Unstored):
                database.write(INSERT, ["a", None])
            seen.append(patience())
    database.write(INSERT, ["a", None])
    seen.append(patience())

    assert seen == [50, 0, 0, 0, 50]


def test_what_is_wrong_with_a_statement_is_not_told_as_trouble(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        database.rows("SELECT * FROM missing")
    database.write(INSERT, ["a", None])
    with pytest.raises(sqlite3.IntegrityError):
        database.write(INSERT, ["a", None])


async def test_what_is_to_last_is_flushed_once_for_all_that_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(
        "jupyter_jobs.backend.storage.database._fdatasync",
        lambda file: flushed.append(os.readlink(f"/proc/self/fd/{file}")),
    )
    waiting = []
    for number in range(10):
        with database.transaction():
            database.write(INSERT, [f"{number}", None], lasting=True)
        waiting.append(database.settled())
    first, *rest = [pending for pending in waiting if pending is not None]
    await first
    await asyncio.gather(*rest)

    assert len(waiting) == 10
    assert flushed == [f"{database.path}-wal"]
    assert database.settled() is None


async def test_what_need_not_last_is_waited_for_by_nobody(database: Database) -> None:
    database.write("UPDATE jobs SET message = 'm'")

    assert database.settled() is None


async def test_what_another_has_written_and_not_yet_flushed_is_waited_for(
    database: Database,
) -> None:
    database.write(INSERT, ["a", None], lasting=True)
    database.write("UPDATE jobs SET message = 'm'")
    owed = database.settled()

    assert owed is not None
    await owed
    assert database.settled() is None


async def test_what_was_undone_is_not_waited_for(database: Database) -> None:
    with contextlib.suppress(KeyError), database.transaction():
        database.write(INSERT, ["a", None], lasting=True)
        raise KeyError

    assert database.settled() is None


async def test_a_disk_that_cannot_flush_is_told_and_asked_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr("jupyter_jobs.backend.storage.database._fdatasync", failing)
        database.write(INSERT, ["a", None], lasting=True)
        owed = database.settled()
        assert owed is not None
        with pytest.raises(Unstored, match="Input/output error"):
            await owed
    again = database.settled()

    assert again is not None
    await again
    assert database.settled() is None


def test_damage_that_is_met_is_told_once_and_marks_the_file(path: Path) -> None:
    with contextlib.closing(open_database(path)) as database:
        database.write(INSERT, ["a", "x" * 50_000])
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xff" * len(data[4096 * 2 :])
    calls: list[str] = []
    with contextlib.closing(open_database(path)) as database:
        database.on_damage = lambda: calls.append("damaged")
        database.rows("SELECT 1")
        with path.open("r+b") as file:  # while it is used
            file.write(data)
        database.rows("PRAGMA shrink_memory")
        for _ in range(2):
            with pytest.raises(Unstored, match="damaged"):
                database.rows("SELECT * FROM jobs")

    assert calls == ["damaged"]
    assert path.with_name("jobs.sqlite.suspect").exists()
    with contextlib.closing(open_database(path)) as healed:
        assert "damaged" in healed.notices[0]


def test_on_a_network_file_system_the_file_is_kept_for_one_alone(path: Path) -> None:
    with contextlib.closing(open_database(path, network="nfs4")) as database:
        database.write(INSERT, ["a", None])
        shared = path.with_name("jobs.sqlite-shm").exists()
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("SELECT * FROM jobs")

        assert not shared
        assert "network file system (nfs4)" in database.notices[0]
        assert ids(database) == ["a"]
    with contextlib.closing(open_database(path)) as database:
        assert ids(database) == ["a"]


async def test_there_what_is_to_last_is_flushed_as_well(path: Path) -> None:
    with contextlib.closing(open_database(path, network="nfs4")) as database:
        database.write(INSERT, ["a", None], lasting=True)
        owed = database.settled()

        assert owed is not None
        await owed


@pytest.mark.parametrize("network", [None, "nfs4"])
def test_damage_is_healed_wherever_the_file_is(path: Path, network: str | None) -> None:
    path.write_text("not a database " * 1000)

    with contextlib.closing(open_database(path, network=network)) as database:
        database.write(INSERT, ["a", None])

        assert "damaged" in database.notices[0]
        assert ids(database) == ["a"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"cannot be opened; see that its folder is there"):
        open_database(tmp_path / "none" / "jobs.sqlite")


def test_a_file_that_another_program_holds_cannot_be_opened(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_jobs.backend.storage.database._OPEN_PATIENCE_S", 0.1)

    with held(path), pytest.raises(BackendUnavailable, match=r"another program holds .*; close it"):
        open_database(path)


NOBODY = 65534

OPENS = """
import os, pathlib, sys
from jupyter_jobs.backend.storage.database import open_database
from jupyter_jobs.errors import BackendUnavailable
if os.geteuid() == 0:
    os.setgid({nobody})
    os.setuid({nobody})
try:
    open_database(pathlib.Path(sys.argv[1]))
except BackendUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_can_only_be_read_is_told_with_what_to_do(
    tmp_path_factory: pytest.TempPathFactory, what: str
) -> None:
    folder = tmp_path_factory.mktemp("read-only")
    path = folder / "jobs.sqlite"
    open_database(path).close()
    for above in (folder.parent, folder.parent.parent):
        above.chmod(above.stat().st_mode | 0o011)
    path.chmod(0o444 if what == "file" else 0o666)
    folder.chmod(0o777 if what == "file" else 0o555)

    told = subprocess.run(
        [sys.executable, "-c", OPENS.format(nobody=NOBODY), str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    folder.chmod(0o700)

    assert f"cannot open the jobs in {path}" in told
    assert "read-only" in told or "writable" in told


def test_a_journal_that_was_there_and_is_missing_is_told(path: Path) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from jupyter_jobs.backend.storage.repository import Repository\n"
        f"repository = Repository(pathlib.Path({str(path)!r}))\n"
        "repository.insert({'id': 'a', 'request': 'r'}, '{}')\n"
        "repository._db.rows('PRAGMA wal_checkpoint(PASSIVE)')\n"
        "repository.insert({'id': 'b', 'request': 'r'}, '{}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    path.with_name("jobs.sqlite-wal").unlink()

    with contextlib.closing(open_database(path)) as database:
        (row,) = database.rows("SELECT id, version FROM jobs")
        notices = database.notices

    assert row["id"] == "a"
    assert row["version"] > 1000  # newer than what anybody can have been told of it
    assert "is missing" in notices[0]
    with contextlib.closing(open_database(path)) as database:
        assert database.notices == ()


def test_a_process_that_was_killed_is_no_reason_to_say_anything(path: Path) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from jupyter_jobs.backend.storage.database import open_database\n"
        f"open_database(pathlib.Path({str(path)!r}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=False)

    with contextlib.closing(open_database(path)) as database:
        assert database.notices == ()
