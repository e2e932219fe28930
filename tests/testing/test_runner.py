from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.testing.runner import Clock, ScriptedRunner
from jupyter_jobs.testing.script import Outcome, Script
from jupyter_jobs.testing.submitted import Submitted
from jupyter_jobs.worker.logfile import LogReader

NOON = 1_795_435_200.0


class Stage:
    """A runner with its repository, without a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = Script()
        self.clock = Clock(NOON)
        self.repository = Repository(folder / "jobs.sqlite", now=self.clock.text)
        self.runner = ScriptedRunner(self.repository, folder, self.script, self.clock)
        self.told: list[dict[str, Any]] = []

    async def update(self, changes: dict[str, Any]) -> bool:
        self.told.append(dict(changes))
        body = self.repository.update(changes.pop("id"), changes)
        return bool(body)

    def submit(self, id_: str, request: str = "work", **fields: Any) -> None:
        given = {"id": id_, "request": request, "name": request, "kind": "REQUEST", **fields}
        self.repository.insert({"group": "g", "priority": "MEDIUM", **given}, None)

    def get(self, id_: str) -> dict[str, Any]:
        body = self.repository.get(id_)
        assert body is not None
        return body

    def status(self, id_: str) -> str:
        return str(self.get(id_)["status"])

    def log(self, id_: str) -> list[str]:
        return [line.text for line in LogReader(self.folder / "jobs" / id_ / "log").page().lines]


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    stage = Stage(folder)
    with contextlib.closing(stage.repository):
        await stage.runner.start(stage.update)
        try:
            yield stage
        finally:
            await stage.runner.stop()


async def test_work_that_takes_no_time_ends_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(returns=[1, 2], prints=["hello"])
        stage.submit("a")

        await stage.runner.advance(0)

        assert stage.status("a") == "SUCCEEDED"
        assert json.loads(stage.get("a")["result"]) == [1, 2]
        assert stage.log("a") == ["hello"]


async def test_an_hour_passes_when_it_is_told_to(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(takes=3600, progress=[0.1, 0.5, 0.9])
        stage.submit("a")
        seen = []

        for seconds in (0, 1800, 1799, 1.1):
            await stage.runner.advance(seconds)
            seen.append((stage.status("a"), stage.get("a")["progress"]))

        assert seen == [
            ("RUNNING", None),
            ("RUNNING", 0.5),
            ("RUNNING", 0.9),
            ("SUCCEEDED", 0.9),
        ]
        assert stage.get("a")["startedAt"] == "2026-11-23T12:00:00.001Z"
        assert stage.get("a")["finishedAt"] == "2026-11-23T13:00:00.001Z"


async def test_runs_are_retried_at_once_and_take_the_next_outcome(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(raises=OSError("reset")).then(returns=3)
        stage.submit("a", rules=json.dumps({"retries": 2, "backoff": 60}))

        await stage.runner.advance(0)

        assert stage.status("a") == "SUCCEEDED"
        assert stage.log("a") == ["--- run 2 of 3 ---"]


async def test_a_rule_about_time_holds(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(takes=3600)
        stage.submit("a", rules=json.dumps({"timeout": 60}))

        await stage.runner.run_all()

        assert stage.status("a") == "TIMED_OUT"
        assert json.loads(stage.get("a")["error"])["message"] == "ran longer than 60 s"


async def test_jobs_wait_for_those_they_come_after(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("prepare").then(takes=10, raises=ValueError("bad day"))
        stage.script.add("work")
        stage.submit("a", "prepare")
        stage.submit("b", after=["a"])

        await stage.runner.advance(5)
        meanwhile = stage.status("b")
        await stage.runner.run_all()

        assert meanwhile == "QUEUED"
        assert stage.status("b") == "CANCELLED"
        assert "prepare failed: ValueError: bad day" in stage.get("b")["error"]


async def test_a_job_is_lost_when_the_script_says_so(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(lost=True, takes=5)
        stage.submit("a")

        await stage.runner.run_all()

        assert stage.status("a") == "LOST"


async def test_cancelling_needs_no_time_to_pass(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(takes=float("inf"))
        stage.submit("a")
        await stage.runner.run_all()
        hangs = stage.status("a")

        stage.repository.update("a", {"status": "CANCELLING"})
        stage.runner.kill("a")
        await stage.runner.advance(0)

        assert (hangs, stage.status("a")) == ("RUNNING", "CANCELLED")
        stage.runner.kill("a")


async def test_a_function_of_the_test_decides(tmp_path: Path) -> None:
    def decide(job: Submitted) -> Any:
        if job.params == {"day": 1}:
            raise KeyError("monday")
        return Outcome(takes=10, returns=job.params["day"])

    async with staged(tmp_path) as stage:
        stage.script.add("work").then(decide)
        stage.submit("a", params='{"day": 1}')
        stage.submit("b", params='{"day": 2}')

        await stage.runner.advance(5)
        meanwhile = (stage.status("a"), stage.status("b"))
        await stage.runner.run_all()

        assert meanwhile == ("FAILED", "RUNNING")
        assert stage.get("b")["result"] == "2"


@pytest.mark.parametrize(("code", "status"), [(None, "SUCCEEDED"), (0, "SUCCEEDED"), (3, "FAILED")])
async def test_what_a_command_returns_is_its_exit_code(
    code: int | None, status: str, tmp_path: Path
) -> None:
    async with staged(tmp_path) as stage:
        stage.script.add("work").then(returns=code)
        stage.submit("a", kind="COMMAND")

        await stage.runner.run_all()

        assert stage.status("a") == status
        assert status == "SUCCEEDED" or json.loads(stage.get("a")["error"])["exitCode"] == 3


async def test_a_result_that_cannot_travel_fails_as_it_would_for_real(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, _open(tmp_path / "file") as file:
        stage.script.add("work").then(returns=file)
        stage.submit("a")

        await stage.runner.run_all()

        assert stage.status("a") == "FAILED"
        assert "cannot be sent back" in stage.get("a")["error"]


async def test_what_is_not_scripted_is_refused(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fields = dict.fromkeys(("params", "rules", "tags", "key", "after", "group", "priority"))

        with pytest.raises(Refusal, match=r'scripted_jobs\.on\("train"'):
            stage.runner.check({**fields, **_TRAIN}, None)

        stage.script.add("tr*")
        assert stage.runner.check({**fields, **_TRAIN}, None) is None


_TRAIN = {"id": "a", "kind": "REQUEST", "name": "train", "request": "train"}


@asynccontextmanager
async def _open(path: Path) -> AsyncIterator[Any]:
    with path.open("w") as file:
        yield file
