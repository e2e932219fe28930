from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_jobs.backend.processes.runs import Shim, find, launch, prepare, process_of, reopen
from jupyter_jobs.jobs.embedded import process_started_at
from jupyter_jobs.worker.processes import present_boot
from tests.support.shim import PATIENCE_S

WORK: dict[str, Any] = {"id": "j-1", "kind": "COMMAND", "request": "r", "params": None, "run": 1}


def begin(folder: Path, line: str, **work: Any) -> tuple[Shim, int]:
    python = prepare(folder, WORK | work, json.dumps({"shell": line}))
    return launch(folder, "j-1", python)


def until_end(reports: int) -> bytes:
    """Everything that is reported, until the shim has ended."""
    os.set_blocking(reports, True)
    with open(reports, "rb") as stream:
        return stream.read()


def finish(folder: Path, line: str, **work: Any) -> Shim:
    shim, reports = begin(folder, line, **work)
    until_end(reports)
    shim.reap()
    return shim


def test_what_was_prepared_is_run(tmp_path: Path) -> None:
    finish(tmp_path, "echo heard > heard", run=3)

    assert json.loads((tmp_path / "outcome.json").read_bytes())["status"] == "SUCCEEDED"
    assert json.loads((tmp_path / "job.json").read_bytes())["run"] == 3
    assert (tmp_path / "heard").read_text() == "heard\n"


def test_the_interpreter_is_the_payloads_or_this_one(tmp_path: Path) -> None:
    assert prepare(tmp_path, WORK, None) == sys.executable
    assert prepare(tmp_path, WORK, "{}") == sys.executable
    assert prepare(tmp_path, WORK, '{"python": "/usr/bin/python3"}') == "/usr/bin/python3"
    assert json.loads((tmp_path / "job.json").read_bytes())["payload"] == {
        "python": "/usr/bin/python3"
    }


def test_nothing_of_a_run_is_left_for_the_next(tmp_path: Path) -> None:
    finish(tmp_path, "exit 3")
    for name in ("work.json", "result.pickle", "error.pickle"):
        (tmp_path / name).touch()
    (tmp_path / "files").mkdir(exist_ok=True)
    before = {path.name for path in tmp_path.iterdir()}

    prepare(tmp_path, WORK, None)

    left = {path.name for path in tmp_path.iterdir()}
    assert before - left == {
        "outcome.json",
        "shim.json",
        "work.json",
        "result.pickle",
        "error.pickle",
    }
    assert {"log", "files", "job.json", "reports"} <= left


def test_an_interpreter_that_is_not_there_is_an_error_and_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    prepare(tmp_path, WORK, None)
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(FileNotFoundError):
        launch(tmp_path, "j-1", str(tmp_path / "python"))

    assert len(os.listdir("/proc/self/fd")) == before


async def test_what_was_not_launched_is_not_found(tmp_path: Path) -> None:
    assert await find(tmp_path / "none", 1) is None

    prepare(tmp_path, WORK, None)

    assert await find(tmp_path, 1) is None


async def test_a_run_is_found_from_its_fork_to_after_its_end(tmp_path: Path) -> None:
    shim, reports = begin(tmp_path, "read line < gate; exit 3", run=2)
    os.mkfifo(tmp_path / "gate")
    running = await find(tmp_path, 2)
    (tmp_path / "gate").write_text("\n")
    until_end(reports)
    shim.reap()

    assert running == shim.identity
    assert await find(tmp_path, 2) == shim.identity
    assert await find(tmp_path, 3) is None


async def test_a_run_that_was_killed_before_it_began_is_not_found(tmp_path: Path) -> None:
    prepare(tmp_path, WORK, None)
    # Holds the FIFO as a shim does that has not come as far as to say who it is.
    held = os.open(tmp_path / "reports", os.O_RDWR)
    stuck = await asyncio.create_subprocess_exec("sleep", "0.2", stdout=held)
    os.close(held)

    assert await find(tmp_path, 1) is None
    assert await stuck.wait() == 0


