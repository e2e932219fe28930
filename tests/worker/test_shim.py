from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker import current_job, shim
from jupyter_jobs.worker.logfile import LogReader
from tests.support.shim import function, run_shim, running_shim

# Ignores TERM, and so does its child; both have to be killed.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, sys.argv[0], "child"])
else:
    print("ready", flush=True)
time.sleep(600)
"""


def log_of(folder: Path) -> list[str]:
    return [line.text for line in LogReader(folder / "log").page().lines]


def test_a_program_that_prints_a_hundred_megabytes_ends_and_leaves_ten(tmp_path: Path) -> None:
    line = "0123456789" * 6

    outcome = run_shim(tmp_path / "job", "COMMAND", {"shell": f"yes {line} | head -c 100000000"})

    size = sum(path.stat().st_size for path in (tmp_path / "job" / "log").iterdir())
    assert outcome == {"status": "SUCCEEDED", "result": 0}
    assert 2_000_000 < size <= 10_500_000
    assert LogReader(tmp_path / "job" / "log").tail(1).lines[-1].seq == -(-100_000_000 // 61)


def test_a_work_that_is_killed_says_by_what(tmp_path: Path) -> None:
    with running_shim(
        tmp_path / "job", "COMMAND", {"shell": "echo ready; exec sleep 600"}
    ) as running:
        running.message("ready")
        for pid in running.processes():
            os.kill(pid, signal.SIGKILL)
        outcome = running.outcome()

    assert outcome["status"] == "FAILED"
    assert outcome["error"] == {
        "type": "Signal",
        "message": "killed by SIGKILL (perhaps out of memory)",
        "signal": "SIGKILL",
        "log": ["ready"],
    }


def test_what_a_killed_work_leaves_behind_goes_with_it(tmp_path: Path) -> None:
    with running_shim(
        tmp_path / "job", "COMMAND", {"shell": "sleep 600 & echo ready; kill -9 $$"}
    ) as running:
        running.outcome()

        assert running.processes() == set()


def test_a_tree_that_ignores_term_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    with running_shim(
        tmp_path / "job", "COMMAND", {"args": [sys.executable, str(script)]}, grace=0.3
    ) as running:
        running.message("ready")
        tree = running.processes()
        running.cancel()
        outcome = running.outcome()

        assert outcome == {"status": "CANCELLED"}
        assert len(tree) == 2
        assert running.processes() == set()


def test_cancelled_is_said_only_when_a_child_in_a_session_of_its_own_is_gone(
    tmp_path: Path,
) -> None:
    line = f"setsid {sys.executable} -c 'import time; print(1, flush=True); time.sleep(600)' & wait"
    with running_shim(tmp_path / "job", "COMMAND", {"shell": line}, grace=0.3) as running:
        running.message("1")
        running.cancel()

        assert running.outcome() == {"status": "CANCELLED"}
        assert running.processes() == set()


def test_a_program_that_ends_well_when_asked_to_end_is_cancelled(tmp_path: Path) -> None:
    line = "trap 'exit 0' TERM; sleep 600 & echo ready; wait"
    with running_shim(tmp_path / "job", "COMMAND", {"shell": line}) as running:
        running.message("ready")
        running.cancel()

        assert running.outcome() == {"status": "CANCELLED"}


def test_a_grandchild_that_holds_the_output_does_not_hold_the_job(tmp_path: Path) -> None:
    with running_shim(tmp_path / "job", "COMMAND", {"shell": "sleep 600 & echo done"}) as running:
        outcome = running.outcome()

        assert outcome == {"status": "SUCCEEDED", "result": 0}
        assert log_of(tmp_path / "job") == ["done"]


def test_many_reports_become_few_and_the_last_arrives(tmp_path: Path) -> None:
    def work() -> None:
        for step in range(2000):
            current_job().progress(step + 1, 2000, f"step {step + 1}")
            time.sleep(0.0002)

    with running_shim(tmp_path / "job", "FUNCTION", function(work)) as running:
        reports = running.remaining()

    assert reports[-1] == {"progress": 1.0, "done": 2000.0, "total": 2000.0, "message": "step 2000"}
    assert len(reports) < 200


def test_a_program_in_python_reports_too(tmp_path: Path) -> None:
    code = "from jupyter_jobs import current_job; current_job().progress(3, 4, 'from a program')"
    with running_shim(
        tmp_path / "job", "COMMAND", {"args": [sys.executable, "-c", code]}
    ) as running:
        reports = running.remaining()

    assert reports[-1] == {"progress": 0.75, "done": 3.0, "total": 4.0, "message": "from a program"}


def test_what_the_work_says_itself_is_not_replaced_by_what_it_prints(tmp_path: Path) -> None:
    def work() -> None:
        current_job().message("mine")
        print("printed")  # noqa: T201  # what a job prints is its log

    with running_shim(tmp_path / "job", "FUNCTION", function(work)) as running:
        reports = running.remaining()

    assert [report["message"] for report in reports] == ["mine"]


def test_a_job_goes_on_while_nobody_reads_its_reports(tmp_path: Path) -> None:
    def work() -> str:
        for step in range(20_000):
            current_job().progress(step, message="x" * 400)
        return "done"

    (tmp_path / "job").mkdir()
    with running_shim(tmp_path / "job" / "read", "FUNCTION", function(work)) as running:
        running.reports.close()
        running.process.wait(30)

        assert shim.outcome.read_json(running.folder / "outcome.json") == {
            "status": "SUCCEEDED",
            "result": "done",
        }


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"not json", {}),
        (b"[1]", {}),
        (b'{"progress": "0.5", "done": true, "message": 3}', {}),
        (b'{"progress": NaN, "done": Infinity}', {}),
        (b'{"progress": 7, "done": 2, "total": 4}', {"progress": 1.0, "done": 2.0, "total": 4.0}),
        (b'{"message": "\\ud800!", "unknown": 1}', {"message": "?!"}),
    ],
)
def test_only_what_can_be_used_of_a_report_is_passed_on(line: bytes, kept: dict[str, Any]) -> None:
    assert shim._read_report(line) == kept


def test_the_shim_loads_the_standard_library_only(tmp_path: Path) -> None:
    code = "import sys, jupyter_jobs.worker.shim; print(*{name.partition('.')[0] for name in sys.modules})"
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = set(listed.stdout.split()) - sys.stdlib_module_names
    assert {
        name for name in loaded if not name.startswith(("_", "jupyter_jobs", "distutils"))
    } == set()
