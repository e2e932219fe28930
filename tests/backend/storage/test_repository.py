from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.jobs.model import TRANSITIONS, Job, JobStatus
from jupyter_jobs.worker.processes import Process
from tests.support.kept import Clock, add, it_is


def bring_to(repository: Repository, id_: str, status: JobStatus) -> None:
    for step in ("RUNNING", "CANCELLING"):
        if status.value == step or status is JobStatus.CANCELLING:
            repository.update(id_, {"status": step})
        if status.value == step:
            return
    if status is not JobStatus.QUEUED:
        repository.update(id_, {"status": status.value})


def test_a_new_job_is_queued_at_version_one_and_reads_as_a_job(repository: Repository) -> None:
    body = add(repository, "a", params='{"n": 1}', group="g")

    job = Job.from_wire(body)
    assert (job.status, job.version, job.params, job.group) == (JobStatus.QUEUED, 1, {"n": 1}, "g")
    assert job.created_at == job.updated_at
    assert repository.get("a") == body
    assert datetime.fromisoformat(body["createdAt"]).utcoffset().total_seconds() == 0  # type: ignore[union-attr]  # it has one


def test_an_id_is_taken_once(repository: Repository) -> None:
    first = add(repository, "a", name="first")

    assert repository.insert({"id": "a", "name": "second"}, "{}") is None
    assert repository.get("a") == first
    assert repository.payload("a") is None


def test_tags_come_back_as_a_list(repository: Repository) -> None:
    add(repository, "a", tags=["x", 'with "quotes"'])
    add(repository, "b")

    assert repository.get("a")["tags"] == ["x", 'with "quotes"']  # type: ignore[index]  # it is there
    assert repository.update("a", {"status": "RUNNING"})["tags"] == ["x", 'with "quotes"']
    assert [job["tags"] for job in repository.live()] == [["x", 'with "quotes"'], None]
    assert [job["tags"] for job in repository.page(None, None, 9, None)[0]][1] is not None


def test_a_job_has_one_retry(repository: Repository) -> None:
    add(repository, "a")
    assert repository.retry_of("a") is None

    first = add(repository, "b", retryOf="a", attempt=2)

    assert repository.insert({"id": "c", "retryOf": "a"}, None) is None
    assert repository.retry_of("a") == first
    assert repository.get("a")["attempt"] == 1  # type: ignore[index]  # it is there


def test_what_others_wait_for_is_the_newest_of_its_retries(repository: Repository) -> None:
    for id_, of in [("a", None), ("b", "a"), ("c", "b")]:
        add(repository, id_, name=id_, retryOf=of)
        repository.update(id_, {"status": "FAILED", "error": '"no disk"'})

    newest = repository.newest("a")

    assert newest is not None
    assert newest == repository.newest("c")
    assert {**(repository.get("c") or {}), **newest} == repository.get("c")
    assert set(newest) == {"id", "name", "request", "status", "error", "finishedAt"}
    assert repository.newest("unknown") is None


def test_a_file_of_an_earlier_release_gets_the_columns_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as earlier:
        earlier.executescript(
            """CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind",
            "request", "params", "priority", "status", "progress", "done", "total", "message", "result",
            "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt",
            payload TEXT, pid INTEGER, processStarted INTEGER);
            INSERT INTO jobs (id, status, version) VALUES ('old', 'FAILED', 3);
            PRAGMA user_version=1"""
        )
    earlier.close()

    for _ in range(2):  # opening it once more finds nothing to do
        repository = Repository(path)
        old = repository.get("old")
        repository.close()

    assert old is not None
    assert (old["status"], old["version"], old["attempt"], old["tags"]) == ("FAILED", 3, 1, None)


def test_each_write_raises_the_version_by_one(repository: Repository) -> None:
    add(repository, "a")

    versions = [repository.update("a", {"message": str(n)})["version"] for n in range(3)]

    assert versions == [2, 3, 4]
    assert repository.get("a")["message"] == "2"  # type: ignore[index]  # it is there


