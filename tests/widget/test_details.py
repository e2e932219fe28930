import json
from typing import Any

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.details import details


def store(*bodies: dict[str, Any]) -> JobStore:
    made = JobStore()
    for body in bodies:
        made.merge({"version": 1, "status": "SUCCEEDED", **body})
    return made


def test_all_attempts_are_told_the_oldest_first_and_this_one_among_them() -> None:
    known = store(
        {
            "id": "b",
            "status": "FAILED",
            "error": '{"type": "E", "message": "still\\nbad"}',
            "retryOf": "a",
            "attempt": 2,
            "startedAt": "2026-11-22T10:00:00.250Z",
        },
        {"id": "c", "status": "RUNNING", "retryOf": "b", "attempt": 3},
        {"id": "a", "status": "LOST"},
    )

    for id_ in "abc":
        told = details(known, known.get(id_), [])
        assert [attempt["id"] for attempt in told["attempts"]] == ["a", "b", "c"]
    assert told["attempt"] == 3
    assert told["attempts"][1] == {
        "id": "b",
        "attempt": 2,
        "status": "FAILED",
        "startedAt": 1795341600250,
        "finishedAt": None,
        "error": "E: still bad",
    }


def test_what_people_said_of_it_is_told() -> None:
    known = store(
        {
            "id": "a",
            "tags": ["sweep", "b"],
            "submittedFrom": "train.ipynb, cell 5",
            "params": '{"token": "da2-hidden", "day": 1}',
            "result": json.dumps("y" * 600),
        }
    )
    told = details(known, known.get("a"), ["one", "two"])

    assert (told["tags"], told["submittedFrom"]) == (["sweep", "b"], "train.ipynb, cell 5")
    assert told["params"] == '{"token": "[hidden]", "day": 1}'
    assert told["result"] == "y" * 499 + "…"
    assert (told["error"], told["log"], told["attempt"]) == (None, ["one", "two"], 1)


def test_a_large_result_is_told_by_its_size() -> None:
    known = store({"id": "a", "resultSize": 1_234_567})

    assert details(known, known.get("a"), [])["result"] == "1,234,567 bytes, by job.result()"


def test_of_a_traceback_the_users_own_calls_are_told_apart() -> None:
    own = '  File "/home/ada/clean.py", line 41, in parse\n    day = read(text)\n'
    library = '  File "/usr/lib/python3.11/json/decoder.py", line 355, in decode\n    raise Error\n'
    error = {"type": "E", "traceback": own * 7 + library}
    known = store({"id": "a", "status": "FAILED", "error": json.dumps(error)})

    frames = details(known, known.get("a"), [])["error"]["frames"]
    frame = {
        "where": "clean.py:41 in parse",
        "file": "/home/ada/clean.py",
        "source": "day = read(text)",
    }
    assert frames == [frame] * 6


def test_of_a_long_traceback_the_end_is_told() -> None:
    error = {"type": "E", "message": "m", "traceback": "x" * 30_000 + "end", "exitCode": 3}
    known = store({"id": "a", "status": "FAILED", "error": json.dumps(error)})

    told = details(known, known.get("a"), [])["error"]
    assert len(told["traceback"]) == 20_000
    assert told["traceback"].endswith("end")
    assert (told["type"], told["message"], told["exitCode"], told["signal"]) == ("E", "m", 3, None)
