"""Damaged files on a real disk, as a repository finds them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.storage.damage import examine, finish, heal, mark_suspect
from jupyter_jobs.backend.storage.repository import Repository

PAGE = 4096
JOBS = 300


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with `JOBS` jobs, the last of them in its journal alone, as a process that was killed leaves it."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "live").mkdir()
    with contextlib.closing(Repository(folder / "live" / "jobs.sqlite")) as repository:
        for number in range(JOBS):
            repository.insert({"id": f"j{number}", "request": "r", "tags": ["x"]}, '{"a": 1}' * 60)
            if number == JOBS - 20:
                checkpoint(folder / "live" / "jobs.sqlite")
        for suffix in ("", "-wal"):
            shutil.copy(folder / "live" / f"jobs.sqlite{suffix}", folder / f"jobs.sqlite{suffix}")
    return folder


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    for suffix in ("", "-wal"):
        shutil.copy(written / f"jobs.sqlite{suffix}", tmp_path / f"jobs.sqlite{suffix}")
    return tmp_path / "jobs.sqlite"


def checkpoint(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(RESTART)")


def spoil(path: Path, *pages: int, noise: random.Random) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(noise.randbytes(PAGE))


def opened(path: Path) -> tuple[int, tuple[str, ...]]:
    """How many jobs a repository finds, and what it says."""
    with contextlib.closing(Repository(path)) as repository:
        for number in range(JOBS):
            body = repository.get(f"j{number}")
            assert body is None or (body["request"], body["tags"]) == ("r", ["x"])
        assert repository.insert({"id": "new", "request": "r"}, None) is not None
        return sum(repository.counts().values()) - 1, repository.notices


def set_aside(path: Path) -> set[str]:
    """What was kept of the damaged file, by the end of its name; only its owner can read it."""
    found = list(path.parent.glob("jobs.sqlite.damaged-*"))
    assert all(each.stat().st_mode & 0o077 == 0 for each in found)
    assert len({each.name.removesuffix("-wal").removesuffix("-shm") for each in found}) <= 1
    return {each.name.partition("Z")[2] for each in found}


def test_a_file_that_is_well_is_left_alone(path: Path) -> None:
    count, notices = opened(path)

    assert (count, notices, set_aside(path)) == (JOBS, (), set())


def test_a_file_that_is_not_there_is_a_new_one(tmp_path: Path) -> None:
    assert examine(tmp_path / "jobs.sqlite") is None
    assert opened(tmp_path / "jobs.sqlite") == (0, ())


def test_a_truncated_file_is_set_aside_and_read_as_far_as_it_goes(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 100])
    before = path.read_bytes()

    count, notices = opened(path)

    assert JOBS / 4 < count <= JOBS
    assert set_aside(path) >= {"", "-wal"}
    assert next(path.parent.glob("*Z")).read_bytes() == before
    assert "damaged" in notices[0]
    assert f"{count:,} jobs were read" in notices[0]
    assert examine(path) is None


def test_a_broken_page_in_the_middle_costs_only_its_own_rows(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    path.with_name("jobs.sqlite-wal").unlink()
    spoil(path, pages // 2, noise=random.Random(1))

    count, _ = opened(path)

    assert JOBS - 40 < count < JOBS


@pytest.mark.parametrize("seed", range(8))
def test_whatever_pages_are_overwritten_it_opens_with_what_is_left(path: Path, seed: int) -> None:
    noise = random.Random(seed)
    pages = path.stat().st_size // PAGE
    spoil(path, *noise.sample(range(1, pages + 1), 5), noise=noise)

    count, notices = opened(path)

    assert count > JOBS / 3
    assert set_aside(path) >= {""}
    assert notices


def test_a_file_without_its_first_page_gets_that_of_a_new_one(path: Path) -> None:
    path.with_name("jobs.sqlite-wal").unlink()
    spoil(path, 1, noise=random.Random(0))

    count, _ = opened(path)

    assert count == JOBS - 19


def test_of_a_file_that_is_empty_the_journal_is_read_before_it_is_deleted(path: Path) -> None:
    before = path.with_name("jobs.sqlite-wal").read_bytes()
    path.write_bytes(b"")

    count, _ = opened(path)

    assert count >= 19
    assert set_aside(path) == {"", "-wal"}
    assert next(path.parent.glob("*Z-wal")).read_bytes() == before


def test_of_a_file_that_is_missing_so_is_it(path: Path) -> None:
    path.unlink()

    count, notices = opened(path)

    assert count >= 19
    assert set_aside(path) == {"-wal"}
    assert "it is missing" in notices[0]


def test_what_is_no_database_at_all_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_text("not a database " * 1000)

    count, notices = opened(path)

    assert count == 0
    assert "no job could be read in it" in notices[0]
    assert next(tmp_path.glob("*Z")).read_text() == "not a database " * 1000


def test_a_spoilt_journal_is_set_aside_and_read_up_to_the_fault(path: Path) -> None:
    journal = path.with_name("jobs.sqlite-wal")
    data = bytearray(journal.read_bytes())
    at = 32 + 20 * (24 + PAGE) + 100  # in a frame of the present round; older ones follow
    data[at : at + 100] = b"\xff" * 100
    journal.write_bytes(data)

    count, notices = opened(path)

    assert JOBS - 19 < count < JOBS
    assert "its journal is damaged" in notices[0]
    assert next(path.parent.glob("*Z-wal")).read_bytes() == data


def test_a_journal_that_is_missing_is_lost_and_no_damage(path: Path) -> None:
    path.with_name("jobs.sqlite-wal").unlink()

    assert opened(path) == (JOBS - 19, ())


@contextlib.contextmanager
def dying_after(count: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk that takes so many renames, and then no more."""
    replace, left = os.replace, [count]

    def counted(*names: object) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(*names)  # type: ignore[call-overload]  # as they come

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", counted)
        yield