def test_start_and_end_are_noted_once(repository: Repository) -> None:
    add(repository, "a")

    running = repository.update("a", {"status": "RUNNING"})
    again = repository.update("a", {"status": "RUNNING", "message": "m"})
    ended = repository.update("a", {"status": "SUCCEEDED"})

    assert running["startedAt"] == running["updatedAt"]
    assert running["finishedAt"] is None
    assert again["startedAt"] == ended["startedAt"] == running["startedAt"]
    assert ended["finishedAt"] == ended["updatedAt"]


@pytest.mark.parametrize("old", JobStatus)
@pytest.mark.parametrize("new", JobStatus)
def test_only_what_the_table_allows_may_follow(
    repository: Repository, old: JobStatus, new: JobStatus
) -> None:
    add(repository, "a")
    bring_to(repository, "a", old)
    before = repository.get("a")

    if new in TRANSITIONS[old] or (new is old and not old.is_terminal):
        assert repository.update("a", {"status": new.value})["status"] == new.value
    else:
        with pytest.raises(Refusal) as caught:
            repository.update("a", {"status": new.value})
        assert caught.value.error_type == "InvalidTransition"
        assert repository.get("a") == before


def test_what_has_ended_takes_no_more_progress(repository: Repository) -> None:
    add(repository, "a")
    repository.update("a", {"status": "CANCELLED"})

    with pytest.raises(Refusal, match="is cancelled"):
        repository.update("a", {"progress": 0.5})


def test_a_write_that_expects_another_version_is_refused_with_the_present_one(
    repository: Repository,
) -> None:
    add(repository, "a")
    repository.update("a", {}, 1)

    with pytest.raises(Refusal) as caught:
        repository.update("a", {}, 1)

    assert (caught.value.error_type, caught.value.info) == ("VersionConflict", {"version": 2})


def test_an_unknown_job_cannot_be_written(repository: Repository) -> None:
    with pytest.raises(Refusal) as caught:
        repository.update("none", {})

    assert caught.value.error_type == "JobNotFound"
    assert repository.get("none") is None
    assert repository.payload("none") is None
    assert repository.process("none") is None


def test_pages_are_newest_first_and_stay_whole_while_jobs_are_added(repository: Repository) -> None:
    for number in range(5):
        add(repository, f"j{number}")

    first, token = repository.page(None, None, 2, None)
    add(repository, "later")
    second, token = repository.page(None, None, 2, token)
    third, end = repository.page(None, None, 2, token)

    assert [[job["id"] for job in page] for page in (first, second, third)] == [
        ["j4", "j3"],
        ["j2", "j1"],
        ["j0"],
    ]
    assert end is None


def test_a_page_that_takes_the_last_job_is_the_last(repository: Repository) -> None:
    add(repository, "a")

    assert repository.page(None, None, 1, None)[1] is None


def test_pages_hold_one_group_and_one_status(repository: Repository) -> None:
    add(repository, "a", group="x")
    add(repository, "b", group="x")
    add(repository, "c", group="y")
    repository.update("b", {"status": "RUNNING"})

    assert [job["id"] for job in repository.page("x", None, 10, None)[0]] == ["b", "a"]
    assert [job["id"] for job in repository.page("x", "RUNNING", 10, None)[0]] == ["b"]


@pytest.mark.parametrize("token", ["nonsense", "e30=", "bnVsbA=="])
def test_a_token_of_somebody_else_is_refused(repository: Repository, token: str) -> None:
    with pytest.raises(Refusal, match="nextToken"):
        repository.page(None, None, 1, token)


def test_live_jobs_and_counts(repository: Repository) -> None:
    for id_ in ("a", "b", "c"):
        add(repository, id_)
    repository.update("b", {"status": "FAILED"})
    repository.update("c", {"status": "RUNNING"})

    assert [job["id"] for job in repository.live()] == ["a", "c"]
    assert repository.counts() == {"QUEUED": 1, "FAILED": 1, "RUNNING": 1}


