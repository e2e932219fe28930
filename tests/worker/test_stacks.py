from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_jobs.jobs.tracebacks import remote_frames
from jupyter_jobs.worker.stacks import forget_stack, read_stack
from tests.support.shim import function, run_shim

LIMIT_S = 6  # work has begun by then, however busy the machine is
BEGIN = """
import os, signal, sys
from pathlib import Path
from jupyter_jobs.worker.stacks import keep_stack

def fit():
    os.kill(os.getpid(), signal.SIGTERM)

def train():
    fit()

signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
keep_stack(Path(sys.argv[1]))
"""


def run(folder: Path, script: str) -> int:
    file = folder / "script.py"
    file.write_text(BEGIN + script)
    return subprocess.run([sys.executable, str(file), str(folder)], check=False).returncode


def test_where_the_work_was_is_kept_and_then_it_ends_as_it_would(tmp_path: Path) -> None:
    status = run(tmp_path, "train()")

    frames = remote_frames(read_stack(tmp_path))
    assert status == 3
    assert [frame.name for frame in frames] == ["<module>", "train", "fit"]
    assert frames[-1].source == ["os.kill(os.getpid(), signal.SIGTERM)"]
    assert {frame.file for frame in frames} == {str(tmp_path / "script.py")}


def test_a_process_that_the_work_forks_tells_nothing_of_itself(tmp_path: Path) -> None:
    status = run(
        tmp_path,
        "child = os.fork()\n"
        "if child == 0:\n    train()\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
    )

    assert status == 3
    assert read_stack(tmp_path) == ""


def test_nor_is_a_handler_taken_from_it_that_the_work_has_set(tmp_path: Path) -> None:
    status = run(
        tmp_path,
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "child = os.fork()\n"
        "if child == 0:\n    train()\n    os._exit(4)\n"
        "sys.exit(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
    )

    assert status == 15


def test_it_is_told_of_a_run_that_takes_too_long_and_never_comes_back_to_python(
    tmp_path: Path,
) -> None:
    def deadlock() -> None:
        import ctypes

        lock = ctypes.PyDLL(None).pthread_mutex_lock  # no signal ends this call
        mutex = ctypes.create_string_buffer(64)
        for _ in range(2):
            lock(mutex)

    def train() -> None:
        deadlock()

    outcome = run_shim(
        tmp_path / "job", "FUNCTION", function(train), grace=0.2, rules={"timeout": LIMIT_S}
    )

    error: dict[str, Any] = outcome["error"]
    assert (outcome["status"], error["type"]) == ("TIMED_OUT", "TimedOut")
    assert [frame.name for frame in remote_frames(error["traceback"])] == ["train", "deadlock"]
    assert error["traceback"].splitlines()[-1] == f"TimedOut: ran longer than {LIMIT_S} s"
    assert not (tmp_path / "job" / "work.json").exists()  # it was killed


def test_without_a_limit_nothing_is_kept(tmp_path: Path) -> None:
    run_shim(tmp_path / "job", "FUNCTION", function(len, "abc"))

    assert not (tmp_path / "job" / "stack.txt").exists()


def test_what_is_no_stack_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "stack.txt").write_bytes(b'\xff\nnothing\n  File "x", line 1 in f\n')

    assert read_stack(tmp_path) == ""


def test_the_stack_of_an_earlier_run_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "stack.txt").write_text('Thread:\n  File "x", line 1 in f\n')
    before = read_stack(tmp_path)
    forget_stack(tmp_path)
    forget_stack(tmp_path)

    assert 'File "x", line 1, in f' in before
    assert read_stack(tmp_path) == ""
