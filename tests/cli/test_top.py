import json
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.cli import main
from jupyter_jobs.cli.loads import Load
from jupyter_jobs.cli.top import Sample, describe
from jupyter_jobs.jobs.operations import SUBMIT_JOB
from tests.cli.conftest import Shell
from tests.support.backend import RunningBackend, running_backend

BOUNDS = [0.001, 0.01, 0.1]


def sample(at: float, counts: list[int], loads: dict[str, Load], **more: Any) -> Sample:
    stats = {
        **dict.fromkeys(["pid", "since", "memory", "handles", "connections", "subscriptions"], 0),
        **dict.fromkeys(["submitted", "cpu", "database", "wal", "contract"], 0),
        "version": "",
        "draining": False,
        "notices": [],
        "jobs": {},
        "ended": {},
        "requests": {"bounds": BOUNDS, "counts": counts},
        **more,
    }
    return Sample(at, stats, loads)


def submit(backend: RunningBackend, id_: str, shell: str) -> None:
    payload = json.dumps({"shell": shell})
    given = {"id": id_, "request": id_, "name": id_, "kind": "COMMAND", "payload": payload}
    assert "errors" not in backend.execute(SUBMIT_JOB, {"input": given})
    while backend.stats()["jobs"].get("RUNNING") != 1:
        time.sleep(0.02)


def test_rates_are_of_what_happened_between_two_samples() -> None:
    old = sample(10.0, [1, 1, 1, 0], {"a": Load(5.0, 1, 1)}, submitted=4, cpu=1.0)
    load = {"a": Load(6.0, 10, 2), "b": Load(9.0, 20, 1)}
    new = sample(12.0, [9, 2, 1, 1], load, submitted=8, cpu=1.5, ended={"FAILED": 1, "LOST": 1})

    told = describe(old, new)

    assert told["rates"] == {"submitted": 2.0, "ended": 1.0, "requests": 5.0}
    assert told["latency"] == {"p50": 0.001, "p99": 0.1}
    assert told["backend"]["cpu"] == 0.25
    assert told["busiest"] == [
        {"id": "a", "cpu": 0.5, "memory": 10, "processes": 2},
        {"id": "b", "cpu": 0.0, "memory": 20, "processes": 1},  # it has only just begun
    ]


def test_a_single_sample_has_no_rates() -> None:
    only = sample(10.0, [3, 0, 0, 0], {"a": Load(5.0, 1, 1)}, submitted=4, cpu=9.0)

    told = describe(only, only)

    assert set(told["rates"].values()) == {0.0}
    assert told["latency"] == {"p50": None, "p99": None}
    assert told["busiest"][0]["cpu"] == told["backend"]["cpu"] == 0.0


def test_one_object_tells_of_the_backend_and_the_busiest_job(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    submit(own_backend, "spins", "while :; do :; done")

    code, out, err = own_shell("top", "--json", "--every", "0.5")

    told = json.loads(out)
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    assert told["backend"]["pid"] == own_backend.pid
    assert told["jobs"] == {"RUNNING": 1}
    [job] = told["busiest"]
    assert (job["id"], job["name"], job["processes"]) == ("spins", "spins", 1)
    assert job["cpu"] > 0
    assert job["memory"] > 1_000_000
    assert told["storage"]["free"] > 0


def test_where_nobody_looks_it_is_one_picture(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    submit(own_backend, "sleeps", "sleep 60")

    code, out, err = own_shell("top", "--every", "0.2")

    assert (code, err) == (0, "")
    assert f"process {own_backend.pid}" in out
    assert "◔ 1 running" in out
    assert "sleeps" in out.splitlines()[-1]
    assert "\x1b" not in out


def test_on_a_terminal_it_goes_on_until_the_backend_ends(
    own_backend: RunningBackend, own_shell: Shell
) -> None:
    with own_shell.on_terminal("top", "--every", "0.2") as terminal:
        terminal.until("none yet")
        submit(own_backend, "late", "sleep 60")
        terminal.until("1 running", "late")
        own_backend.end()

        assert terminal.exit_code() == 4
    assert "does not answer any more" in terminal.said


def test_without_a_backend_it_says_what_starts_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top"]) == 4

    assert "no backend is running: JobMonitor() and jupyter-jobs submit start it" in (
        capsys.readouterr().err
    )


def test_one_of_another_folder_is_told_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_backend(tmp_path / "other") as other:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "other" / "runtime"))

        code = main(["top", "--data-dir", str(tmp_path / "other"), "--json", "--every", "0.1"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["backend"]["pid"]) == (0, other.pid)
    assert told["storage"]["free"] > 0  # of that folder's disk: there is no other folder