def ids(page: tuple[list[dict[str, Any]], str | None]) -> list[str]:
    return [job["id"] for job in page[0]]


def test_pages_hold_one_name_or_one_tag(repository: Repository) -> None:
    add(repository, "a", name="train", tags=["x", "y"], group="g")
    add(repository, "b", name="clean", tags=["x"], group="g")
    add(repository, "c", name="train", tags=["x"])
    repository.update("b", {"status": "RUNNING"})

    assert ids(repository.page(None, None, 9, None, name="train")) == ["c", "a"]
    assert ids(repository.page("g", None, 9, None, name="train")) == ["a"]
    assert ids(repository.page(None, None, 9, None, tag="x")) == ["c", "b", "a"]
    assert ids(repository.page("g", "RUNNING", 9, None, tag="x", name="clean")) == ["b"]
    assert ids(repository.page(None, None, 9, None, tag="z")) == []


def test_pages_by_tag_go_on_where_the_last_one_ended(repository: Repository) -> None:
    for number in range(3):
        add(repository, f"j{number}", tags=["x"])

    first, token = repository.page(None, None, 2, None, tag="x")
    add(repository, "later", tags=["x"])
    second, end = repository.page(None, None, 2, token, tag="x")

    assert [job["id"] for job in (*first, *second)] == ["j2", "j1", "j0"]
    assert end is None


def test_pages_begin_at_a_time(repository: Repository, clock: Clock) -> None:
    for id_, hour in [("a", "04"), ("b", "05"), ("c", "06")]:
        it_is(clock, f"2026-11-23T{hour}:00:00.000Z")
        add(repository, id_, tags=["x"])

    assert ids(repository.page(None, None, 9, None, since="2026-11-23T07:00:00+02:00")) == [
        "c",
        "b",
    ]
    assert ids(repository.page(None, None, 9, None, since="2026-11-23T05:30:00Z", tag="x")) == ["c"]
    assert ids(repository.page(None, None, 9, None, since="2027-01-01T00:00:00Z")) == []
    with pytest.raises(Refusal, match="ISO 8601"):
        repository.page(None, None, 9, None, since="yesterday")


def test_the_newest_job_of_a_group_has_the_key(repository: Repository) -> None:
    add(repository, "a", key="k", group="g")
    repository.insert({"id": "b", "key": "k", "group": "g"}, "{}", "print of b")
    add(repository, "c", key="k")

    found = repository.by_key("g", "k")

    assert found == (repository.get("b"), "print of b")
    assert repository.by_key(None, "k") == (repository.get("c"), None)
    assert repository.by_key("g", "other") is None
    assert repository.by_key("h", "k") is None


def test_what_is_usual_is_told_by_those_of_the_name_that_succeeded(
    repository: Repository, clock: Clock
) -> None:
    assert repository.usual("g", "train") is None

    for seconds, status in [(2, "SUCCEEDED"), (4, "SUCCEEDED"), (59, "FAILED")]:
        it_is(clock, "2026-11-23T05:00:00.000Z")
        add(repository, f"{seconds}", name="train", group="g")
        repository.update(f"{seconds}", {"status": "RUNNING"})
        it_is(clock, f"2026-11-23T05:00:{seconds:02}.000Z")
        repository.update(f"{seconds}", {"status": status})

    assert repository.usual("g", "train") == {"count": 2, "median": 3, "p90": 4}
    assert repository.usual(None, "train") is None
    assert repository.usual("g", "clean") is None


