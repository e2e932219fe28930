from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import data_folder, ensure_backend, find_backend
from jupyter_jobs.jobs.starting import start
from tests.support.shim import function, run_shim

pytestmark = pytest.mark.usefixtures("started_backends_end")


def test_what_belongs_to_one_kernel_or_job_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("JUPYTER_JOBS_ID", "one")
    monkeypatch.setenv("JUPYTER_JOBS_OUTSIDE", "zero")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("MINE", "kept")

    environment = psutil.Process(ensure_backend().pid).environ()

    assert environment["MINE"] == "kept"
    assert environment["JUPYTER_JOBS_OUTSIDE"] == "zero one"
    assert {"JPY_PARENT_PID", "MPLBACKEND", "JUPYTER_JOBS_ID"} & environment.keys() == set()


def test_one_that_was_started_by_work_outlives_it(tmp_path: Path) -> None:
    def work() -> None:
        ensure_backend()
        os.kill(os.getpid(), signal.SIGKILL)  # its shim then kills what it has left

    outcome = run_shim(tmp_path / "job", "FUNCTION", function(work))
    backend = find_backend()

    assert outcome["error"]["signal"] == "SIGKILL"
    assert backend is not None
    os.kill(backend.pid, signal.SIGKILL)


def test_what_it_says_before_it_has_a_log_is_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("raise ImportError('half an installation')")
    monkeypatch.setenv("PYTHONPATH", f"{broken}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(BackendUnavailable, match="half an installation"):
        start(tmp_path, 30)


def test_one_that_takes_too_long_is_told_with_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "uvicorn.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", f"{slow}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(BackendUnavailable, match=r"within 0\.1 s: .*backend\.log may say why"):
        start(tmp_path, 0.1)


def test_its_log_goes_to_its_file_alone() -> None:
    ensure_backend()

    assert (data_folder() / "backend.err").read_text() == ""
    assert '"event": "ready at http' in (data_folder() / "backend.log").read_text()


def test_within_a_hub_it_belongs_to_the_server_that_started_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        monkeypatch.setenv("JPY_PARENT_PID", str(server.pid))

        words = psutil.Process(ensure_backend().pid).cmdline()

        server.kill()
    assert words[-2:] == ["--belongs-to", str(server.pid)]


def test_what_it_found_amiss_is_warned_of_once_where_it_was_started(
    recwarn: pytest.WarningsRecorder,
) -> None:
    data_folder().mkdir(parents=True)
    (data_folder() / "jobs.sqlite").write_bytes(b"this is no database" * 1000)

    backend = ensure_backend()
    ensure_backend()

    [warned] = [str(each.message) for each in recwarn]
    assert backend.notices
    assert warned == f"jupyter_jobs: {backend.notices[0]}"
