"""A backend that is killed between any two steps, and the next one on the same folder."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cloudpickle
import psutil
import pytest

from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB
from jupyter_jobs.worker.job import current_job
from tests.backend.running.test_runner import ask, ended, submit, tree_of, wait
from tests.backend.running.test_runner_rules import (
    fails_until,
    history,
    shell,
    waits_for_another_run,
)
from tests.support.backend import PATIENCE_S, running_backend
from tests.support.scripted_backend import dying_at, scripted_backend

STEPS = [
    ("before", "prepare", 1),
    ("after", "prepare", 1),
    ("after", "launch", 1),
    ("after", "set_process", 1),
    ("before", "requeue", 1),
    ("after", "requeue", 1),
    ("before", "prepare", 2),
    ("after", "prepare", 2),
    ("after", "launch", 2),
    ("after", "set_process", 2),
]


def _sleep() -> None:
    current_job().message("ready")
    time.sleep(600)


def _start_and_sleep() -> None:
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    _sleep()


WORKS: Mapping[str, Callable[[], None]] = {
    "sleep": _sleep,
    "sleep and what it started": _start_and_sleep,
}


@pytest.mark.parametrize(("when", "step", "call"), STEPS)
def test_each_run_is_run_once_whatever_step_the_backend_dies_at(
    tmp_path: Path, when: str, step: str, call: int
) -> None:
    data_dir, file = tmp_path / "backend", tmp_path / "runs"
    rules = json.dumps({"retries": 1, "backoff": 0.1})
    with scripted_backend(data_dir, dying_at(when, step, call)) as first:
        payload = json.dumps({"shell": fails_until(2, file)})
        # The answer may be lost with the backend, the job is not: it is submitted by its id.
        given = {"id": "once", "request": "r", "kind": "COMMAND", "payload": payload}
        try:
            submit(first, "COMMAND", json.loads(payload), id=given["id"], rules=rules)
        except OSError:
            pass
        first.process.wait(PATIENCE_S)
        with running_backend(data_dir) as second:
            job = ended(second, "once")

    assert job["status"] == "SUCCEEDED"
    assert len(history(job)) == 1
    assert file.read_text() == "run\n" * 2


def test_a_delay_between_runs_goes_on_from_its_time(tmp_path: Path) -> None:
    data_dir = tmp_path / "backend"
    with running_backend(data_dir) as first:
        id_ = shell(first, "exit 3", rules={"retries": 1, "backoff": 300})
        before = wait(first, id_, waits_for_another_run)
        first.process.kill()
        first.process.wait()
        with running_backend(data_dir) as second:
            after = ask(second, GET_JOB, id=id_)
            cancelled = ask(second, CANCEL_JOB, id=id_)

    assert after == before
    assert cancelled["status"] == "CANCELLED"


def test_jobs_that_wait_for_others_do_so_under_the_next_backend(tmp_path: Path) -> None:
    data_dir, gate = tmp_path / "backend", tmp_path / "gate"
    line = f"until test -e {gate}; do sleep 0.02; done; exit 3"
    with running_backend(data_dir) as first:
        id_ = shell(first, line, name="prepare", rules={"retries": 1, "backoff": 0})
        wait(first, id_, lambda job: job["status"] == "RUNNING")
        later = shell(first, "true", after=[id_])
        last = shell(first, "true", after=[later])
        first.process.kill()
        first.process.wait()
        gate.touch()
        with running_backend(data_dir) as second:
            jobs = [ended(second, each) for each in (id_, later, last)]

    assert [job["status"] for job in jobs] == ["FAILED", "CANCELLED", "CANCELLED"]
    assert len(history(jobs[0])) == 1
    assert json.loads(jobs[2]["error"])["message"].startswith(
        "prepare failed: ended with exit code 3"
    )


def test_a_cascade_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    data_dir = tmp_path / "backend"
    with scripted_backend(data_dir, dying_at("after", "describe_dependency", 1)) as first:
        ids = [shell(first, "sleep 0.3; exit 3", name="prepare")]
        for _ in range(3):
            ids.append(shell(first, "true", after=[ids[-1]]))
        first.process.wait(PATIENCE_S)
        with running_backend(data_dir) as second:
            jobs = [ended(second, id_) for id_ in ids[1:]]

    assert [job["status"] for job in jobs] == ["CANCELLED"] * 3
    assert {json.loads(job["error"])["message"] for job in jobs} == {
        "prepare failed: ended with exit code 3"
    }


@pytest.mark.parametrize("work", ["sleep", "sleep and what it started"])
def test_work_whose_shim_was_killed_meanwhile_is_ended_by_the_next(
    tmp_path: Path, work: str
) -> None:
    data_dir = tmp_path / "backend"
    with running_backend(data_dir) as first:
        call = base64.b64encode(cloudpickle.dumps((WORKS[work], (), {}))).decode()
        id_ = submit(first, "FUNCTION", {"function": call})
        wait(first, id_, lambda job: job["message"] == "ready")
        shim, tree = tree_of(first, id_)
        first.process.kill()
        first.process.wait()
        shim.kill()
        with running_backend(data_dir) as second:
            job = ended(second, id_)
            gone, left = psutil.wait_procs(tree, PATIENCE_S)

    assert job["status"] == "LOST"
    assert gone
    assert left == []
