from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.finding import Wanted, moment, wanted
from jupyter_jobs.jobs.model import JobStatus

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def now() -> datetime:
    return NOW


def job(**more: Any) -> dict[str, Any]:
    return {
        "status": "FAILED",
        "name": "a",
        "tags": ["x"],
        "createdAt": "2026-11-22T20:00:00.000Z",
    } | more


def test_nothing_said_is_every_job() -> None:
    assert wanted({}, now) == Wanted()
    assert wanted({}, now).variables == {}
    assert wanted({}, now).fits({"status": "LOST"})


def test_only_filters_that_are_used_are_asked_for() -> None:
    found = wanted({"name": "a", "since": timedelta(hours=1), "status": "failed", "limit": 2}, now)

    assert found.variables == {"name": "a", "since": "2026-11-22T19:00:00.000Z"}
    assert (found.statuses, found.limit) == ((JobStatus.FAILED,), 2)


@pytest.mark.parametrize("status", ["timed out", JobStatus.TIMED_OUT, ["timed_out"]])
def test_a_status_may_be_written_as_people_do(status: Any) -> None:
    assert wanted({"status": status}, now).statuses == (JobStatus.TIMED_OUT,)


@pytest.mark.parametrize(
    ("what", "fits"),
    [
        (Wanted(statuses=(JobStatus.FAILED, JobStatus.LOST)), True),
        (Wanted(statuses=(JobStatus.LOST,)), False),
        (Wanted(name="a"), True),
        (Wanted(name="b"), False),
        (Wanted(tag="x"), True),
        (Wanted(tag="y"), False),
        (Wanted(since="2026-11-22T20:00:00.000Z"), True),
        (Wanted(since="2026-11-22T20:00:00.001Z"), False),
    ],
)
def test_each_answer_is_looked_at(what: Wanted, fits: bool) -> None:
    assert what.fits(job()) is fits


def test_a_job_whose_time_is_not_told_may_be_meant() -> None:
    assert Wanted(since="2026-11-22T20:00:00.000Z").fits(job(createdAt=None))
    assert not Wanted(tag="x").fits(job(tags=None))


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (
            datetime(2026, 11, 22, 21, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-22T20:00:00.000Z",
        ),
        ("2026-11-22T20:00:00.1239Z", "2026-11-22T20:00:00.123Z"),
        ("2026-11-22T22:00+02:00", "2026-11-22T20:00:00.000Z"),
        (timedelta(days=2), "2026-11-20T20:00:00.000Z"),
    ],
)
def test_a_time_is_told_in_utc(since: Any, told: str) -> None:
    assert moment(since, now) == told


def test_a_time_without_a_zone_is_this_machines() -> None:
    local = datetime(2026, 11, 22).astimezone(UTC)

    for since in (datetime(2026, 11, 22), date(2026, 11, 22), "2026-11-22"):
        assert datetime.fromisoformat(moment(since, now)) == local


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"status": "bad"}, "choose of QUEUED, RUNNING"),
        ({"status": 3}, "there is no status 3"),
        ({"since": "yesterday"}, r"timedelta\(hours=2\) for two hours ago"),
        ({"since": 3}, "not 3"),
        ({"limit": 0}, "limit= takes a whole number from 1"),
        ({"limit": True}, "limit= takes"),
        ({"name": 3}, "name= takes a string"),
        ({"tag": ["a"]}, "tag= takes a string"),
        ({"group": 3}, "group= takes a string"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(filters: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        wanted(filters, now)
