from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.logfile import LogReader
from tests.support.shim import run_shim


def log_of(folder: Path) -> list[tuple[str, str]]:
    return [(line.stream, line.text) for line in LogReader(folder / "log").page().lines]


@pytest.mark.parametrize("payload", [{"args": ["/bin/sh", "-c", "exit 0"]}, {"shell": "true"}])
def test_a_program_that_ends_well_results_in_its_exit_code(
    tmp_path: Path, payload: dict[str, Any]
) -> None:
    assert run_shim(tmp_path / "job", "COMMAND", payload) == {"status": "SUCCEEDED", "result": 0}


def test_another_exit_code_is_a_failure(tmp_path: Path) -> None:
    outcome = run_shim(tmp_path / "job", "COMMAND", {"shell": "echo out; echo err >&2; exit 3"})

    assert outcome["status"] == "FAILED"
    assert (outcome["error"]["type"], outcome["error"]["exitCode"]) == ("ExitCode", 3)
    assert sorted(log_of(tmp_path / "job")) == [("stderr", "err"), ("stdout", "out")]


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = run_shim(tmp_path / "job", "COMMAND", {"args": ["no-such-program"]})["error"]

    assert error["message"] == "no-such-program could not be started: there is no such program"


def test_the_environment_is_added_to(tmp_path: Path) -> None:
    run_shim(tmp_path / "job", "COMMAND", {"shell": "echo $MINE $HOME", "env": {"MINE": "here"}})

    assert log_of(tmp_path / "job") == [("stdout", f"here {os.environ['HOME']}")]


def test_a_program_ignores_no_signal_that_it_would_not_ignore_from_a_shell(tmp_path: Path) -> None:
    quit_before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # as a shell does in the background
    try:
        run_shim(tmp_path / "job", "COMMAND", {"args": ["grep", "SigIgn", "/proc/self/status"]})
    finally:
        signal.signal(signal.SIGQUIT, quit_before)

    (_, line), *_ = log_of(tmp_path / "job")
    assert int(line.split()[1], 16) == 0