def test_reports_end_for_a_second_reader_when_the_shim_is_gone(tmp_path: Path) -> None:
    finish(tmp_path, "true")

    assert until_end(reopen(tmp_path)) == b""


def test_reports_of_a_folder_that_is_gone_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reopen(tmp_path)


def test_a_run_that_is_asked_to_end_is_cancelled(tmp_path: Path) -> None:
    shim, reports = begin(tmp_path, "echo ready; sleep 600")
    os.set_blocking(reports, True)
    with open(reports, "rb") as stream:
        assert b"ready" in stream.readline()
        shim.ask_to_end()
        shim.ask_to_end()
        stream.read()
    shim.reap()
    shim.ask_to_end()  # nobody is there to hear it

    assert json.loads((tmp_path / "outcome.json").read_bytes())["status"] == "CANCELLED"


def test_a_shim_that_listens_to_nothing_is_killed_with_its_tree(tmp_path: Path) -> None:
    shim, reports = begin(tmp_path, "echo ready; sleep 600")
    os.set_blocking(reports, True)
    with open(reports, "rb") as stream:
        assert b"ready" in stream.readline()
        tree = psutil.Process(shim.pid).children(recursive=True)
        psutil.Process(shim.pid).suspend()

        shim.kill()
        stream.read()
    shim.reap()

    assert tree
    assert psutil.wait_procs(tree, PATIENCE_S)[1] == []


def test_a_strangers_session_of_the_same_number_is_left_alone() -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        started = process_started_at(stranger.pid) or 0
        adopted = Shim("j-1", stranger.pid, started + 1)

        adopted.ask_to_end()
        adopted.kill()

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("machine", [present_boot().partition(" ")[2], "another"])
def test_a_process_of_another_boot_is_nobodys_though_number_and_time_are_the_same(
    machine: str,
) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        started = process_started_at(stranger.pid) or 0
        adopted = Shim("j-1", stranger.pid, started, boot=f"an-earlier-boot {machine}")

        adopted.ask_to_end()
        adopted.kill()

        assert stranger.poll() is None
        assert ("restarted" if machine != "another" else "started on another") in (
            adopted.whereabouts
        )
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_of_which_an_earlier_release_told_only_the_number_is_told_by_its_job(
    tmp_path: Path,
) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    own = subprocess.Popen(["sleep", "600"], env={**os.environ, "JUPYTER_JOBS_ID": "j-1"})
    try:
        found = []
        for pid in (own.pid, stranger.pid):
            (tmp_path / "shim.json").write_text(json.dumps({"pid": pid}))
            found.append(process_of(tmp_path, "j-1"))

        assert found == [(own.pid, process_started_at(own.pid), ""), (stranger.pid, -1, "")]
    finally:
        for process in (own, stranger):
            process.kill()
            process.wait()


def test_what_an_adopted_shim_has_left_is_known_by_its_environment() -> None:
    # The leader of the session is gone; the one that it has left has the job's environment.
    leader = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "JUPYTER_JOBS_ID": "j-1"},
    )
    assert leader.stdout is not None
    left = psutil.Process(int(leader.stdout.readline()))
    leader.wait()
    leader.stdout.close()

    Shim("j-2", leader.pid, 0).sweep()
    assert left.is_running()
    Shim("j-1", leader.pid, 0).sweep()

    assert psutil.wait_procs([left], PATIENCE_S)[1] == []


def test_a_sweep_looks_again_for_what_was_started_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = iter([{7}, {8, 9}, set[int]()])
    killed: list[set[int]] = []
    monkeypatch.setattr("jupyter_jobs.backend.processes.runs.programs_of", lambda job: next(seen))
    monkeypatch.setattr("jupyter_jobs.backend.processes.runs.kill_all", killed.append)

    Shim("j-1", 2**22 + 1, -1).sweep()

    assert killed == [{7}, {8, 9}]
