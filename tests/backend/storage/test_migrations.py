"""Files that releases have written, as they wrote them: `tests/wire/databases/version-<version>[-<which>].sql`."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from jupyter_jobs.backend.storage import migrations
from jupyter_jobs.backend.storage.migrations import SCHEMA_VERSION, STEPS, migrate
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.storage.tables import COLUMNS, PRIVATE, create_tables
from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.worker.processes import Process

STORED = sorted((Path(__file__).parents[2] / "wire/databases").glob("*.sql"))
NAMES = [path.stem for path in STORED]


@pytest.fixture(params=STORED, ids=NAMES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of a release."""
    path = tmp_path / "jobs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(request.param.read_text("utf-8"))
    return path


def schema(db: sqlite3.Connection) -> dict[str, object]:
    """What there is: tables with their columns, and indexes as they were declared."""
    found = dict(db.execute("SELECT name, sql FROM sqlite_master").fetchall())
    columns = {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
    indexes = {
        name: sql and " ".join(sql.replace("IF NOT EXISTS ", "").split())
        for name, sql in found.items()
    }
    return indexes | {"jobs": columns}


def version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_each_version_since_the_first_is_stored_and_has_its_step() -> None:
    versions = {int(name.split("-")[1]) for name in NAMES}

    assert versions == set(range(1, SCHEMA_VERSION + 1)), (
        "store a file of the new version, and make a step of it"
    )
    assert set(STEPS) == set(range(1, SCHEMA_VERSION))


def test_a_stored_file_gets_the_tables_of_a_new_one(path: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db,
        contextlib.closing(sqlite3.connect(":memory:")) as new,
    ):
        create_tables(new)
        migrate(db, path)

        assert schema(db) == schema(new), "what changed in the tables wants a version of its own"
        assert schema(db)["jobs"] == {"number", *COLUMNS, *PRIVATE}
        assert migrate(db, path) == []


def test_a_stored_file_has_the_same_jobs(path: Path) -> None:
    with contextlib.closing(Repository(path)) as repository:
        listed, _ = repository.page("notebooks/train.ipynb", None, 10, None)
        jobs = {body["id"]: Job.from_wire(body) for body in listed}
        process = repository.process("runs")
        tagged, _ = repository.page(None, None, 10, None, tag="nightly")

        assert {id_: job.status.value for id_, job in jobs.items()} == {
            "waits": "QUEUED",
            "runs": "RUNNING",
            "done": "SUCCEEDED",
            "failed": "FAILED",
            "again": "CANCELLED",
        }
        assert list(jobs) == ["again", "failed", "done", "runs", "waits"]
        assert (jobs["runs"].progress, jobs["runs"].message) == (0.25, "it's at ''1''")
        assert jobs["done"].result == [1, 2]
        assert jobs["failed"].reason == "ValueError: bad day"
        assert jobs["waits"].params == {"rows": 100}
        assert [body["tags"] is not None for body in tagged] == [True] * len(tagged)
        assert json.loads(repository.payload("waits") or "")["python"] == "/usr/bin/python3"
        assert process is not None
        assert process[:2] == Process(4242, 99)[:2]
        assert repository.update("runs", {"status": "FAILED"})["version"] == 4
        assert repository.insert({"id": "new"}, None) is not None
        assert jobs["again"].status is JobStatus.CANCELLED


def test_the_file_as_it_was_is_kept(path: Path) -> None:
    before, found = path.read_bytes(), version(path)

    with contextlib.closing(Repository(path)) as repository:
        notices = repository.notices

    kept = list(path.parent.glob("jobs.sqlite.version-*"))
    if found == SCHEMA_VERSION:
        assert (kept, notices) == ([], ())
    else:
        assert [each.name for each in kept] == [f"jobs.sqlite.version-{found}"]
        assert version(kept[0]) == found
        assert kept[0].stat().st_size == len(before)
        assert kept[0].stat().st_mode & 0o077 == 0
        assert kept[0].name in notices[0]


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as later:
        later.execute("CREATE TABLE jobs (something_else)")
        later.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = path.read_bytes()

    with pytest.raises(BackendUnavailable, match=r"later release.*update this one"):
        Repository(path)

    with contextlib.closing(sqlite3.connect(path)) as later:
        assert [row[1] for row in later.execute("PRAGMA table_info(jobs)")] == ["something_else"]
    assert version(path) == SCHEMA_VERSION + 1
    assert len(path.read_bytes()) == len(before)


def test_a_step_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(STORED[0].read_text("utf-8"))

    def halfway(db: sqlite3.Connection) -> None:
        STEPS[1](db)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", {1: halfway})
        with pytest.raises(BackendUnavailable, match="is full"):
            Repository(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(jobs)")}

    assert version(path) == 1
    assert "boot" not in columns
    with contextlib.closing(Repository(path)) as repository:
        assert repository.get("done") is not None


def test_tables_that_were_made_and_not_numbered_are_of_the_first_version(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(STORED[0].read_text("utf-8"))
        db.execute("PRAGMA user_version=0")

    with contextlib.closing(Repository(path)) as repository:
        assert repository.get("done") is not None
    assert version(path) == SCHEMA_VERSION
