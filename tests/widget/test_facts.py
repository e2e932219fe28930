import json
from typing import Any

from jupyter_jobs.jobs.estimates import Queue
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.facts import Asked, facts


def told(*others: dict[str, Any], asked: Asked | None = None, **more: Any) -> dict[str, Any]:
    """The facts of job `a`, which has these fields."""
    store = JobStore()
    for body in (*others, {"id": "a", **more}):
        store.merge({"version": 1, "status": "SUCCEEDED", **body})
    job = store.get("a")
    assert job is not None
    return dict(facts(store, job, asked or Asked()))


def test_of_a_job_that_says_nothing_its_id_is_all() -> None:
    assert told() == {"id": {"code": "a"}}


def test_what_people_said_of_it_is_told() -> None:
    known = told(
        tags=["sweep", "b"],
        submittedFrom="train.ipynb, cell 5",
        params='{"token": "da2-hidden", "day": 1}',
        priority="HIGH",
        kind="FUNCTION",
        request="train(1)",
        key="night",
    )

    assert known["tags"] == "sweep, b"
    assert known["from"] == "train.ipynb, cell 5"
    assert known["params"] == {"code": '{"token": "[hidden]", "day": 1}'}
    assert known["called as"] == {"code": "train(1)"}
    assert (known["priority"], known["key"]) == ("high", "night")


def test_an_ordinary_priority_is_not_said() -> None:
    assert "priority" not in told(priority="MEDIUM")


def test_a_long_result_is_cut_and_a_large_one_told_by_its_size() -> None:
    assert told(result=json.dumps("y" * 600))["result"] == {"code": "y" * 499 + "…"}
    assert told(resultSize=1_234_567)["result"] == "1.23 MB, by job.result()"


def test_times_are_numbers_and_spans_are_words() -> None:
    known = told(
        createdAt="2026-11-22T10:00:00Z",
        startedAt="2026-11-22T10:00:01Z",
        finishedAt="2026-11-22T10:01:31Z",
        usual='{"count": 3, "median": 50, "p90": 70}',
    )

    assert known["submitted"] == 1795341600000
    assert (known["took"], known["usually"]) == ("1m30s", "50 s to 70 s")


def test_the_rules_of_a_run_are_one_line() -> None:
    rules = {"timeout": 600, "queueTimeout": 60, "retries": 2, "cpus": 4, "backoff": 1}

    assert told(rules=json.dumps(rules))["rules"] == (
        "at most 10m00s · waits at most 1m00s · 2 more runs when it fails · 4 CPUs"
    )
    assert told(rules='{"retries": 1}')["rules"] == "1 more run when it fails"


def test_runs_that_failed_have_a_line_each() -> None:
    run = {"startedAt": "2026-11-22T10:00:00Z", "finishedAt": "2026-11-22T10:00:12Z"}
    history = json.dumps([{**run, "error": "OSError: busy"}, {"error": None}])

    assert told(history=history)["earlier runs"] == [
        ("run 1 · 12s · OSError: busy", None),
        ("run 2 · failed", None),
    ]


def test_what_it_waits_for_is_told_by_name_and_state() -> None:
    known = told(
        {"id": "p", "name": "prepare", "status": "RUNNING"},
        asked=Asked(queue=Queue(2, 40.0)),
        after=["p", "gone"],
        status="QUEUED",
    )

    assert known["after"] == "prepare (running), gone"
    assert known["queue"] == "2 ahead, starts in about 40 s"


def test_files_have_their_size_and_a_path_to_copy() -> None:
    files = [{"name": "model.bin", "size": 2_500_000, "path": "/jobs/a/files/model.bin"}]

    assert told(asked=Asked(files=files))["files"] == [
        ("model.bin · 2.5 MB", "/jobs/a/files/model.bin")
    ]
    assert told(asked=Asked(files=files * 23))["files"][-1] == (
        "and 3 more, by job.files()",
        None,
    )


def test_an_exit_code_is_said_where_no_traceback_says_more() -> None:
    assert told(status="FAILED", error='{"exitCode": 3}')["exit code"] == "3"
    assert "exit code" not in told(status="FAILED", error='{"exitCode": 3, "traceback": "T"}')
    assert told(status="FAILED", error='{"signal": "SIGKILL"}')["signal"] == "SIGKILL"
