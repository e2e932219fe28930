import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_jobs.backend import server
from jupyter_jobs.backend.realtime.session import Timing
from jupyter_jobs.cli import main
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend

Capture = pytest.CaptureFixture[str]


def test_serve_tells_where_it_is_and_ends_well(tmp_path: Path) -> None:
    with running_backend(tmp_path / "jobs") as backend:  # it has read the line of JSON
        assert backend.request("/stats")["connections"] == 0
        assert backend.realtime.startswith("ws://127.0.0.1:")

        assert backend.end() == 0


def test_serve_hands_its_limits_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[server.Options] = []

    def serve(options: server.Options) -> int:
        served.append(options)
        return 7

    monkeypatch.setattr(server, "serve", serve)
    limits = ["--keep-alive", "2.5", "--connection-timeout", "9.5", "--max-subscriptions", "3"]
    files = ["--auth", str(tmp_path / "auth.json"), "--faults", str(tmp_path / "faults.json")]

    assert main(["serve", *limits, *files]) == 7
    assert main(["serve"]) == 7
    assert served[0].timing == Timing(
        keep_alive_s=2.5, connection_timeout_ms=9_500, max_subscriptions=3
    )
    assert (served[0].auth, served[0].faults) == (tmp_path / "auth.json", tmp_path / "faults.json")
    assert served[1] == server.Options()


def test_a_limit_that_cannot_be_is_refused(capsys: Capture) -> None:
    assert main(["serve", "--max-age", "0"]) == 1
    assert capsys.readouterr().err == "jupyter-jobs: max_age_s must be more than 0, not 0.0\n"


def test_serve_ends_by_an_interrupt_too(tmp_path: Path) -> None:
    with running_backend(tmp_path / "jobs") as backend:
        backend.process.send_signal(signal.SIGINT)

        assert backend.process.wait(PATIENCE_S) == 0


def test_a_second_backend_for_a_folder_is_refused(own_backend: RunningBackend) -> None:
    second = subprocess.run(
        [
            *(sys.executable, "-m", "jupyter_jobs.cli", "serve"),
            *("--data-dir", str(own_backend.data_dir)),
        ],
        env={**os.environ, "JUPYTER_JOBS_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("jupyter-jobs: ")
    assert str(own_backend.data_dir) in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert own_backend.stats()["connections"] == 0
