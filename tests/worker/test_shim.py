from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from jupyter_jobs.worker import current_job, shim
from jupyter_jobs.worker.logfile import LogReader
from jupyter_jobs.worker.metrics import MetricsReader
from jupyter_jobs.worker.processes import present_boot
from jupyter_jobs.worker.runners import Work
from tests.support.shim import function, run_shim, running_shim

PRINTED: dict[str, str] = json.loads((Path(__file__).parent / "printed.json").read_text())

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


def test_a_program_keeps_files_where_a_function_would(tmp_path: Path) -> None:
    run_shim(tmp_path / "job", "COMMAND", {"shell": 'echo kept > "$JUPYTER_JOBS_FILES/notes"'})

    assert (tmp_path / "job" / "files" / "notes").read_text() == "kept\n"


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

        while running.processes():  # they were sent SIGKILL, and die when the system comes to it
            time.sleep(0.01)


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


def test_a_series_is_kept_and_told_in_short_and_its_last_point_arrives(tmp_path: Path) -> None:
    def work() -> None:
        for step in range(2000):
            current_job().metrics(loss=1 / (step + 1), step=step)
            time.sleep(0.0005)

    with running_shim(tmp_path / "job", "FUNCTION", function(work)) as running:
        reports = running.remaining()

    points = MetricsReader(tmp_path / "job" / "metrics").page(limit=5000).points
    assert [point.step for point in points] == list(range(2000))
    assert reports[-1]["metrics"]["loss"]["last"] == points[-1].values["loss"] == 1 / 2000
    assert len(reports) < 100


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    rules = {"timeout": 0.5}
    with running_shim(
        tmp_path / "job", "COMMAND", {"shell": "echo here; exec sleep 600"}, rules=rules
    ) as running:
        outcome = running.outcome()

        assert outcome == {
            "status": "TIMED_OUT",
            "error": {"type": "TimedOut", "message": "ran longer than 0.5 s", "log": ["here"]},
        }
        assert running.processes() == set()


def test_a_run_that_takes_too_long_and_ignores_term_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    with running_shim(
        tmp_path / "job",
        "COMMAND",
        {"args": [sys.executable, str(script)]},
        grace=0.3,
        rules={"timeout": 2},
    ) as running:
        outcome = running.outcome()

        assert (outcome["status"], outcome["error"]["message"]) == (
            "TIMED_OUT",
            "ran longer than 2 s",
        )
        assert running.processes() == set()


def test_a_function_that_takes_too_long_cleans_up(tmp_path: Path) -> None:
    def work(mark: str) -> None:
        try:
            time.sleep(600)
        finally:
            Path(mark).write_text("clean")

    mark = tmp_path / "mark"
    outcome = run_shim(
        tmp_path / "job", "FUNCTION", function(work, str(mark)), rules={"timeout": 2}
    )

    assert outcome["status"] == "TIMED_OUT"
    assert mark.read_text() == "clean"


def test_a_run_that_ends_in_time_knows_nothing_of_its_limit(tmp_path: Path) -> None:
    outcome = run_shim(
        tmp_path / "job", "COMMAND", {"shell": "sleep 0.1 & true"}, rules={"timeout": 0.4}
    )

    assert outcome == {"status": "SUCCEEDED", "result": 0}


@pytest.mark.parametrize("limit", [None, 0, -1, True, "5"])
def test_what_is_no_limit_limits_nothing(limit: object, tmp_path: Path) -> None:
    work = Work("id", "COMMAND", "", None, {}, tmp_path, rules={"timeout": limit})

    assert shim.time_limit(work) == math.inf


def test_another_run_goes_on_with_log_metrics_and_files_and_forgets_the_rest(
    tmp_path: Path,
) -> None:
    def work(run: int) -> None:
        current_job().metrics(run=run)
        with (current_job().dir / "notes").open("a") as notes:
            notes.write(f"{run}")
        print(f"this is run {run}")  # noqa: T201  # what a job prints is its log
        if run == 1:
            raise ValueError("bad day")
        os._exit(7)

    folder, rules = tmp_path / "job", {"retries": 2}
    first = run_shim(folder, "FUNCTION", function(work, 1), rules=rules, run=1)
    (folder / "reports").unlink()
    second = run_shim(folder, "FUNCTION", function(work, 2), rules=rules, run=2)

    assert first["error"]["message"] == "bad day"
    assert (second["run"], second["error"]["exitCode"]) == (2, 7)
    assert log_of(folder) == ["this is run 1", "--- run 2 of 3 ---", "this is run 2"]
    points = MetricsReader(folder / "metrics").page().points
    assert [(point.seq, point.values) for point in points] == [(1, {"run": 1}), (2, {"run": 2})]
    assert (folder / "files" / "notes").read_text() == "12"


