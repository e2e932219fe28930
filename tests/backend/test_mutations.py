from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.runner import Runner
from jupyter_jobs.jobs.limits import EVENT_LIMIT, PARAMS_LIMIT
from jupyter_jobs.jobs.model import WIRE_NAMES
from jupyter_jobs.jobs.operations import (
    CANCEL_JOB,
    GET_JOB,
    JOB_PAYLOAD,
    JOB_RESULT,
    RETRY_JOB,
    SUBMIT_JOB,
    UPDATE_JOB,
)
from tests.support.bare_api import BareApi


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()


async def test_a_submitted_job_is_answered_in_full_and_published_as_it_was_selected(
    backend: BareApi,
) -> None:
    job = await backend.submit(id="a", group="g", params='{"n": 1}', priority="HIGH")

    assert list(job) == list(WIRE_NAMES.values())
    assert (job["id"], job["status"], job["version"], job["kind"]) == ("a", "QUEUED", 1, "REQUEST")
    assert (job["priority"], job["params"], job["group"]) == ("HIGH", '{"n": 1}', "g")
    assert backend.published == [("submitJob", job)]
    assert await backend.ask(GET_JOB, id="a") == job


async def test_without_an_id_the_server_makes_one(backend: BareApi) -> None:
    assert (await backend.submit())["id"] != (await backend.submit())["id"]


async def test_the_same_submission_again_is_the_job_that_is_there(backend: BareApi) -> None:
    first = await backend.submit(id="a", params="[1]", payload='{"x": 1}')
    await backend.ask(UPDATE_JOB, input={"id": "a", "status": "RUNNING"})

    again = await backend.submit(id="a", params="[1]", payload='{"x": 1}')

    assert first["version"] == 1
    assert (again["status"], again["version"]) == ("RUNNING", 2)


@pytest.mark.parametrize(
    "other",
    [
        {"request": "s"},
        {"params": "[2]"},
        {"name": "n"},
        {"payload": '{"x": 2}'},
        {"priority": "LOW"},
        {"tags": ["x"]},
    ],
)
async def test_another_submission_under_a_known_id_is_refused(
    backend: BareApi, other: dict[str, str]
) -> None:
    given = {"id": "a", "request": "r", "params": "[1]", "payload": '{"x": 1}'}
    await backend.submit(**given)

    error = await backend.refused(SUBMIT_JOB, input={**given, **other})

    assert (error["errorType"], error["errorInfo"]) == ("ConditionalCheckFailed", {"id": "a"})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"request": "  "}, "request is empty"),
        ({"params": "{"}, "params must be JSON"),
        ({"params": "NaN"}, "params must be JSON"),
        ({"params": json.dumps("x" * PARAMS_LIMIT)}, "102,402 bytes, the limit is 102,400"),
        ({"id": "../up"}, "id must be"),
        ({"id": "a" * 129}, "id must be"),
        ({"kind": "FUNCTION", "payload": "[]"}, "payload must be a JSON object"),
        ({"kind": "FUNCTION"}, "payload lacks 'function'"),
        ({"tags": [" "]}, "a tag is a non-empty string"),
    ],
)
async def test_what_cannot_be_a_job_is_refused_before_it_is_stored(
    backend: BareApi, fields: dict[str, str], reason: str
) -> None:
    error = await backend.refused(SUBMIT_JOB, input={"request": "r", **fields})

    assert error["errorType"] == "InvalidJob"
    assert reason in error["message"]
    assert backend.repository.counts() == {}


async def test_params_at_the_limit_are_accepted_and_fit_an_event(backend: BareApi) -> None:
    job = await backend.submit(params=json.dumps('"' * ((PARAMS_LIMIT - 2) // 2)))

    assert len(json.dumps({"data": {"onJobUpdate": job}})) <= EVENT_LIMIT


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


async def test_a_retry_is_the_same_work_as_a_new_job(backend: BareApi) -> None:
    given = {
        "id": "a",
        "request": "r",
        "group": "g",
        "name": "n",
        "kind": "REQUEST",
        "priority": "HIGH",
        "params": "[1]",
        "tags": ["x", "y"],
        "submittedFrom": "train.ipynb, cell 5",
    }
    await backend.submit(**given, payload='{"x": 1}')
    ended = await backend.ask(
        UPDATE_JOB, input={"id": "a", "status": "FAILED", "error": '{"message": "m"}'}
    )
    backend.published.clear()

    retry = await backend.ask(RETRY_JOB, id="a")

    told = ("status", "version", "attempt", "retryOf", "error", "finishedAt")
    assert [retry[name] for name in told] == ["QUEUED", 1, 2, "a", None, None]
    assert {name: retry[name] for name in given} == {**given, "id": retry["id"]}
    assert retry["id"] != "a"
    assert await backend.ask(JOB_PAYLOAD, id=retry["id"]) == '{"x": 1}'
    assert backend.published == [("retryJob", retry)]
    assert await backend.ask(GET_JOB, id="a") == ended


async def test_a_job_has_one_retry_and_that_one_has_its_own(backend: BareApi) -> None:
    await backend.submit(id="a")
    await backend.ask(CANCEL_JOB, id="a")
    second = await backend.ask(RETRY_JOB, id="a")
    live = await backend.refused(RETRY_JOB, id=second["id"])
    cancelled = await backend.ask(CANCEL_JOB, id=second["id"])

    third = await backend.ask(RETRY_JOB, id=second["id"])

    assert live["errorType"] == "InvalidTransition"
    assert "is queued; only a job that has ended can be retried" in live["message"]
    assert (third["attempt"], third["retryOf"]) == (3, second["id"])
    assert await backend.ask(RETRY_JOB, id="a") == cancelled


async def test_two_that_retry_a_job_at_once_get_one_job(
    backend: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend.submit(id="a")
    await backend.ask(CANCEL_JOB, id="a")
    both_ask = asyncio.Barrier(2)

    async def check(self: Runner, submitted: Any) -> None:
        await both_ask.wait()

    monkeypatch.setattr(Runner, "check", check)

    first, second = await asyncio.gather(
        backend.ask(RETRY_JOB, id="a"), backend.ask(RETRY_JOB, id="a")
    )

    assert first == second
    assert backend.repository.counts() == {"CANCELLED": 1, "QUEUED": 1}


async def test_a_retry_that_could_not_run_any_more_is_refused(backend: BareApi) -> None:
    backend.repository.insert({"id": "a", "request": "f()", "kind": "FUNCTION"}, "{}")
    backend.repository.update("a", {"status": "LOST"})

    error = await backend.refused(RETRY_JOB, id="a")

    assert error["errorType"] == "InvalidJob"
    assert "payload lacks 'function'" in error["message"]
