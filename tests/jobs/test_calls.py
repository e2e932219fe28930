import json
import uuid
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidTransition, JobNotFound
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.finding import Wanted
from jupyter_jobs.jobs.model import JobStatus
from tests.support.backend import RunningBackend
from tests.support.following import submit


def new(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "request": "work", "group": "calls", **more}


def test_a_job_that_is_submitted_twice_is_one_job(api: JobApi) -> None:
    body = new()

    first, again = api.run_sync(calls.submit(body)), api.run_sync(calls.submit(body))
    assert first == again
    assert first["id"] == body["id"]
    assert first["version"] == 1


def test_no_job_is_no_error(api: JobApi) -> None:
    assert api.run_sync(calls.get("nobody")) is None


def test_many_jobs_come_in_one_question_without_those_that_are_not_there(api: JobApi) -> None:
    ids = [api.run_sync(calls.submit(new()))["id"] for _ in range(3)]

    bodies = api.drive_sync(calls.get_many([ids[2], "nobody", ids[0]], api.profile))
    assert [body["id"] for body in bodies] == [ids[2], ids[0]]
    assert bodies[0] == api.run_sync(calls.get(ids[2]))


def test_pages_are_newest_first_and_lead_to_the_older_ones(
    api: JobApi, external_backend: RunningBackend
) -> None:
    ids = [submit(external_backend, "pages") for _ in range(5)]

    first = api.run_sync(calls.page("pages", limit=3))
    second = api.run_sync(calls.page("pages", first["nextToken"], limit=3))
    assert [body["id"] for body in [*first["items"], *second["items"]]] == ids[::-1]
    assert second["nextToken"] is None


def test_a_page_may_be_of_one_state_or_of_all_groups(
    api: JobApi, external_backend: RunningBackend
) -> None:
    running, waiting = submit(external_backend, "states"), submit(external_backend, "states")
    external_backend.update(running, status="RUNNING")

    found = api.run_sync(calls.page("states", status=JobStatus.RUNNING))["items"]
    everywhere = api.run_sync(calls.page(None))["items"]
    assert [body["id"] for body in found] == [running]
    assert {running, waiting} <= {body["id"] for body in everywhere}


def test_what_was_submitted_can_be_had_back(api: JobApi, external_backend: RunningBackend) -> None:
    payload = {"python": "/usr/bin/python3", "handlers": "mine"}
    with_one = api.run_sync(calls.submit(new(payload=json.dumps(payload))))

    assert api.run_sync(calls.payload(with_one["id"])) == payload
    assert api.run_sync(calls.payload(submit(external_backend, "calls"))) is None
    with pytest.raises(JobNotFound):
        api.run_sync(calls.payload("nobody"))


def test_a_retry_is_a_new_job_and_asking_again_returns_it(
    api: JobApi, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "calls")
    with pytest.raises(InvalidTransition, match="is queued; only a job that has ended"):
        api.run_sync(calls.retry(id_))
    external_backend.update(id_, status="FAILED")

    retry = api.run_sync(calls.retry(id_))

    assert (retry["retryOf"], retry["attempt"], retry["status"]) == (id_, 2, "QUEUED")
    assert api.run_sync(calls.retry(id_)) == retry


def test_the_newest_attempts_are_found_beyond_the_first_page(
    api: JobApi, external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PAGE", 2)
    group = str(uuid.uuid4())
    ids = [submit(external_backend, group) for _ in range(5)]
    for id_ in ids:
        external_backend.update(id_, status="FAILED")
    second = api.run_sync(calls.retry(ids[1]))["id"]
    third = api.run_sync(calls.retry(ids[4]))["id"]

    def newest(limit: int, status: JobStatus | None = None) -> list[str]:
        found = api.drive_sync(calls.newest(group, status=status, limit=limit))
        return [body["id"] for body in found]

    assert newest(9) == [third, second, ids[3], ids[2], ids[0]]
    assert newest(3) == [third, second, ids[3]]
    assert newest(2, JobStatus.FAILED) == [ids[3], ids[2]]
    assert newest(9, JobStatus.FAILED) == [ids[3], ids[2], ids[0]]
    assert newest(9, JobStatus.LOST) == []


def test_only_filters_that_are_used_are_sent() -> None:
    plain = calls.page("g", limit=3)
    filtered = calls.page("g", filters={"tag": "night"})

    assert plain.variables == {"group": "g", "limit": 3}
    assert filtered.variables == {"group": "g", "limit": calls.PAGE, "tag": "night"}


def test_what_an_api_does_not_filter_by_is_left_out_here() -> None:
    exchange = calls.found("g", Wanted(name="a", limit=2))
    asked = [next(exchange)]
    told = [job(n, name="ab"[n % 2], retryOf="6" if n == 8 else None) for n in (9, 8, 7, 6, 5, 4)]
    asked.append(exchange.send({"items": told[:3], "nextToken": "more"}))
    with pytest.raises(StopIteration) as end:
        exchange.send({"items": told[3:], "nextToken": None})

    assert [body["id"] for body in end.value.value] == ["8", "4"]
    assert [call.variables["limit"] for call in asked] == [2, calls.PAGE]
    assert all(call.variables["name"] == "a" for call in asked)


def job(n: int, **more: Any) -> dict[str, Any]:
    return {"id": str(n), "status": "FAILED", **more}


def test_cancelling_what_has_ended_changes_nothing(
    api: JobApi, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "calls")
    external_backend.update(id_, status="RUNNING")
    ended = external_backend.update(id_, status="SUCCEEDED")

    assert api.run_sync(calls.cancel(id_)) == ended
