import json
from typing import Any

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.details import details
from jupyter_jobs.widget.facts import Asked


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
        told = details(known, known.get(id_), Asked())
        assert [attempt["id"] for attempt in told["attempts"]] == ["a", "b", "c"]
    assert told["attempts"][1] == {
        "id": "b",
        "attempt": 2,
        "status": "FAILED",
        "startedAt": 1795341600250,
        "finishedAt": None,
        "error": "E: still bad",
    }


def test_what_it_measures_and_its_last_words_are_told() -> None:
    known = store({"id": "a", "metrics": '{"loss": {"last": 0.21, "spark": [3, 1]}}'})
    told = details(known, known.get("a"), Asked(["one", "two"]))

    assert told["charts"] == (("loss 0.21", "0,1 48,13"),)
    assert (told["log"], told["error"], told["version"]) == (["one", "two"], None, 1)
    assert dict(told["pairs"])["id"] == {"code": "a"}


def test_of_a_traceback_the_users_own_calls_are_told_apart() -> None:
    own = '  File "/home/ada/clean.py", line 41, in parse\n    day = read(text)\n'
    library = '  File "/usr/lib/python3.11/json/decoder.py", line 355, in decode\n    raise Error\n'
    error = {"type": "E", "traceback": own * 7 + library}
    known = store({"id": "a", "status": "FAILED", "error": json.dumps(error)})

    frames = details(known, known.get("a"), Asked())["error"]["frames"]
    frame = {
        "where": "clean.py:41 in parse",
        "file": "/home/ada/clean.py",
        "source": "day = read(text)",
    }
    assert frames == [frame] * 6


def test_of_a_long_traceback_the_end_is_told() -> None:
    error = {"type": "E", "message": "m", "traceback": "x" * 30_000 + "end", "exitCode": 3}
    known = store({"id": "a", "status": "FAILED", "error": json.dumps(error)})

    told = details(known, known.get("a"), Asked())["error"]
    assert len(told["traceback"]) == 20_000
    assert told["traceback"].endswith("end")
    assert (told["type"], told["message"], told["exitCode"], told["signal"]) == ("E", "m", 3, None)
