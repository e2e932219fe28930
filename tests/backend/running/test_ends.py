"""How the ends of runs are written down, on a database that refuses for a while."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.processes.runs import Shim
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.ends import Ends
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.trouble import Unstored
from jupyter_jobs.worker.outcome import read_json
from jupyter_jobs.worker.processes import present_boot
from tests.support.kept import add


class Writing(Ends):
    """Ends that are written as a job's own reports are, without events."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        super().__init__(repository, folder)
        self._update = self.write
        self.refused = asyncio.Event()

    async def write(self, changes: dict[str, Any]) -> bool:
        try:
            self.repository.update(changes.pop("id"), changes)
        except Refusal as refusal:
            if isinstance(refusal, Unstored):
                self.refused.set()
            return False
        return True

    async def persist_end(self, id_: str) -> None:
        shim = Shim(id_, 2**22 + 1, -1)
        await self._persist("an end", lambda: self._settle(id_, shim))


@pytest.fixture
def ends(repository: Repository, tmp_path: Path) -> Ends:
    return Writing(repository, tmp_path)


def running(ends: Ends, outcome: dict[str, Any] | None, **fields: Any) -> None:
    add(ends.repository, "a", **fields)
    ends.repository.update("a", {"status": "RUNNING"})
    folder = ends.folder / "jobs" / "a"
    folder.mkdir(parents=True)
    if outcome is not None:
        (folder / "outcome.json").write_text(json.dumps(outcome))


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another program that holds the database."""
    with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture(autouse=True)
def _tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_jobs.backend.running.ends.delays", lambda: itertools.repeat(0.01))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"status": "SUCCEEDED", "result": [1]}, "SUCCEEDED"),
        ({"status": "FAILED", "error": {"type": "E", "message": "m"}}, "FAILED"),
        (None, "LOST"),
    ],
)
async def test_an_end_is_kept_until_the_database_takes_it(
    ends: Writing, outcome: dict[str, Any] | None, status: str
) -> None:
    running(ends, outcome)

    with held(ends.folder):
        written = asyncio.create_task(ends.persist_end("a"))
        await ends.refused.wait()
        before = ends.repository.get("a")
    await written

    after = ends.repository.get("a")
    assert before is not None
    assert after is not None
    assert (before["status"], after["status"]) == ("RUNNING", status)
    assert after["version"] == before["version"] + 1


async def test_what_a_killed_process_was_writing_is_removed(ends: Writing) -> None:
    running(ends, None)
    folder = ends.folder / "jobs" / "a"
    for name in ("work.part", "result.pickle.part", "job.json"):
        (folder / name).touch()

    await ends.persist_end("a")

    assert [path.name for path in folder.iterdir()] == ["job.json"]


async def test_a_run_that_is_followed_by_another_is_so_once(
    ends: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"type": "E", "message": "m"}
    running(ends, {"status": "FAILED", "error": error}, rules='{"retries": 1}')
    tried = asyncio.Event()
    requeue = ends.repository.requeue

    def counted(*args: Any) -> Any:
        tried.set()
        return requeue(*args)

    monkeypatch.setattr(ends.repository, "requeue", counted)

    with held(ends.folder):
        written = asyncio.create_task(ends.persist_end("a"))
        await tried.wait()
    await written

    body = ends.repository.get("a")
    assert body is not None
    assert body["status"] == "QUEUED"
    assert [run["error"] for run in json.loads(body["history"])] == ["E: m"]


async def test_an_outcome_that_cannot_be_read_for_want_of_handles_is_read_later(
    ends: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(ends, {"status": "SUCCEEDED", "result": 5})
    left = [OSError(24, "Too many open files"), OSError(23, "Too many open files in system")]

    def short_of_handles(path: Path) -> Any:
        if left:
            raise left.pop()
        return read_json(path)

    monkeypatch.setattr("jupyter_jobs.backend.running.ends.read_json", short_of_handles)

    await ends.persist_end("a")

    body = ends.repository.get("a")
    assert body is not None
    assert (body["status"], body["result"]) == ("SUCCEEDED", "5")


async def test_what_does_not_pass_is_raised(ends: Writing) -> None:
    async def wrong() -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        await ends._persist("an end", wrong)


async def test_a_run_of_another_boot_is_lost_with_the_machine(ends: Writing) -> None:
    running(ends, None)
    machine = present_boot().partition(" ")[2]

    await ends._settle("a", Shim("a", 1, 5, boot=f"an-earlier-boot {machine}"))

    body = ends.repository.get("a")
    assert body is not None
    assert body["status"] == "LOST"
    assert json.loads(body["error"])["message"] == "the machine was restarted"


async def test_what_goes_on_and_fails_is_in_the_log(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    told = asyncio.Event()

    async def fail() -> None:
        asyncio.get_running_loop().call_soon(told.set)
        raise RuntimeError("odd")

    ends._go_on(fail(), "the schedule")
    await told.wait()

    assert caplog.messages == ["the schedule is not followed any more"]
    assert caplog.records[0].exc_info is not None
