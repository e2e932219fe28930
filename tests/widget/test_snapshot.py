from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.widget.snapshot import Line, take, take_slowly

TIMES = "\N{MULTIPLICATION SIGN}"
NOW = 1_795_357_860.0  # 2026-11-22 14:31 UTC
BEGUN = "2026-11-22T14:30:00Z"


def job(n: int, status: str, **more: Any) -> Job:
    if "error" in more:
        more["error"] = json.dumps(more["error"])
    body = {"id": f"secret-id-{n}", "version": 1, "status": status, "name": f"job {n}", **more}
    return Job.from_wire(body)


def failed(n: int, message: str, kind: str = "ValueError", **more: Any) -> Job:
    return job(n, "FAILED", error={"type": kind, "message": message}, **more)


def lines(jobs: Iterable[Job], now: float | None = None) -> list[tuple[str, str, str]]:
    return [(line.title, line.detail, line.time) for line in take(jobs, now).lines]


def test_failures_that_are_alike_share_a_line_and_the_most_frequent_comes_first() -> None:
    jobs = [failed(0, "no key", "KeyError"), *(failed(n, f"bad day {n}") for n in (1, 2, 3))]

    assert lines(jobs) == [
        (f"3 {TIMES} ValueError: bad day …", "e.g. job 3: bad day 3", ""),
        ("job 0", "KeyError: no key", ""),
    ]


def test_failed_lost_and_late_are_told_apart() -> None:
    jobs = [job(1, "LOST"), job(2, "TIMED_OUT"), failed(3, "x"), job(4, "LOST")]

    assert [(line.status, line.title) for line in take(jobs, None).lines] == [
        (JobStatus.FAILED, "job 3"),
        (JobStatus.LOST, f"2 {TIMES} lost"),
        (JobStatus.TIMED_OUT, "job 2"),
    ]


def test_many_kinds_of_failure_are_counted() -> None:
    kinds = "ABCDEFGH"
    jobs = [failed(n, "x", f"{kind}Error") for n, kind in enumerate(kinds)]

    assert lines(jobs)[6:] == [("2 more, of 2 other kinds", "", "")]
    assert lines(jobs[:7])[6:] == [("1 more, of 1 other kind", "", "")]


def test_trouble_comes_first_then_work_then_what_is_done() -> None:
    statuses = ["SUCCEEDED", "CANCELLED", "QUEUED", "RUNNING", "CANCELLING", "FAILED"]
    snapshot = take([job(n, status) for n, status in enumerate(statuses)], None)

    assert [line.status for line in snapshot.lines] == [
        JobStatus(word)
        for word in ("FAILED", "RUNNING", "CANCELLING", "QUEUED", "SUCCEEDED", "CANCELLED")
    ]
    assert snapshot.counts == tuple((line.status, 1) for line in snapshot.lines)


def test_work_is_shown_with_its_progress_longest_first() -> None:
    jobs = [
        job(1, "RUNNING", startedAt="2026-11-22T14:30:50Z", done=1, total=4, message="a  line"),
        job(2, "RUNNING", startedAt=BEGUN, progress=0.58),
    ]

    assert take(jobs, NOW).lines == (
        Line(status=JobStatus.RUNNING, title="job 2", progress=0.58, time="1m00s so far"),
        Line(
            status=JobStatus.RUNNING,
            title="job 1",
            detail="a line",
            progress=0.25,
            time="10s so far",
        ),
    )
    assert lines([*jobs, *(job(n, "RUNNING") for n in range(3, 12))])[5:] == [("6 more", "", "")]


def test_few_names_are_named_and_many_are_counted() -> None:
    few = [job(n, "SUCCEEDED", name=name) for n, name in enumerate("aabc")]
    many = [job(n, "SUCCEEDED", createdAt=BEGUN, name=f"day {n}") for n in range(5)]

    assert lines(few) == [(f"2 {TIMES} a, b, c", "", "")]
    assert lines(many) == [("5 jobs", "day 0, day 1, day 2, day 3, …", "")]


def test_names_come_in_the_order_of_submission_however_they_arrive() -> None:
    jobs = [
        job(1, "SUCCEEDED", createdAt="2026-11-22T14:00:02Z", name="a"),
        job(2, "SUCCEEDED", createdAt="2026-11-22T14:00:01Z", name="c"),
        job(3, "SUCCEEDED", createdAt="2026-11-22T14:00:01Z", name="b"),
    ]

    assert lines(jobs) == lines(reversed(jobs)) == [("b, c, a", "", "")]


def test_times_are_told_by_median_and_percentile() -> None:
    jobs = [
        job(n, "SUCCEEDED", name="x", startedAt=BEGUN, finishedAt=f"2026-11-22T14:30:{n:02}Z")
        for n in range(1, 22)
    ]

    assert take(jobs, NOW).lines[0].time == "median 11s · p90 19s"
    assert take(jobs[:1], NOW).lines[0].time == "1.0s"
    assert take(jobs, NOW).as_of == "2026-11-22 14:31 UTC"


def test_without_a_clock_there_is_no_time_at_all() -> None:
    jobs = [
        job(1, "RUNNING", startedAt=BEGUN),
        job(2, "SUCCEEDED", startedAt=BEGUN, finishedAt="2026-11-22T14:30:01Z"),
        failed(3, "x", startedAt=BEGUN, finishedAt="2026-11-22T14:30:01Z"),
    ]
    snapshot = take(jobs, None)

    assert [line.time for line in snapshot.lines] == ["", "", ""]
    assert snapshot.as_of == ""


def test_pictures_of_the_same_jobs_are_equal_whenever_they_were_taken() -> None:
    jobs = [job(1, "SUCCEEDED")]

    assert take(jobs, NOW) == take(jobs, NOW + 3600)
    assert take(jobs, NOW) != take([*jobs, job(2, "SUCCEEDED")], NOW)


def test_a_job_without_a_name_is_not_called_by_its_id() -> None:
    nameless = job(1, "SUCCEEDED", name=None)

    assert lines([nameless]) == [("a job", "", "")]
    assert lines([job(1, "SUCCEEDED", name="see secret-id-1 in /a/b")]) == [
        ("see … in …/b", "", "")
    ]


def test_many_jobs_are_read_a_few_at_a_time() -> None:
    steps = list(take_slowly((job(n, "SUCCEEDED", name="x") for n in range(1000)), None))

    assert len(steps) > 50
    assert steps[:-1] == [None] * (len(steps) - 1)
    assert steps[-1] == take((job(n, "SUCCEEDED", name="x") for n in range(1000)), None)


def test_a_failure_is_looked_at_once() -> None:
    kinds: dict[str, str] = {}
    first = take([failed(1, "bad day 1")], None, kinds)

    assert take([failed(1, "bad day 1")], None, kinds) == first
    assert kinds == {"secret-id-1": "ValueError: bad day …"}
    kinds["secret-id-1"] = kinds["secret-id-2"] = "as it was known"
    jobs = [failed(1, "x"), failed(2, "y")]
    assert take(jobs, None, kinds).lines[0].title == f"2 {TIMES} as it was known"
