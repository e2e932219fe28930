from typing import Any

import pytest

from jupyter_jobs.cli import cells
from jupyter_jobs.jobs.model import Job, JobStatus, Priority

NOW = 1_795_341_600.0  # 2026-11-22T10:00:00Z
STARTED = "2026-11-22T09:59:00Z"


def job(**more: Any) -> Job:
    return Job(**{"id": "0123456789ab", "name": "train", "status": JobStatus.RUNNING, **more})


def test_trouble_comes_first_then_what_runs_longest_then_what_waits_then_what_is_over() -> None:
    at = "2026-11-22T09:5{}:00Z".format
    jobs = [
        job(id="over", status=JobStatus.SUCCEEDED, finished_at=at(9)),
        job(id="waits", status=JobStatus.QUEUED, created_at=at(1)),
        job(id="urgent", status=JobStatus.QUEUED, created_at=at(2), priority=Priority.HIGH),
        job(id="runs", started_at=at(4)),
        job(id="runs longer", started_at=at(3)),
        job(id="old trouble", status=JobStatus.LOST, finished_at=at(1)),
        job(id="new trouble", status=JobStatus.FAILED, finished_at=at(2)),
        job(id="ends", status=JobStatus.CANCELLING, started_at=at(0)),
    ]

    assert [each.id for each in sorted(jobs, key=cells.rank)] == [
        *("new trouble", "old trouble", "runs longer", "runs"),
        *("ends", "urgent", "waits", "over"),
    ]


def test_a_name_says_which_attempt_and_which_run() -> None:
    assert cells.name(job()) == "train"
    assert cells.name(job(attempt=2)) == "train (attempt 2)"
    assert cells.name(job(history=({"error": "x"},))) == "train (run 2)"
    assert cells.name(job(history=({"error": "x"},), status=JobStatus.SUCCEEDED)) == "train"
    assert cells.name(job(name="a\x1b[31mb\nc")) == "ab c"


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({}, None),
        ({"progress": 0.25}, 0.25),
        ({"done": 3, "total": 4}, 0.75),
        ({"done": 3, "total": 0}, None),
        ({"progress": 1.5}, 1.0),
        ({"progress": float("nan")}, None),
    ],
)
def test_how_far_it_is_comes_from_its_share_or_its_steps(
    facts: dict[str, float], part: float | None
) -> None:
    assert cells.fraction(job(**facts)) == part


def test_percent_is_rounded_down_so_that_100_is_all() -> None:
    assert [cells.percent(part) for part in (0.58, 0.999, 1.0)] == ["58%", "99%", "100%"]


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [
        (None, 10, ""),
        (3, None, "3"),
        (3, 10, "3/10"),
        (5800, 10_000, "5.8k/10k"),
        (1_300_000, 99_000_000, "1.3M/99M"),
        (999.6, 1e15, "1k/1000T"),
    ],
)
def test_steps_are_counted_in_few_characters(
    done: float | None, total: float | None, words: str
) -> None:
    assert cells.steps(job(done=done, total=total)) == words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"started_at": STARTED}, "1m00s"),
        ({}, ""),
        ({"status": JobStatus.QUEUED, "created_at": "2026-11-22T09:59:50Z"}, "10s"),
        (
            {
                "status": JobStatus.SUCCEEDED,
                "started_at": STARTED,
                "finished_at": "2026-11-22T09:59:02.5Z",
            },
            "2.5s",
        ),
        ({"started_at": "when it rained"}, ""),
    ],
)
def test_the_time_is_how_long_it_has_waited_run_or_taken(facts: dict[str, Any], words: str) -> None:
    assert cells.time(job(**facts), NOW) == words


def test_what_is_left_is_told_once_there_is_a_pace() -> None:
    assert cells.left(job(started_at=STARTED, progress=0.5), NOW) == "~1m"
    assert cells.left(job(started_at=STARTED, progress=0.02), NOW) == ""
    assert cells.left(job(started_at="2026-11-22T09:59:58Z", progress=0.5), NOW) == ""
    assert cells.left(job(status=JobStatus.QUEUED, progress=0.5, created_at=STARTED), NOW) == ""


def test_what_is_left_comes_from_earlier_runs_and_from_how_it_went() -> None:
    usual = {"count": 5, "median": 90.0, "p90": 100.0}
    at = "2026-11-22T09:59:{:02}Z".format
    slowed = [(at(10), 0.4), (at(20), 0.41), (at(30), 0.42), (at(40), 0.43), (at(50), 0.44)]

    assert cells.left(job(started_at=STARTED, usual=usual), NOW) == "~30s"
    assert cells.left(job(started_at=STARTED, progress=0.45), NOW, [*slowed]) > "~4m"
    assert cells.left(job(started_at="when it rained", progress=0.5), NOW) == ""


def test_a_job_that_takes_longer_than_usual_says_so() -> None:
    usual = {"count": 5, "median": 20.0, "p90": 30.0}

    assert cells.says(job(started_at=STARTED, usual=usual, message="epoch 3"), NOW) == (
        "▲ slow: usually 20 s to 30 s · epoch 3"
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"message": "epoch\n 3"}, "epoch 3"),
        (
            {
                "status": JobStatus.FAILED,
                "message": "reading",
                "error": {"type": "ValueError", "message": "bad day"},
            },
            "ValueError: bad day",
        ),
        ({"status": JobStatus.FAILED, "message": "reading"}, "reading"),
        (
            {
                "status": JobStatus.QUEUED,
                "priority": Priority.HIGH,
                "after": ("a", "b"),
                "message": "run 2 of 3 in 4 s",
            },
            "high priority · after 2 others · run 2 of 3 in 4 s",
        ),
    ],
)
def test_the_last_word_is_why_it_failed_or_what_it_said(facts: dict[str, Any], words: str) -> None:
    assert cells.says(job(**facts), NOW) == words