def test_a_program_that_the_work_starts_reports_too(tmp_path: Path) -> None:
    code = "from jupyter_jobs import current_job; current_job().progress(3, 4, 'from below')"

    with running_shim(
        tmp_path / "job", "FUNCTION", function(subprocess.run, [sys.executable, "-c", code])
    ) as running:
        reports = running.remaining()

    assert reports[-1]["message"] == "from below"


def test_a_program_of_any_language_reports_by_lines(tmp_path: Path) -> None:
    script = """
    echo before
    echo '::job {"done": 3, "total": 10, "message": "on it", "metrics": {"loss": 0.2}, "step": 3}'
    echo '::job nonsense'
    echo after
    """
    with running_shim(tmp_path / "job", "COMMAND", {"shell": script}) as running:
        reports = running.remaining()

    told = {name: value for report in reports for name, value in report.items()}
    assert told == {
        "done": 3.0,
        "total": 10.0,
        "progress": 0.3,
        "message": "on it",
        "metrics": {"loss": {"last": 0.2, "spark": [0.2]}},
    }
    assert log_of(tmp_path / "job") == ["before", "::job nonsense", "after"]
    assert MetricsReader(tmp_path / "job" / "metrics").page().points[0].step == 3


@pytest.mark.parametrize(("name", "total"), [("tqdm_nested", 3.0), ("tqdm_desc", 30.0)])
def test_a_bar_that_is_printed_is_the_jobs_progress(
    tmp_path: Path, name: str, total: float
) -> None:
    (tmp_path / "printed").write_bytes(PRINTED[name].encode())
    with running_shim(
        tmp_path / "job", "COMMAND", {"shell": f"cat {tmp_path}/printed >&2"}
    ) as running:
        reports = running.remaining()

    assert (reports[-1]["progress"], reports[-1]["total"]) == (1.0, total)


def test_what_the_work_says_itself_is_not_replaced_by_a_bar(tmp_path: Path) -> None:
    def work() -> None:
        current_job().progress(1, 4)
        print(" 45%|####5     | 45/100 [00:04<00:05,  9.98it/s]")  # noqa: T201  # a bar

    with running_shim(tmp_path / "job", "FUNCTION", function(work)) as running:
        reports = running.remaining()

    assert reports[-1]["progress"] == 0.25


def test_work_that_cannot_be_begun_is_not_begun_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    (folder / "shim.part").mkdir(parents=True)  # where it would say who it is
    with running_shim(folder, "COMMAND", {"shell": "touch begun"}) as running:
        reports = running.remaining()

    assert reports == [{"unbegun": "Is a directory", "errno": errno.EISDIR}]
    assert {path.name for path in folder.iterdir()} <= {"job.json", "reports", "said", "shim.part"}


def test_the_shim_says_who_it_is_for_whoever_comes_later(tmp_path: Path) -> None:
    with running_shim(tmp_path / "job", "COMMAND", {"shell": "echo ready; sleep 600"}) as running:
        running.message("ready")
        told = json.loads((tmp_path / "job" / "shim.json").read_bytes())
        started = psutil.Process(told["pid"]).create_time()
        running.cancel()
        running.outcome()

    ticks = os.sysconf("SC_CLK_TCK")
    assert told["boot"] == present_boot()
    assert told["started"] / ticks == pytest.approx(started - psutil.boot_time(), abs=2)


def test_a_job_has_as_many_files_open_as_it_is_told(tmp_path: Path) -> None:
    line = "ulimit -S -n"
    with running_shim(tmp_path / "job", "COMMAND", {"shell": line}, open_files=321) as running:
        reports = running.remaining()

    assert reports[-1]["message"] == "321"


def test_the_shim_loads_the_standard_library_only(tmp_path: Path) -> None:
    code = "import sys, jupyter_jobs.worker.shim; print(*{name.partition('.')[0] for name in sys.modules})"
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = set(listed.stdout.split()) - sys.stdlib_module_names
    assert {
        name for name in loaded if not name.startswith(("_", "jupyter_jobs", "distutils"))
    } == set()
