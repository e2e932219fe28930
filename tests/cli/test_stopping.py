import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.cli import main
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    data_folder,
    ensure_backend,
    process_started_at,
)
from jupyter_jobs.jobs.operations import GET_JOB, SUBMIT_JOB
from tests.cli.conftest import Shell
from tests.support.backend import PATIENCE_S, RunningBackend

Capture = pytest.CaptureFixture[str]


def submit(backend: RunningBackend, id_: str, shell: str) -> dict[str, Any]:
    payload = json.dumps({"shell": shell})
    given = {"id": id_, "request": id_, "kind": "COMMAND", "payload": payload}
    return backend.execute(SUBMIT_JOB, {"input": given})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(backend: RunningBackend, count: int = 1) -> bool:
    return backend.stats()["jobs"].get("RUNNING") == count


def test_stop_ends_the_backend_of_this_machine(started_backends_end: None, capsys: Capture) -> None:
    backend = ensure_backend()

    assert main(["stop"]) == 0
    assert capsys.readouterr().out == (
        f"stopped the backend, process {backend.pid}; jobs that run go on\n"
    )
    assert process_started_at(backend.pid) != backend.started
    assert main(["stop"]) == 0
    assert capsys.readouterr().out == "no backend is running\n"
    assert main(["stop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": None}


def test_stop_is_of_one_folder_and_does_not_wait_for_ever(
    own_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(own_backend.data_dir / "runtime"))
    assert main(["stop"]) == 0
    assert capsys.readouterr().out == "no backend is running\n"
    words = ["stop", "--data-dir", str(own_backend.data_dir), "--json"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", lambda *_: None)
        assert main([*words, "--timeout", "0.1"]) == 124
    assert "was asked to end and has not yet" in capsys.readouterr().err

    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": own_backend.pid}


def test_a_drain_takes_nothing_new_and_waits_for_what_is_live(
    own_backend: RunningBackend, own_shell: Shell, tmp_path: Path
) -> None:
    submit(own_backend, "long", f"until [ -e {tmp_path}/go ]; do sleep 0.05; done")
    until(lambda: runs(own_backend))

    with own_shell.started("stop", "--drain") as stopping:
        assert stopping.stdout is not None
        assert stopping.stdout.readline() == "waiting for 1 live job: long (running)\n"
        refused = submit(own_backend, "late", "true")
        again = submit(own_backend, "long", f"until [ -e {tmp_path}/go ]; do sleep 0.05; done")
        (tmp_path / "go").touch()
        said, _ = stopping.communicate(timeout=PATIENCE_S)

    assert refused["errors"][0]["errorType"] == "Draining"
    assert "jupyter-jobs stop" in refused["errors"][0]["message"]
    assert again["data"]["submitJob"]["id"] == "long"  # its answer might have been lost
    assert stopping.returncode == 0
    assert said.endswith(
        f"stopped the backend, process {own_backend.pid}; 1 live job had ended before\n"
    )
    assert own_backend.process.wait(PATIENCE_S) == 0


def test_a_drain_that_takes_too_long_says_what_it_waits_for(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    for name in ("one", "two", "three", "four"):
        submit(own_backend, name, "sleep 60")
    until(lambda: runs(own_backend, min(4, os.cpu_count() or 1)))

    code, out, err = own_shell("stop", "--drain", "--timeout", "0.3")

    assert code == 124
    assert out.startswith("waiting for 4 live jobs: one (running), two (")
    assert "it waits for 4 live jobs: one (running)" in err
    assert "jupyter-jobs stop ends it now, and they go on" in err
    assert own_backend.stats()["draining"] is True
    assert own_shell("stop")[0] == 0
    assert own_backend.process.wait(PATIENCE_S) == 0


def test_cancel_asks_first_and_then_cancels_all_that_is_live(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    for number in range(6):
        submit(own_backend, f"job-{number}", "sleep 60")
    until(lambda: "RUNNING" in own_backend.stats()["jobs"])

    with own_shell.on_terminal("stop", "--cancel") as terminal:
        terminal.until("Cancel 6 live jobs and end the backend? [y/N]")
        terminal.type("n\n")
        refused = terminal.exit_code()
    unasked = own_shell("stop", "--cancel")
    live_before = own_backend.stats()["live"]
    code, out, _ = own_shell("stop", "--cancel", "--yes")

    assert refused == 2
    assert unasked == (
        *(2, ""),
        "jupyter-jobs: this would cancel 6 live jobs and end the backend: say --yes, for nobody is here to be asked\n",
    )
    assert (live_before, code) == (6, 0)
    assert out.endswith(f"stopped the backend, process {own_backend.pid}; cancelled 6 live jobs\n")
    assert own_backend.process.wait(PATIENCE_S) == 0


def test_a_job_that_is_cancelled_so_says_why(started_backends_end: None, capsys: Capture) -> None:
    first = running(ensure_backend())
    submit(first, "told", "sleep 60")
    until(lambda: runs(first))

    assert main(["stop", "--cancel", "--yes", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {"stopped": first.process}
    job = running(ensure_backend()).execute(GET_JOB, {"id": "told"})["data"]["getJob"]
    assert job["status"] == "CANCELLED"
    assert json.loads(job["error"]) == {"message": "cancelled by jupyter-jobs stop --cancel"}


def running(backend: EmbeddedBackend) -> RunningBackend:
    """The embedded backend, as tests ask one; `process` is its number."""
    return RunningBackend(backend.http, backend.realtime, backend.key, data_folder(), backend.pid)  # type: ignore[arg-type]


def test_a_drain_with_nothing_to_wait_for_ends_at_once(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    code, out, _ = own_shell("stop", "--drain")

    assert (code, out) == (0, f"stopped the backend, process {own_backend.pid}; no job was live\n")


def test_a_kernel_that_submits_to_a_draining_backend_is_told_what_to_do(
    started_backends_end: None, capsys: Capture
) -> None:
    backend = running(ensure_backend())
    submit(backend, "long", "sleep 60")
    until(lambda: runs(backend))
    assert main(["stop", "--drain", "--timeout", "0.1"]) == 124
    capsys.readouterr()

    code = main(["submit", "--", "true"])

    assert code == 4
    assert "it takes no new jobs and waits for those that are live" in capsys.readouterr().err
    assert main(["stop"]) == 0


def test_one_that_is_held_is_told_with_what_lets_it_go_on(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    os.kill(own_backend.pid, signal.SIGSTOP)

    code, out, err = own_shell("stop")
    os.kill(own_backend.pid, signal.SIGCONT)

    assert (code, out) == (4, "")
    assert f"kill -CONT {own_backend.pid}" in err


def test_one_of_another_host_is_not_ended_from_here(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    [file] = (own_backend.data_dir / "runtime").glob("jupyter-jobs-*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"host": "far-away"}))

    code, _, err = own_shell("stop")

    assert code == 4
    assert "runs on the host far-away" in err
    assert own_backend.stats()["live"] == 0


def test_drain_and_cancel_are_not_said_together(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["stop", "--drain", "--cancel"])

    assert raised.value.code == 2


def test_whoever_interrupts_a_drain_is_told_that_it_goes_on(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    submit(own_backend, "long", "sleep 60")
    until(lambda: runs(own_backend))

    with own_shell.started("stop", "--drain") as stopping:
        assert stopping.stdout is not None
        stopping.stdout.readline()
        stopping.send_signal(signal.SIGINT)
        _, err = stopping.communicate(timeout=PATIENCE_S)

    assert stopping.returncode == 130
    assert err == (
        "jupyter-jobs: the backend goes on with that: it takes no new jobs, and ends by itself\n"
    )
    assert own_backend.stats()["draining"] is True