def test_what_is_usual_is_told_by_the_newest_fifty(repository: Repository, clock: Clock) -> None:
    for number in range(60):
        it_is(clock, "2026-11-23T05:00:00.000Z")
        add(repository, f"{number}", name="train")
        repository.update(f"{number}", {"status": "RUNNING"})
        it_is(clock, f"2026-11-23T05:00:{50 if number < 10 else 1:02}.000Z")
        repository.update(f"{number}", {"status": "SUCCEEDED"})
        repository.usual(None, "train")  # what was asked once is not told for ever

    assert repository.usual(None, "train") == {"count": 50, "median": 1, "p90": 1}


def test_a_failed_run_makes_a_job_wait_for_another(repository: Repository, clock: Clock) -> None:
    it_is(clock, "2026-11-23T05:00:00.000Z")
    add(repository, "a")
    repository.set_process("a", Process(123, 456, "a boot"))
    repository.set_metrics("a", '{"loss": {}}')
    running = repository.update("a", {"status": "RUNNING", "progress": 0.5, "done": 1, "total": 2})

    waiting = repository.requeue("a", {"error": "ValueError: bad day"}, 12.5, "run 2 of 3 in 1 s")

    history = json.loads(waiting["history"])
    assert (waiting["status"], waiting["version"]) == ("QUEUED", running["version"] + 1)
    assert (waiting["message"], waiting["finishedAt"]) == ("run 2 of 3 in 1 s", None)
    assert [waiting[name] for name in ("startedAt", "progress", "done", "total", "metrics")] == [
        None
    ] * 5
    assert history == [
        {
            "startedAt": running["startedAt"],
            "finishedAt": waiting["updatedAt"],
            "error": "ValueError: bad day",
        }
    ]
    assert repository.get("a") == waiting
    assert repository.process("a") is None
    assert repository.turn("a") == (1, 12.5)

    repository.update("a", {"status": "RUNNING"})
    second = repository.requeue("a", {"error": "KeyError: 'day'"}, 13.5, "run 3 of 3 in 2 s")
    assert [run["error"] for run in json.loads(second["history"])] == [
        "ValueError: bad day",
        "KeyError: 'day'",
    ]


@pytest.mark.parametrize("status", [s for s in JobStatus if s not in ("RUNNING", "QUEUED")])
def test_only_what_runs_can_fail_and_wait(repository: Repository, status: JobStatus) -> None:
    add(repository, "a")
    bring_to(repository, "a", status)
    before = repository.get("a")

    with pytest.raises(Refusal, match="cannot become queued"):
        repository.requeue("a", {}, 0.0, "")
    assert repository.get("a") == before


def add_and_fail(repository: Repository) -> None:
    add(repository, "c", tags=["x"])
    raise KeyError


def test_a_transaction_is_all_or_nothing_and_told_at_its_end(repository: Repository) -> None:
    told: list[tuple[str, str]] = []
    repository.observe(lambda body: told.append((body["id"], body["status"])))

    with repository.transaction():
        add(repository, "a")
        with repository.transaction():
            add(repository, "b")
        assert told == []
    with pytest.raises(KeyError), repository.transaction():
        add_and_fail(repository)
    repository.update("a", {"status": "RUNNING"})

    assert told == [("a", "QUEUED"), ("b", "QUEUED"), ("a", "RUNNING")]
    assert repository.get("c") is None
    assert ids(repository.page(None, None, 9, None, tag="x")) == []


def test_what_was_refused_is_not_told(repository: Repository) -> None:
    add(repository, "a")
    repository.update("a", {"status": "FAILED"})
    told: list[str] = []
    repository.observe(lambda body: told.append(body["id"]))

    assert repository.insert({"id": "a"}, None) is None
    with pytest.raises(Refusal):
        repository.update("a", {"status": "RUNNING"})

    assert told == []


def test_the_process_of_a_job_is_remembered_without_a_new_version(repository: Repository) -> None:
    add(repository, "a")
    assert repository.process("a") is None

    repository.set_process("a", Process(123, 456, "a boot"))

    assert repository.process("a") == Process(123, 456, "a boot")
    assert repository.get("a")["version"] == 1  # type: ignore[index]  # it is there


