from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.jobs.limits import EVENT_LIMIT
from jupyter_jobs.jobs.operations import (
    CANCEL_JOB,
    GET_JOB,
    JOB_METRICS,
    JOB_RESULT,
    PRUNE_JOBS,
    UPDATE_JOB,
)
from tests.support.bare_api import BareApi


async def test_a_worker_elsewhere_works_a_job_off(backend: BareApi) -> None:
    await backend.submit(id="a")

    running = await backend.ask(
        UPDATE_JOB, input={"id": "a", "status": "RUNNING", "done": 1, "total": 4, "message": "m"}
    )
    ended = await backend.ask(
        UPDATE_JOB, input={"id": "a", "status": "SUCCEEDED", "result": "[1]", "expectedVersion": 2}
    )

    assert (running["version"], running["done"], running["total"]) == (2, 1, 4)
    assert running["progress"] == 0.25
    assert (ended["status"], ended["result"], ended["message"]) == ("SUCCEEDED", "[1]", "m")
    result = await backend.ask(JOB_RESULT, id="a")
    assert result == {"encoding": "json", "data": "WzFd", "path": None}


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        ({"progress": 1.5}, "InvalidJob"),
        ({"progress": -0.1}, "InvalidJob"),
        ({"result": "{"}, "InvalidJob"),
        ({"error": "no json"}, "InvalidJob"),
        ({"metrics": "{"}, "InvalidJob"),
        ({"metrics": '{"loss": "low"}'}, "InvalidJob"),
        ({"expectedVersion": 7}, "VersionConflict"),
        ({"status": "QUEUED", "message": "again"}, None),
        ({"result": json.dumps("x" * EVENT_LIMIT)}, "PayloadTooLarge"),
        ({"message": "x" * EVENT_LIMIT}, "PayloadTooLarge"),
    ],
)
async def test_an_update_is_checked(
    backend: BareApi, change: dict[str, Any], error_type: str | None
) -> None:
    await backend.submit(id="a")

    if error_type is None:
        await backend.ask(UPDATE_JOB, input={"id": "a", **change})
    else:
        error = await backend.refused(UPDATE_JOB, input={"id": "a", **change})
        assert error["errorType"] == error_type
        assert (await backend.ask(GET_JOB, id="a"))["version"] == 1


async def test_too_large_an_update_names_size_and_limit(backend: BareApi) -> None:
    await backend.submit(id="a")

    error = await backend.refused(UPDATE_JOB, input={"id": "a", "message": "x" * EVENT_LIMIT})

    assert error["errorInfo"]["size"] > error["errorInfo"]["limit"] > 0


@pytest.mark.parametrize("letter", ['"', "é", "😀"])
async def test_what_an_update_may_write_fits_an_event(backend: BareApi, letter: str) -> None:
    await backend.submit(id="a", params=json.dumps('"' * 50_000))
    result = letter * 30_000

    await backend.api.execute(
        UPDATE_JOB, {"input": {"id": "a", "status": "RUNNING", "result": json.dumps(result)}}
    )

    job = await backend.ask(GET_JOB, id="a")
    assert (
        len(json.dumps({"data": {"onJobUpdate": job}}, ensure_ascii=False).encode()) <= EVENT_LIMIT
    )


async def test_a_queued_job_is_cancelled_at_once_and_an_ended_one_stays(backend: BareApi) -> None:
    await backend.submit(id="a")

    first = await backend.ask(CANCEL_JOB, id="a")
    again = await backend.ask(CANCEL_JOB, id="a")

    assert first["status"] == "CANCELLED"
    assert again == first


async def test_a_job_that_is_just_started_is_cancelling_until_its_process_is_gone(
    backend: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(Runner, "processes", property(lambda runner: {"a": 7}))
    monkeypatch.setattr(Runner, "kill", lambda runner, id_: ended.append(id_))
    await backend.submit(id="a")

    asked = await backend.ask(CANCEL_JOB, id="a")

    assert asked["status"] == "CANCELLING"
    assert ended == ["a"]


async def test_a_running_job_elsewhere_is_cancelling_until_its_worker_says_otherwise(
    backend: BareApi,
) -> None:
    await backend.submit(id="a")
    await backend.ask(UPDATE_JOB, input={"id": "a", "status": "RUNNING"})

    asked = await backend.ask(CANCEL_JOB, id="a")
    again = await backend.ask(CANCEL_JOB, id="a")
    refused = await backend.refused(UPDATE_JOB, input={"id": "a", "status": "RUNNING"})
    ended = await backend.ask(UPDATE_JOB, input={"id": "a", "status": "CANCELLED"})

    assert (asked["status"], again) == ("CANCELLING", asked)
    assert refused["errorType"] == "InvalidTransition"
    assert ended["status"] == "CANCELLED"


async def test_a_refused_update_leaves_no_point_of_a_series(backend: BareApi) -> None:
    await backend.submit(id="a")
    told = {"id": "a", "metrics": '{"loss": 1}'}
    await backend.refused(UPDATE_JOB, input={**told, "expectedVersion": 7})
    await backend.refused(UPDATE_JOB, input={**told, "message": "x" * EVENT_LIMIT})

    job = await backend.ask(UPDATE_JOB, input={**told, "status": "SUCCEEDED"})

    assert json.loads(job["metrics"]) == {"loss": {"last": 1, "spark": [1]}}
    assert len((await backend.ask(JOB_METRICS, id="a"))["points"]) == 1


async def test_ended_jobs_are_forgotten_when_that_is_asked_for(backend: BareApi) -> None:
    for id_, group in (("a", "g"), ("b", "h"), ("c", "g")):
        await backend.submit(id=id_, group=group)
    for id_ in ("a", "b"):
        await backend.ask(CANCEL_JOB, id=id_)
    backend.published.clear()

    early = await backend.ask(PRUNE_JOBS, before="2001-01-01T00:00:00Z")
    of_group = await backend.ask(PRUNE_JOBS, before="2999-01-01T00:00:00Z", group="g")
    others = await backend.ask(PRUNE_JOBS, before="2999-01-01T00:00:00Z")

    assert (early, of_group, others) == (0, 1, 1)
    assert backend.repository.counts() == {"QUEUED": 1}
    assert backend.published == []


async def test_a_time_that_is_none_forgets_nothing(backend: BareApi) -> None:
    assert (await backend.refused(PRUNE_JOBS, before="soon"))["errorType"] == "BadRequest"
