from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.work import read_work
from tests.support.shim import function, run_shim, running_shim


def test_a_folder_without_a_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no job"):
        read_work(tmp_path)


def test_the_work_runs_where_and_with_what_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "only_here.py").write_text("answer = 42")

    def work() -> list[Any]:
        import only_here  # type: ignore[import-not-found]  # made by this test

        return [os.getcwd(), only_here.answer, sys.stdin.read()]

    payload = {**function(work), "cwd": str(tmp_path / "mine"), "sysPath": [str(tmp_path / "lib")]}

    assert run_shim(tmp_path / "job", "FUNCTION", payload)["result"] == [
        str(tmp_path / "mine"),
        42,
        "",
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, {"status": "SUCCEEDED", "result": None}),
        (0, {"status": "SUCCEEDED", "result": None}),
        (3, "the work ended itself with exit code 3"),
        ("no data", "no data"),
    ],
)
def test_work_may_end_itself(tmp_path: Path, code: Any, expected: Any) -> None:
    outcome = run_shim(tmp_path / "job", "FUNCTION", function(sys.exit, code))

    if isinstance(expected, str):
        assert (outcome["error"]["type"], outcome["error"]["message"]) == ("SystemExit", expected)
    else:
        assert outcome == expected


def test_a_function_has_its_environment_too(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "only_there.py").write_text("answer = 42")

    def work() -> list[Any]:
        import only_there  # type: ignore[import-not-found]  # made by this test

        return [os.environ["MINE"], time.strftime("%Z"), only_there.answer]

    env = {"MINE": "here", "TZ": "XYZ-3", "PYTHONPATH": str(tmp_path / "lib")}

    outcome = run_shim(tmp_path / "job", "FUNCTION", {**function(work), "env": env})

    assert outcome["result"] == ["here", "XYZ", 42]


def test_what_a_newer_backend_says_besides_is_passed_over(tmp_path: Path) -> None:
    job = {"id": "a", "kind": "COMMAND", "request": "r", "params": None, "payload": {}, "new": 1}
    (tmp_path / "job.json").write_text(json.dumps(job))

    assert read_work(tmp_path).id == "a"


def test_work_that_leaves_without_a_word_has_failed(tmp_path: Path) -> None:
    outcome = run_shim(tmp_path / "job", "FUNCTION", function(os._exit, 0))

    assert outcome["error"]["message"] == "ended with exit code 0 before the work was done"


def test_threads_of_the_work_are_waited_for(tmp_path: Path) -> None:
    def work() -> None:
        threading.Timer(0.2, print, ["late"]).start()

    run_shim(tmp_path / "job", "FUNCTION", function(work))

    assert "late" in next((tmp_path / "job" / "log").iterdir()).read_text()


def test_a_folder_that_went_away_is_the_jobs_failure(tmp_path: Path) -> None:
    outcome = run_shim(
        tmp_path / "job", "FUNCTION", {**function(print), "cwd": str(tmp_path / "gone")}
    )

    assert outcome["error"]["type"] == "FileNotFoundError"


def test_cleaning_up_runs_when_the_work_is_told_to_end(tmp_path: Path) -> None:
    def work(mark: str) -> None:
        try:
            print("ready")  # noqa: T201  # what a job prints is its log
            threading.Event().wait()
        finally:
            Path(mark).write_text("clean")

    with running_shim(tmp_path / "job", "FUNCTION", function(work, str(tmp_path / "mark"))) as shim:
        shim.message("ready")
        shim.cancel()
        outcome = shim.outcome()

    assert outcome == {"status": "CANCELLED"}
    assert (tmp_path / "mark").read_text() == "clean"


def test_what_the_work_came_to_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    run_shim(tmp_path / "job", "FUNCTION", function(abs, -1))

    assert json.loads((tmp_path / "job" / "work.json").read_bytes())["result"] == 1
    assert (tmp_path / "job" / "work.json").stat().st_mode & 0o777 == 0o600