def test_what_a_job_measures_is_told_with_its_next_change(repository: Repository) -> None:
    add(repository, "a")

    repository.set_metrics("a", '{"loss": {"last": 0.2}}')

    assert repository.get("a")["version"] == 1  # type: ignore[index]  # it is there
    assert repository.update("a", {})["metrics"] == '{"loss": {"last": 0.2}}'


def test_what_was_accepted_survives_a_crash_of_the_process(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from jupyter_jobs.backend.storage.repository import Repository\n"
        f"repository = Repository(pathlib.Path({str(tmp_path / 'jobs.sqlite')!r}))\n"
        "repository.insert({'id': 'a', 'request': 'r'}, '{}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)

    repository = Repository(tmp_path / "jobs.sqlite")
    assert repository.get("a")["status"] == "QUEUED"  # type: ignore[index]  # it is there
    assert repository.payload("a") == "{}"
    repository.close()


def test_a_clock_that_was_set_back_hides_no_job_and_shows_none_too_many(
    repository: Repository, clock: Clock
) -> None:
    for id_, hour in (("a", 10), ("b", 5), ("c", 6), ("d", 11)):
        it_is(clock, f"2026-11-23T{hour:02}:00:00.000Z")
        add(repository, id_, tags=["x"], name="n", group="g")

    def since(time: str, **asked: str) -> list[str]:
        first, token = repository.page(None, None, 1, None, since=time, **asked)
        rest, _ = repository.page(None, None, 9, token, since=time, **asked) if token else ([], "")
        return [body["id"] for body in (*first, *rest)]

    assert since("2026-11-23T09:00:00Z") == ["d", "a"]
    assert since("2026-11-23T05:30:00Z") == ["d", "c", "a"]
    assert since("2026-11-23T05:30:00Z", tag="x") == ["d", "c", "a"]
    assert since("2026-11-23T12:00:00Z") == []


def test_times_of_a_job_do_not_go_back_with_the_clock(repository: Repository, clock: Clock) -> None:
    times = iter(["12:00", "07:00", "06:00", "05:00", "04:00"])

    def it_is_next() -> None:
        it_is(clock, f"2026-11-23T{next(times)}:00.000Z")

    it_is_next()
    add(repository, "a", name="n")
    for status in ("RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"):
        it_is_next()
        if status == "QUEUED":
            repository.requeue("a", {"error": "E"}, 0.0, "again")
        else:
            repository.update("a", {"status": status})

    body = repository.get("a")
    assert body is not None
    (run,) = json.loads(body["history"])
    assert body["createdAt"] <= run["startedAt"] <= run["finishedAt"]
    assert run["finishedAt"] <= body["startedAt"] <= body["finishedAt"] <= body["updatedAt"]
    assert repository.usual(None, "n") == {"count": 1, "median": 0, "p90": 0}


def test_a_run_that_was_not_begun_waits_as_if_it_had_not_been_started(
    repository: Repository,
) -> None:
    add(repository, "a")
    repository.update("a", {"status": "RUNNING"})
    repository.set_process("a", Process(123, 456, "a boot"))

    body = repository.put_back("a", "the disk was full")

    assert (body["status"], body["startedAt"], body["history"]) == ("QUEUED", None, None)
    assert (body["message"], body["version"]) == ("the disk was full", 3)
    assert repository.process("a") is None


async def test_what_is_accepted_and_how_it_ended_is_waited_for_and_progress_is_not(
    repository: Repository,
) -> None:
    owed: list[bool] = []

    async def settle() -> None:
        pending = repository.settled()
        owed.append(pending is not None)
        if pending is not None:
            await pending

    with repository.transaction():
        add(repository, "a")
    await settle()
    for changes in ({"status": "RUNNING"}, {"progress": 0.5}, {"status": "SUCCEEDED"}, None):
        if changes is not None:
            repository.update("a", changes)
        await settle()

    assert owed == [True, False, False, True, False]
