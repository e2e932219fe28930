from __future__ import annotations

import base64
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB, JOB_LOGS, JOB_RESULT, SUBMIT_JOB
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend
from tests.support.shim import function

ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "LOST"}


def ask(backend: RunningBackend, query: str, **variables: Any) -> Any:
    answer = backend.execute(query, variables)
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


def submit(backend: RunningBackend, kind: str, payload: dict[str, Any], **fields: Any) -> str:
    given = {"request": "a test", "kind": kind, "payload": json.dumps(payload), **fields}
    return str(ask(backend, SUBMIT_JOB, input=given)["id"])


def wait(
    backend: RunningBackend, id_: str, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask until the job is as wanted: another process runs it, and may be killed by the test."""
    deadline = time.monotonic() + PATIENCE_S
    while not wanted(job := ask(backend, GET_JOB, id=id_)):
        assert time.monotonic() < deadline, job
        assert job["status"] not in ENDED, job
        time.sleep(0.02)
    return job


def ended(backend: RunningBackend, id_: str) -> dict[str, Any]:
    return wait(backend, id_, lambda job: job["status"] in ENDED)


def says(text: str) -> Callable[[dict[str, Any]], bool]:
    return lambda job: job["status"] == "RUNNING" and job["message"] == text


def tree_of(backend: RunningBackend, id_: str) -> tuple[psutil.Process, list[psutil.Process]]:
    """The shim of a job, and everything under it."""
    shim = psutil.Process(json.loads((folder_of(backend, id_) / "shim.json").read_bytes())["pid"])
    return shim, shim.children(recursive=True)


def folder_of(backend: RunningBackend, id_: str) -> Path:
    return backend.data_dir / "jobs" / id_


def test_a_function_is_run_and_its_result_is_in_the_job(backend: RunningBackend) -> None:
    job = ended(backend, submit(backend, "FUNCTION", function(lambda a: [a, a], "x")))

    assert (job["status"], json.loads(job["result"])) == ("SUCCEEDED", ["x", "x"])
    assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"]
    kept = ask(backend, JOB_RESULT, id=job["id"])
    assert kept["encoding"] == "json"
    assert base64.b64decode(kept["data"]).decode() == job["result"]


def test_a_result_of_none_is_a_result(backend: RunningBackend) -> None:
    job = ended(backend, submit(backend, "FUNCTION", function(print)))

    assert job["status"] == "SUCCEEDED"
    assert ask(backend, JOB_RESULT, id=job["id"])["data"] == "bnVsbA=="


def test_a_result_that_no_event_can_carry_is_asked_for(backend: RunningBackend) -> None:
    job = ended(backend, submit(backend, "FUNCTION", function(lambda: b"x" * 1_000_000)))

    kept = ask(backend, JOB_RESULT, id=job["id"])
    data = base64.b64decode(kept["data"])
    assert (job["result"], job["resultSize"], kept["encoding"]) == (None, len(data), "pickle")
    assert pickle.loads(data) == b"x" * 1_000_000


def test_a_result_that_fits_only_without_the_parameters_is_asked_for(
    backend: RunningBackend,
) -> None:
    quotes = '"' * 16_000
    id_ = submit(backend, "FUNCTION", function(lambda: quotes), params=json.dumps('"' * 51_000))
    for _ in range(2):
        job = ended(backend, id_)

    kept = ask(backend, JOB_RESULT, id=id_)
    assert job["status"] == "SUCCEEDED"
    assert json.loads(base64.b64decode(kept["data"])) == quotes


def test_a_failure_is_in_the_job(backend: RunningBackend) -> None:
    job = ended(backend, submit(backend, "COMMAND", {"shell": "echo so far; exit 3"}))

    error = json.loads(job["error"])
    assert (job["status"], error["type"], error["exitCode"], error["log"]) == (
        "FAILED",
        "ExitCode",
        3,
        ["so far"],
    )
    assert ask(backend, JOB_RESULT, id=job["id"]) is None


def test_a_named_request_moves_and_ends(backend: RunningBackend) -> None:
    id_ = submit(
        backend, "REQUEST", {}, request="Process data", params='{"rows": 100, "seconds": 0.5}'
    )

    moving = wait(backend, id_, lambda job: 0 < (job["progress"] or 0) < 1)
    job = ended(backend, id_)

    assert moving["message"] == "Adding them up"
    assert (job["done"], job["total"], job["progress"], job["message"]) == (100, 100, 1, "Done")


def test_logs_are_read_while_they_grow_and_end_with_the_job(backend: RunningBackend) -> None:
    id_ = submit(backend, "COMMAND", {"shell": "echo one; echo two >&2; sleep 600"})
    wait(backend, id_, lambda job: job["message"] in ("one", "two"))

    growing = ask(backend, JOB_LOGS, id=id_)
    ask(backend, CANCEL_JOB, id=id_)
    ended(backend, id_)
    whole = ask(backend, JOB_LOGS, id=id_)

    assert not growing["ended"]
    assert whole["ended"]
    assert {(line["stream"], line["text"]) for line in whole["lines"]} == {
        ("stdout", "one"),
        ("stderr", "two"),
    }
    first, second = whole["lines"]
    assert ask(backend, JOB_LOGS, id=id_, after=first["seq"])["lines"] == [second]
    assert ask(backend, JOB_LOGS, id=id_, tail=1)["lines"] == [second]


def test_a_hundred_megabytes_of_output_are_paged_with_what_was_dropped(
    backend: RunningBackend,
) -> None:
    line = "0123456789" * 60
    id_ = submit(backend, "COMMAND", {"shell": f"yes {line} | head -c 100000000"})
    ended(backend, id_)

    seen, dropped, page = 0, 0, {"ended": False, "lines": []}
    while not page["ended"]:
        page = ask(backend, JOB_LOGS, id=id_, after=seen)
        dropped += page["dropped"]
        numbers = [each["seq"] for each in page["lines"]]
        assert numbers == list(range(seen + page["dropped"] + 1, numbers[-1] + 1))
        seen = numbers[-1]

    assert seen == -(-100_000_000 // 601)
    assert dropped > 0
    size = sum(path.stat().st_size for path in (folder_of(backend, id_) / "log").iterdir())
    assert size <= 10_500_000


def test_work_that_is_killed_failed_by_that_signal(backend: RunningBackend) -> None:
    id_ = submit(backend, "COMMAND", {"shell": "echo ready; exec sleep 600"})
    wait(backend, id_, says("ready"))
    for process in tree_of(backend, id_)[1]:
        process.kill()

    error = json.loads(ended(backend, id_)["error"])

    assert error["message"] == "killed by SIGKILL (perhaps out of memory)"


def test_work_whose_shim_is_killed_is_lost_and_ended(backend: RunningBackend) -> None:
    id_ = submit(backend, "COMMAND", {"shell": "echo ready; sleep 600"})
    wait(backend, id_, says("ready"))
    shim, tree = tree_of(backend, id_)
    shim.kill()

    job = ended(backend, id_)

    assert (job["status"], json.loads(job["error"])["type"]) == ("LOST", "Lost")
    assert tree
    assert psutil.wait_procs(tree, PATIENCE_S)[1] == []


def test_a_cancelled_job_is_cancelling_until_its_tree_is_gone(
    backend: RunningBackend, tmp_path: Path
) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if len(sys.argv) == 1: subprocess.Popen([sys.executable, sys.argv[0], 'child'])\n"
        "else: print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    id_ = submit(backend, "COMMAND", {"args": [sys.executable, str(script)]})
    wait(backend, id_, says("ready"))
    tree = tree_of(backend, id_)[1]

    asked = ask(backend, CANCEL_JOB, id=id_)
    alive = [process for process in tree if process.is_running()]
    job = ended(backend, id_)

    assert asked["status"] == "CANCELLING"
    assert len(alive) == len(tree) == 2
    assert job["status"] == "CANCELLED"
    assert not any(process.is_running() for process in tree)


def test_a_cancel_that_catches_the_shim_unprepared_is_a_cancel(backend: RunningBackend) -> None:
    id_ = submit(backend, "COMMAND", {"shell": "trap '' TERM; echo ready; sleep 600"})
    wait(backend, id_, says("ready"))
    shim, tree = tree_of(backend, id_)

    ask(backend, CANCEL_JOB, id=id_)
    shim.kill()  # as TERM does before the shim has a handler for it

    assert ended(backend, id_)["status"] == "CANCELLED"
    assert psutil.wait_procs(tree, PATIENCE_S)[1] == []


def test_work_that_listens_is_cancelled_without_a_kill(backend: RunningBackend) -> None:
    line = "trap 'echo cleaning up; exit 1' TERM; sleep 600 & echo ready; wait"
    id_ = submit(backend, "COMMAND", {"shell": line})
    wait(backend, id_, says("ready"))
    ask(backend, CANCEL_JOB, id=id_)

    assert ended(backend, id_)["status"] == "CANCELLED"
    assert ask(backend, JOB_LOGS, id=id_, tail=1)["lines"][0]["text"] == "cleaning up"


def test_jobs_have_the_key_neither_in_their_environment_nor_anybody_on_the_command_line(
    backend: RunningBackend,
) -> None:
    id_ = submit(backend, "COMMAND", {"shell": "echo ready; sleep 600"})
    wait(backend, id_, says("ready"))
    shim, tree = tree_of(backend, id_)

    for process in (shim, *tree):
        assert KEY not in json.dumps(process.environ())
    for process in psutil.process_iter():
        try:
            assert KEY not in " ".join(process.cmdline())
        except psutil.Error:
            continue
    ask(backend, CANCEL_JOB, id=id_)
    ended(backend, id_)


def test_files_of_a_job_are_for_their_owner_alone(backend: RunningBackend) -> None:
    id_ = submit(backend, "FUNCTION", function(lambda: (1,)))
    ended(backend, id_)

    for path in [folder_of(backend, id_), *folder_of(backend, id_).rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def occupy(backend: RunningBackend) -> list[str]:
    """Fill all the room there is; the jobs that do so."""
    ids = [
        submit(backend, "COMMAND", {"shell": "echo ready; sleep 600"})
        for _ in range(os.cpu_count() or 1)
    ]
    for id_ in ids:
        wait(backend, id_, says("ready"))
    return ids


def test_the_highest_starts_first_and_no_more_than_there_is_room_for(
    own_backend: RunningBackend, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    blockers = occupy(own_backend)
    ids = [
        submit(own_backend, "COMMAND", {"shell": f"echo {priority} >> {order}"}, priority=priority)
        for priority in ("LOW", "MEDIUM", "HIGH")
    ]
    waiting = [ask(own_backend, GET_JOB, id=id_)["status"] for id_ in ids]

    ask(own_backend, CANCEL_JOB, id=blockers[0])
    for id_ in ids:
        ended(own_backend, id_)

    assert waiting == ["QUEUED"] * 3
    assert order.read_text().split() == ["HIGH", "MEDIUM", "LOW"]


@contextmanager
def killed_and_started_again(
    data_dir: Path, prepare: Callable[[RunningBackend], None]
) -> Iterator[RunningBackend]:
    """A backend whose predecessor on the same folder was killed after `prepare`."""
    with running_backend(data_dir) as first:
        prepare(first)
        first.process.kill()
        first.process.wait()
        with running_backend(data_dir) as second:
            yield second


def test_a_job_outlives_its_backend_and_is_followed_by_the_next(tmp_path: Path) -> None:
    # Two, for a second reader of the same one could open it before its first writer is gone, and read an end.
    gate, exit_ = tmp_path / "gate", tmp_path / "exit"
    os.mkfifo(gate)
    os.mkfifo(exit_)
    line = f"echo before; read line < {gate}; echo $line; read line < {exit_}"

    def prepare(first: RunningBackend) -> None:
        submit(first, "COMMAND", {"shell": line}, id="followed")
        wait(first, "followed", says("before"))

    with killed_and_started_again(tmp_path / "backend", prepare) as second:
        gate.write_text("after\n")
        wait(second, "followed", says("after"))
        exit_.write_text("\n")

        assert ended(second, "followed")["status"] == "SUCCEEDED"
        assert len(ask(second, JOB_LOGS, id="followed")["lines"]) == 2


def test_a_job_that_ended_while_no_backend_was_there_has_its_outcome(tmp_path: Path) -> None:
    def prepare(first: RunningBackend) -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        submit(first, "COMMAND", {"shell": f"echo ready; read line < {gate}; exit 3"}, id="alone")
        wait(first, "alone", says("ready"))
        shim, _ = tree_of(first, "alone")
        first.process.kill()
        first.process.wait()
        gate.write_text("\n")
        psutil.wait_procs([shim], PATIENCE_S)

    with killed_and_started_again(tmp_path / "backend", prepare) as second:
        job = ended(second, "alone")

    assert (job["status"], json.loads(job["error"])["exitCode"]) == ("FAILED", 3)


def test_a_job_that_was_waiting_is_started_by_the_next(tmp_path: Path) -> None:
    blockers: list[str] = []

    def prepare(first: RunningBackend) -> None:
        blockers.extend(occupy(first))
        submit(first, "COMMAND", {"shell": "true"}, id="patient")

    with killed_and_started_again(tmp_path / "backend", prepare) as second:
        waiting = ask(second, GET_JOB, id="patient")["status"]
        ask(second, CANCEL_JOB, id=blockers[0])

        assert waiting == "QUEUED"
        assert ended(second, "patient")["status"] == "SUCCEEDED"
        for id_ in blockers:
            ask(second, CANCEL_JOB, id=id_)
        for id_ in blockers:
            ended(second, id_)


def test_an_adopted_job_can_be_cancelled(tmp_path: Path) -> None:
    def prepare(first: RunningBackend) -> None:
        submit(first, "COMMAND", {"shell": "echo ready; sleep 600"}, id="adopted")
        wait(first, "adopted", says("ready"))

    with killed_and_started_again(tmp_path / "backend", prepare) as second:
        ask(second, CANCEL_JOB, id="adopted")

        assert ended(second, "adopted")["status"] == "CANCELLED"


def test_a_job_that_ended_with_the_machine_is_lost(tmp_path: Path) -> None:
    def prepare(first: RunningBackend) -> None:
        submit(first, "COMMAND", {"shell": "echo ready; sleep 600"}, id="gone")
        wait(first, "gone", says("ready"))
        shim, tree = tree_of(first, "gone")
        first.process.kill()
        for process in (shim, *tree):
            process.kill()
        psutil.wait_procs([shim, *tree], PATIENCE_S)

    with killed_and_started_again(tmp_path / "backend", prepare) as second:
        job = ended(second, "gone")

    assert job["status"] == "LOST"
    assert json.loads(job["error"])["message"]


def test_a_backend_that_ends_leaves_its_jobs_running(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as first:
        id_ = submit(first, "COMMAND", {"shell": "echo ready; sleep 600"})
        wait(first, id_, says("ready"))
        shim, tree = tree_of(first, id_)

        assert first.end() == 0
        assert all(process.is_running() for process in (shim, *tree))
        with running_backend(tmp_path / "backend") as second:
            ask(second, CANCEL_JOB, id=id_)
            ended(second, id_)