@pytest.mark.parametrize("step", range(4))
def test_a_rescue_that_is_cut_short_is_finished_by_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    spoil(path, 9, noise=random.Random(3))
    damaged, journal = path.read_bytes(), path.with_name("jobs.sqlite-wal").read_bytes()
    with dying_after(step, monkeypatch), pytest.raises(KeyboardInterrupt):
        heal(path, "a test")

    count, notices = opened(path)

    assert count > JOBS / 2
    assert "damaged" in notices[0]
    assert next(path.parent.glob("*Z")).read_bytes() == damaged
    assert next(path.parent.glob("*Z-wal")).read_bytes() == journal
    assert list(path.parent.glob("rescue-*")) == []
    assert not path.with_name("jobs.sqlite.rescued").exists()


def test_nothing_is_changed_when_there_is_no_room_for_what_is_rescued(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(path, 9, noise=random.Random(3))
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}

    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)

    with pytest.raises(OSError, match="No space"):
        heal(path, "a test")

    after = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert {name: after[name] for name in before} == before
    assert not path.with_name("jobs.sqlite.rescued").exists()


def test_a_suspect_file_is_examined_to_its_end_and_cleared(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = path.stat().st_size // PAGE
    monkeypatch.setattr("jupyter_jobs.backend.storage.damage._LOOK_S", 0.0)
    monkeypatch.setattr("jupyter_jobs.backend.storage.damage._STEPS", 1)
    spoil(path, pages // 2, noise=random.Random(0))
    unsuspected = examine(path)
    mark_suspect(path)
    suspected = examine(path)
    opened(path)

    assert unsuspected is None
    assert suspected
    assert not path.with_name("jobs.sqlite.suspect").exists()


def test_nothing_is_finished_where_nothing_was_begun(tmp_path: Path) -> None:
    assert finish(tmp_path / "jobs.sqlite") == []


def test_a_file_whose_maker_died_at_once_is_rolled_back_and_well(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    code = (
        "import os, signal, sqlite3\n"
        f"db = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
        "db.execute('PRAGMA cache_size=1')\n"
        "db.execute('CREATE TABLE t (x)')\n"
        "db.execute('BEGIN')\n"
        "db.execute('INSERT INTO t VALUES (zeroblob(100000))')\n"
        "db.execute('INSERT INTO t SELECT x FROM t')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    left = path.with_name("jobs.sqlite-journal").exists()

    assert left
    assert examine(path) is None
