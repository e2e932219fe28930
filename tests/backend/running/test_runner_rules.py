"""What the rules of a job, and the jobs that it waits for, make of its runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.jobs.operations import (
    CANCEL_JOB,
    GET_JOB,
    JOB_LOGS,
    JOB_QUEUE,
    RETRY_JOB,
    many,
)
from tests.backend.running.test_runner import ask, ended, says, submit, tree_of, wait
from tests.support.backend import RunningBackend
from tests.support.scripted_backend import SLOTS, scripted_backend


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend with three slots; shared by the tests of this module, which leave nothing in it that lives."""
    folder = tmp_path_factory.mktemp("backend")
    with scripted_backend(folder, SLOTS.format(slots=3)) as running:
        yield running


def shell(backend: RunningBackend, line: str, *, rules: Any = None, **fields: Any) -> str:
    told = {} if rules is None else {"rules": json.dumps(rules)}
    return submit(backend, "COMMAND", {"shell": line}, **told, **fields)


def cancel(backend: RunningBackend, *ids: str) -> None:
    for id_ in ids:
        ask(backend, CANCEL_JOB, id=id_)
    for id_ in ids:
        ended(backend, id_)


def history(job: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads(job["history"])


def fails_until(count: int, file: Path) -> str:
    """A line that fails until it is run for the given time."""
    return f"echo run >> {file}; test $(wc -l < {file}) -ge {count} || exit 3"


def waits_for_another_run(job: dict[str, Any]) -> bool:
    return job["status"] == "QUEUED" and job["history"] is not None


def test_a_run_that_failed_is_followed_by_another(backend: RunningBackend, tmp_path: Path) -> None:
    line = fails_until(3, tmp_path / "runs")
    id_ = shell(backend, line, rules={"retries": 5, "backoff": 0.05})

    job = ended(backend, id_)

    assert job["status"] == "SUCCEEDED"
    assert [run["error"] for run in history(job)] == ["ended with exit code 3"] * 2
    first, second = history(job)
    assert first["startedAt"] <= first["finishedAt"] <= second["startedAt"] <= job["startedAt"]
    assert job["error"] is None
    assert (tmp_path / "runs").read_text() == "run\n" * 3


def test_the_last_run_decides(backend: RunningBackend, tmp_path: Path) -> None:
    line = fails_until(9, tmp_path / "runs")

    job = ended(backend, shell(backend, line, rules={"retries": 1, "backoff": 0}))

    assert job["status"] == "FAILED"
    assert json.loads(job["error"])["exitCode"] == 3
    assert len(history(job)) == 1


def test_a_job_without_retries_has_one_run(backend: RunningBackend) -> None:
    job = ended(backend, shell(backend, "exit 3"))

    assert (job["status"], job["history"]) == ("FAILED", None)


def test_a_job_that_waits_for_its_next_run_says_so_and_can_be_cancelled(
    backend: RunningBackend,
) -> None:
    id_ = shell(backend, "echo 50%; exit 3", rules={"retries": 2, "backoff": 300})
    waiting = wait(backend, id_, waits_for_another_run)
    place = ask(backend, JOB_QUEUE, id=id_)
    open_log = ask(backend, JOB_LOGS, id=id_)["ended"]

    first = ask(backend, CANCEL_JOB, id=id_)
    second = ask(backend, CANCEL_JOB, id=id_)

    assert waiting["message"] == "run 2 of 3 in 300 s"
    names = ("startedAt", "progress", "done", "total", "metrics", "error")
    assert [waiting[name] for name in names] == [None] * len(names)
    assert place["ahead"] == 0
    assert 200 < place["seconds"] <= 300
    assert open_log is False
    assert first["status"] == "CANCELLED"
    assert second == ask(backend, GET_JOB, id=id_) == first


def test_a_job_that_is_cancelled_as_it_runs_is_not_run_again(backend: RunningBackend) -> None:
    id_ = shell(backend, "echo ready; sleep 600", rules={"retries": 5, "backoff": 0})
    wait(backend, id_, says("ready"))
    tree = tree_of(backend, id_)[1]

    for _ in range(3):
        ask(backend, CANCEL_JOB, id=id_)
    job = ended(backend, id_)

    assert (job["status"], job["history"]) == ("CANCELLED", None)
    assert not any(process.is_running() for process in tree)
    assert ask(backend, CANCEL_JOB, id=id_) == job


def test_work_that_is_lost_is_not_run_again(backend: RunningBackend) -> None:
    id_ = shell(backend, "echo ready; sleep 600", rules={"retries": 5, "backoff": 0})
    wait(backend, id_, says("ready"))
    tree_of(backend, id_)[0].kill()

    job = ended(backend, id_)

    assert (job["status"], job["history"]) == ("LOST", None)
    assert json.loads(job["error"])["message"]


def test_what_a_failed_run_left_behind_is_ended_before_the_next(
    backend: RunningBackend, tmp_path: Path
) -> None:
    file = tmp_path / "runs"
    left = "(trap '' HUP; exec sleep 600 >/dev/null 2>&1) & echo $! >> pids"
    line = (
        f"cd {tmp_path}; {left}; {fails_until(2, file)}; ps -o stat= -p $(head -1 pids) | grep -v Z"
    )
    job = ended(backend, shell(backend, line, rules={"retries": 1, "backoff": 0}))

    assert job["status"] == "FAILED"  # nobody was found
    assert len(history(job)) == 1
    assert len((tmp_path / "pids").read_text().split()) == 2


def test_a_job_starts_when_those_that_it_waits_for_have_succeeded(
    backend: RunningBackend, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = shell(backend, f"read line < {gate}; echo first >> {tmp_path}/order")
    second = shell(backend, "true")
    third = shell(backend, f"echo third >> {tmp_path}/order", after=[first, second])
    ended(backend, second)
    waiting = ask(backend, GET_JOB, id=third)
    place = ask(backend, JOB_QUEUE, id=third)
    gate.write_text("\n")

    job = ended(backend, third)

    assert (waiting["status"], waiting["after"]) == ("QUEUED", [first, second])
    assert place == {"ahead": 0, "seconds": None}
    assert job["status"] == "SUCCEEDED"
    assert (tmp_path / "order").read_text().split() == ["first", "third"]


def test_a_failure_ends_all_that_wait_for_it_and_tells_the_first_cause(
    backend: RunningBackend,
) -> None:
    first = shell(backend, "echo ready; read line; sleep 0.2; exit 3", name="prepare")
    second = shell(backend, "true", name="train", after=[first])
    third = shell(backend, "true", after=[second])
    late = shell(backend, "true", after=[ended(backend, first)["id"]])

    jobs = [ended(backend, id_) for id_ in (second, third, late)]

    assert [job["status"] for job in jobs] == ["CANCELLED"] * 3
    assert [json.loads(job["error"]) for job in jobs] == [
        {"type": "DependencyFailed", "message": "prepare failed: ended with exit code 3"}
    ] * 3
    assert [job["startedAt"] for job in jobs] == [None] * 3


def test_a_cancelled_job_ends_those_that_wait_for_it(backend: RunningBackend) -> None:
    first = shell(backend, "echo ready; sleep 600", name="prepare")
    second = shell(backend, "true", after=[first], name="train")
    third = shell(backend, "true", after=[second])
    ask(backend, CANCEL_JOB, id=second)
    cancelled = ended(backend, third)
    cancel(backend, first)

    assert json.loads(cancelled["error"])["message"] == "train was cancelled"
    assert ask(backend, GET_JOB, id=second)["error"] is None


def test_a_retry_stands_for_the_job_that_failed(backend: RunningBackend, tmp_path: Path) -> None:
    line = fails_until(2, tmp_path / "runs")
    failed = ended(backend, shell(backend, line))
    again = ask(backend, RETRY_JOB, id=failed["id"])

    job = ended(backend, shell(backend, "true", after=[failed["id"]]))

    assert failed["status"] == "FAILED"
    assert ask(backend, GET_JOB, id=again["id"])["status"] == "SUCCEEDED"
    assert job["status"] == "SUCCEEDED"


def test_a_chain_of_a_thousand_ends_with_its_first(own_backend: RunningBackend) -> None:
    first = shell(own_backend, "echo ready; sleep 600", name="first")
    wait(own_backend, first, says("ready"))
    ids = [first, *(f"link-{number}" for number in range(1000))]
    given = {
        f"v{number}": {
            "id": id_,
            "request": "r",
            "kind": "COMMAND",
            "payload": '{"shell": "true"}',
            "after": [ids[number]],
        }
        for number, id_ in enumerate(ids[1:])
    }
    document = many("mutation Chain", "submitJob", "input: SubmitJobInput!", list(given))
    assert "errors" not in own_backend.execute(document, given)
    ask(own_backend, CANCEL_JOB, id=first)

    job = ended(own_backend, ids[-1])

    assert json.loads(job["error"])["message"] == "first was cancelled"
    ended(own_backend, first)
    assert own_backend.stats()["jobs"] == {"CANCELLED": 1001}


def test_a_job_waits_for_its_place_no_longer_than_it_may(backend: RunningBackend) -> None:
    blocker = shell(backend, "echo ready; sleep 600", rules={"cpus": 3})
    wait(backend, blocker, says("ready"))
    id_ = shell(backend, "true", rules={"queueTimeout": 0.2, "retries": 3})

    job = ended(backend, id_)
    cancel(backend, blocker)

    assert job["status"] == "TIMED_OUT"
    assert json.loads(job["error"]) == {
        "type": "TimedOut",
        "message": "waited longer than 0.2 s for a free place",
    }
    assert (job["startedAt"], job["history"]) == (None, None)


def test_running_jobs_take_no_more_cpus_than_there_are(backend: RunningBackend) -> None:
    two = shell(backend, "echo ready; sleep 600", rules={"cpus": 2})
    wait(backend, two, says("ready"))
    big = shell(backend, "true", rules={"cpus": 3})
    small = shell(backend, "echo ready; sleep 600")
    wait(backend, small, says("ready"))  # it passes the big one
    waiting = [shell(backend, "true"), shell(backend, "true", priority="HIGH")]
    states = [ask(backend, GET_JOB, id=id_)["status"] for id_ in (big, *waiting)]
    places = [ask(backend, JOB_QUEUE, id=id_)["ahead"] for id_ in (big, *waiting)]

    cancel(backend, two, small)

    assert states == ["QUEUED"] * 3
    assert places == [1, 2, 0]
    assert {ended(backend, id_)["status"] for id_ in (big, *waiting)} == {"SUCCEEDED"}


def test_a_job_that_does_not_wait_has_no_place(backend: RunningBackend) -> None:
    id_ = shell(backend, "true")
    ended(backend, id_)

    assert ask(backend, JOB_QUEUE, id=id_) is None


def test_a_place_is_estimated_by_what_is_usual(own_backend: RunningBackend) -> None:
    for _ in range(2):
        ended(own_backend, shell(own_backend, "sleep 0.1", name="usual"))
    blockers = [shell(own_backend, "echo ready; sleep 600", name="usual") for _ in range(9)]
    id_ = shell(own_backend, "true")

    place = ask(own_backend, JOB_QUEUE, id=id_)

    assert place["ahead"] > 0
    assert place["seconds"] > 0
    for each in reversed(blockers):
        ask(own_backend, CANCEL_JOB, id=each)
    ended(own_backend, id_)
    for each in blockers:
        ended(own_backend, each)
