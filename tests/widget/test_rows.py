import json
from typing import Any

import pytest

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.rows import ROW_FIELDS, URGENCY, most_urgent, row


def body(id_: str = "j", version: int = 1, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {"id": id_, "version": version, "status": status, "name": id_, **more}


def error(message: str, type_: str = "ValueError") -> str:
    return json.dumps({"type": type_, "message": message})


def test_a_row_has_exactly_its_fields_and_times_in_milliseconds() -> None:
    shown = row(body(createdAt="2026-11-22T10:00:00.250Z"))

    assert set(shown) == set(ROW_FIELDS)
    assert shown["createdAt"] == 1795341600250
    assert shown["finishedAt"] is None


def test_a_failure_is_one_line_and_what_it_shares_with_others() -> None:
    shown = row(body(status="FAILED", error=error("bad day 7\n second line")))

    assert shown["error"] == "ValueError: bad day 7 second line"
    assert shown["failure"] == "ValueError: bad day …"


def test_a_status_is_not_said_again_by_the_type_of_its_error() -> None:
    shown = row(body(status="LOST", error=error("its process was killed", "Lost")))

    assert shown["error"] == "its process was killed"


@pytest.mark.parametrize("status", [status for status in JobStatus if not status.is_failure])
def test_a_job_that_has_not_failed_has_no_failure(status: JobStatus) -> None:
    shown = row(body(status=status.value, error=error("bad day")))

    assert (shown["error"], shown["failure"]) == (None, None)


def test_what_is_usual_is_null() -> None:
    usual = row(body(attempt=1, tags=[], progress=None))
    unusual = row(body(attempt=3, tags=["a", "b"], progress=1 / 3))

    assert (usual["attempt"], usual["tags"], usual["progress"]) == (None, None, None)
    assert (unusual["attempt"], unusual["tags"], unusual["progress"]) == (3, ("a", "b"), 0.3333)


@pytest.mark.parametrize("progress", [0.0, 0.29, 0.57, 0.999, 1.0, 1])
def test_a_progress_is_shown_as_it_is(progress: float) -> None:
    assert row(body(progress=progress))["progress"] == progress


def test_long_texts_are_cut() -> None:
    assert len(row(body(message="x" * 5000))["message"]) == 200


def test_each_status_has_its_urgency() -> None:
    assert set(URGENCY) == set(JobStatus)


def test_trouble_comes_first_and_of_each_kind_the_newest() -> None:
    store = JobStore()
    for n, status in enumerate(["SUCCEEDED", "QUEUED", "RUNNING", "FAILED", "SUCCEEDED"]):
        store.merge(body(f"j{n}", status=status, createdAt=f"2026-11-22T10:00:0{n}Z"))

    assert [job.id for job in most_urgent(store, 9)] == ["j3", "j2", "j1", "j4", "j0"]
    assert [job.id for job in most_urgent(store, 2)] == ["j3", "j2"]


def test_of_a_line_of_attempts_only_the_newest_is_urgent() -> None:
    store = JobStore()
    store.merge(body("a", status="FAILED"))
    store.merge(body("b", status="QUEUED", retryOf="a"))

    assert [job.id for job in most_urgent(store, 9)] == ["b"]
