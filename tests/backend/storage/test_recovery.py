"""Jobs whose rows are gone, with backends, processes and folders that are real."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB, JOB_LOGS, JOB_RESULT, LIST_JOBS
from jupyter_jobs.worker.processes import Process, present_boot
from tests.backend.running.test_runner import ask, ended, says, submit, wait
from tests.support.backend import RunningBackend, running_backend
from tests.support.shim import function


@contextlib.contextmanager
def restarted_without_rows(first: RunningBackend) -> Iterator[RunningBackend]:
    """The next backend on the folder of one that was killed, after its database was spoilt."""
    first.process.kill()
    first.process.wait()
    path = first.data_dir / "jobs.sqlite"
    path.write_bytes(os.urandom(path.stat().st_size))
    path.with_name("jobs.sqlite-wal").unlink(missing_ok=True)
    with running_backend(first.data_dir) as second:
        yield second


def test_jobs_go_on_when_their_rows_are_lost(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    line = f"echo before; until test -e {gate}; do sleep 0.02; done; echo after"
    about = {"group": "g", "name": "train", "priority": "HIGH", "tags": ["x"], "key": "k"}
    work = function(lambda: [1, 2])
    with running_backend(tmp_path / "backend") as first:
        done = submit(first, "FUNCTION", work, **about, params='{"n": 1}')
        before = ended(first, done)
        large = submit(first, "FUNCTION", function(lambda: b"x" * 100_000))
        ended(first, large)
        failed = submit(first, "COMMAND", {"shell": "exit 3"})
        ended(first, failed)
        runs = submit(first, "COMMAND", {"shell": line}, group="g")
        seen = wait(first, runs, says("before"))
        with restarted_without_rows(first) as second:
            running = ask(second, GET_JOB, id=runs)
            gate.touch()
            after = ended(second, runs)
            again = {id_: ask(second, GET_JOB, id=id_) for id_ in (done, large, failed)}
            listed = ask(second, LIST_JOBS, group="g")["items"]
            result = ask(second, JOB_RESULT, id=large)
            lines = [line["text"] for line in ask(second, JOB_LOGS, id=runs)["lines"]]
            ours = {**about, "request": "a test"}
            same = submit(second, "FUNCTION", work, **about, params='{"n": 1}')

    told = {name: again[done][name] for name in (*ours, "kind", "status", "createdAt", "attempt")}
    assert told == {name: before[name] for name in told}
    assert json.loads(again[done]["params"]) == {"n": 1}
    assert json.loads(again[done]["result"]) == [1, 2]
    assert again[done]["startedAt"] <= again[done]["finishedAt"]
    assert (again[large]["status"], result["encoding"]) == ("SUCCEEDED", "pickle")
    assert json.loads(again[failed]["error"])["exitCode"] == 3
    assert running["status"] == "RUNNING"
    assert running["version"] > seen["version"]
    assert (after["status"], lines) == ("SUCCEEDED", ["before", "after"])
    assert [job["id"] for job in listed] == [runs, done]
    assert same == done


def test_a_job_that_was_taken_up_can_be_cancelled(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as first:
        runs = submit(first, "COMMAND", {"shell": "echo ready; sleep 600"})
        wait(first, runs, says("ready"))
        with restarted_without_rows(first) as second:
            ask(second, CANCEL_JOB, id=runs)

            assert ended(second, runs)["status"] == "CANCELLED"


def test_a_run_that_failed_is_followed_by_the_next_though_its_row_is_lost(tmp_path: Path) -> None:
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    line = f"echo run >> {runs}; until test -e {gate}; do sleep 0.02; done; exit 3"
    rules = json.dumps({"retries": 1, "backoff": 0.1})
    with running_backend(tmp_path / "backend") as first:
        id_ = submit(first, "COMMAND", {"shell": line}, rules=rules)
        shim = first.data_dir / "jobs" / id_ / "shim.json"
        wait(first, id_, lambda job: job["status"] == "RUNNING" and shim.exists())
        process = psutil.Process(json.loads(shim.read_bytes())["pid"])
        first.process.kill()
        first.process.wait()
        gate.touch()
        psutil.wait_procs([process])
        with restarted_without_rows(first) as second:
            job = ended(second, id_)

    assert job["status"] == "FAILED"
    assert len(json.loads(job["history"])) == 1
    assert runs.read_text() == "run\n" * 2


WORK: dict[str, Any] = {"id": "a", "kind": "COMMAND", "request": "r", "params": None, "run": 1}


def folder(tmp_path: Path, name: str = "a", **files: Any) -> Path:
    made = tmp_path / "jobs" / name
    made.mkdir(parents=True)
    for file, value in files.items():
        (made / f"{file}.json").write_text(json.dumps(value))
    return made


def taken_up(tmp_path: Path) -> tuple[dict[str, Any] | None, tuple[str, ...], Repository]:
    repository = Repository(tmp_path / "jobs.sqlite")
    body = repository.get("a")
    repository.close()
    return body, repository.notices, repository


def test_what_was_prepared_and_not_begun_waits_for_its_turn(tmp_path: Path) -> None:
    folder(tmp_path, job={**WORK, "payload": {"shell": "true"}, "rules": {"retries": 2}})

    body, notices, _ = taken_up(tmp_path)

    assert body is not None
    assert (body["status"], body["name"], body["rules"]) == ("QUEUED", "r", '{"retries": 2}')
    assert "1 job was not in the database any more" in notices[0]
    assert taken_up(tmp_path)[1] == ()


def test_what_an_earlier_release_has_left_is_taken_up_as_far_as_it_says(tmp_path: Path) -> None:
    outcome = {"status": "SUCCEEDED", "result": 5}
    folder(tmp_path, job={**WORK, "payload": {}}, shim={"pid": 1}, outcome=outcome)

    body, _, _ = taken_up(tmp_path)

    assert body is not None
    assert (body["status"], body["result"], body["group"]) == ("SUCCEEDED", "5", None)
    assert body["createdAt"] <= body["startedAt"] <= body["finishedAt"]


def test_an_end_that_no_event_can_carry_is_told_in_short(tmp_path: Path) -> None:
    error = {"type": "E", "message": "m" * 5000, "traceback": "t" * 300_000}
    outcome = {"status": "FAILED", "error": error}
    shim = {"pid": 1, "started": 5, "boot": present_boot()}
    folder(tmp_path, job={**WORK, "payload": {}}, shim=shim, outcome=outcome)

    body, _, _ = taken_up(tmp_path)

    assert body is not None
    assert len(json.loads(body["error"])["message"]) == 500


@pytest.mark.parametrize(
    "job",
    [None, [], {}, {**WORK, "id": "other"}, {"id": "a"}, {**WORK, "job": 1}],
    ids=repr,
)
def test_a_folder_that_says_too_little_is_left_alone(tmp_path: Path, job: Any) -> None:
    left = folder(tmp_path, **({} if job is None else {"job": job}))
    (tmp_path / "jobs" / "a file").touch()

    body, notices, _ = taken_up(tmp_path)

    assert (body, notices) == (None, ())
    assert left.exists()


def test_jobs_are_taken_up_in_the_order_of_their_times(tmp_path: Path) -> None:
    for name, hour in (("c", 3), ("a", 1), ("b", 2)):
        about = {"createdAt": f"2026-11-23T0{hour}:00:00.000Z", "tags": ["x"]}
        folder(tmp_path, name, job={**WORK, "id": name, "payload": {}, "job": about})

    with contextlib.closing(Repository(tmp_path / "jobs.sqlite")) as repository:
        listed, _ = repository.page(None, None, 10, None, tag="x")

    assert [body["id"] for body in listed] == ["c", "b", "a"]


def test_a_job_with_a_row_is_what_its_row_says(tmp_path: Path) -> None:
    with contextlib.closing(Repository(tmp_path / "jobs.sqlite")) as repository:
        repository.insert({"id": "a", "request": "mine"}, None)
    folder(tmp_path, job={**WORK, "payload": {}})

    body, notices, _ = taken_up(tmp_path)

    assert body is not None
    assert (body["request"], notices) == ("mine", ())


def test_a_row_that_is_behind_its_folder_gets_the_runs_that_it_has_lost(tmp_path: Path) -> None:
    with contextlib.closing(Repository(tmp_path / "jobs.sqlite")) as repository:
        for id_ in ("a", "b"):
            repository.insert({"id": id_, "request": "r"}, None)
        repository.update("a", {"status": "RUNNING"})
        repository.set_process("a", Process(1, 2, "b"))
    history = json.dumps([{"error": "E: first"}])
    folder(tmp_path, job={**WORK, "run": 2, "payload": {}, "job": {"history": history}})
    folder(tmp_path, "b", job={**WORK, "id": "b", "run": 1, "payload": {}})

    with contextlib.closing(Repository(tmp_path / "jobs.sqlite")) as repository:
        behind, level = (repository.get(id_) for id_ in ("a", "b"))
        process = repository.process("a")

    assert behind is not None
    assert level is not None
    assert (behind["status"], behind["history"], process) == ("QUEUED", history, None)
    assert behind["version"] > 1000
    assert (level["version"], level["history"]) == (1, None)
