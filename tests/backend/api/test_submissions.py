from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jupyter_jobs.backend.api.submissions import fingerprint
from jupyter_jobs.backend.executors import EXECUTORS
from jupyter_jobs.jobs.limits import EVENT_LIMIT, PARAMS_LIMIT
from jupyter_jobs.jobs.model import WIRE_NAMES
from jupyter_jobs.jobs.operations import (
    CANCEL_JOB,
    GET_JOB,
    JOB_PAYLOAD,
    RETRY_JOB,
    SUBMIT_JOB,
    UPDATE_JOB,
)
from tests.support.bare_api import BareApi


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
        {"key": "k"},
        {"batch": "b"},
        {"rules": '{"retries": 1}'},
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
        ({"key": " "}, "key= takes a non-empty string"),
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
        "key": "k",
        "batch": "b",
        "after": ["first"],
        "rules": '{"retries": 2}',
    }
    await backend.submit(id="first")
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
    payload = '{"function": "AAAA"}'
    await backend.submit(id="a", request="f", kind="FUNCTION", payload=payload)
    await backend.ask(CANCEL_JOB, id="a")
    both_ask = asyncio.Barrier(2)

    async def check() -> None:
        await both_ask.wait()

    monkeypatch.setitem(EXECUTORS, "FUNCTION", lambda _: check())

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


async def end(backend: BareApi, id_: str, status: str = "SUCCEEDED", **told: Any) -> dict[str, Any]:
    await backend.ask(UPDATE_JOB, input={"id": id_, "status": "RUNNING"})
    return await backend.ask(UPDATE_JOB, input={"id": id_, "status": status, **told})


async def test_a_key_is_submitted_once(backend: BareApi) -> None:
    first = await backend.submit(id="a", key="k", params='{"x": 1}')
    waiting = await backend.submit(id="b", key=" k ", params='{ "x": 1 }')
    ended = await end(backend, "a")

    done = await backend.submit(id="c", key="k", params='{"x": 1}')

    assert (first["id"], first["key"]) == ("a", "k")
    assert waiting == first
    assert done == ended
    assert backend.repository.counts() == {"SUCCEEDED": 1}


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "TIMED_OUT", "LOST"])
async def test_a_key_whose_job_ended_badly_is_submitted_anew(backend: BareApi, status: str) -> None:
    await backend.submit(id="a", key="k")
    await end(backend, "a", status)

    assert (await backend.submit(id="b", key="k"))["id"] == "b"


async def test_a_job_that_is_being_cancelled_stands_for_nothing(backend: BareApi) -> None:
    await backend.submit(id="a", key="k")
    await backend.ask(UPDATE_JOB, input={"id": "a", "status": "RUNNING"})
    await backend.ask(CANCEL_JOB, id="a")

    assert (await backend.submit(id="b", key="k"))["id"] == "b"


async def test_a_key_is_one_groups(backend: BareApi) -> None:
    ids = [(await backend.submit(key="k", group=group))["id"] for group in ("g", "h", None)]

    assert len(set(ids)) == 3


async def test_again_makes_a_new_job_for_which_the_key_stands_from_then_on(
    backend: BareApi,
) -> None:
    await backend.submit(id="a", key="k")

    second = await backend.submit(id="b", key="k", again=True)

    assert second["id"] == "b"
    assert (await backend.submit(id="b", key="k", again=True))["id"] == "b"
    assert (await backend.submit(id="c", key="k"))["id"] == "b"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"request": "s"}, "request is r, not s"),
        ({"params": "[2]"}, r"params are [1], not [2]"),
        ({"kind": "COMMAND", "payload": '{"shell": "true"}'}, "kind is REQUEST, not COMMAND"),
        ({"payload": '{"function": "B"}'}, "code or arguments are others"),
    ],
)
async def test_other_work_with_a_known_key_is_refused_and_says_what_differs(
    backend: BareApi, other: dict[str, str], words: str
) -> None:
    given = {"request": "r", "params": "[1]", "payload": '{"function": "A"}', "key": "k"}
    await backend.submit(id="a", **given)

    error = await backend.refused(SUBMIT_JOB, input={**given, "id": "b", **other})

    assert (error["errorType"], error["errorInfo"]) == ("JobConflict", {"id": "a"})
    assert words in error["message"]
    assert "again=True" in error["message"]


def test_where_and_by_what_work_is_done_is_not_the_work() -> None:
    fields = {"kind": "FUNCTION", "request": "f", "params": None}
    work = {"function": "A"}

    here = fingerprint(fields, json.dumps({**work, "python": "/a", "cwd": "/b", "env": {"C": "d"}}))

    assert here == fingerprint(fields, json.dumps(work))
    assert here != fingerprint(fields, json.dumps({"function": "B"}))


def test_a_client_may_say_itself_what_the_work_is() -> None:
    fields = {"kind": "FUNCTION", "request": "f", "params": None}

    one, two, three = (
        fingerprint(fields, json.dumps({"function": code, "fingerprint": mark}))
        for code, mark in (("A", "x"), ("B", "x"), ("B", "y"))
    )

    assert one == two != three


async def test_two_that_submit_a_key_at_once_get_one_job(
    backend: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_ask = asyncio.Barrier(2)

    async def check() -> None:
        await both_ask.wait()

    monkeypatch.setitem(EXECUTORS, "FUNCTION", lambda _: check())
    given = {"request": "f", "kind": "FUNCTION", "key": "k", "payload": "{}"}

    first, second = await asyncio.gather(
        backend.ask(SUBMIT_JOB, input=given), backend.ask(SUBMIT_JOB, input=given)
    )

    assert first == second
    assert backend.repository.counts() == {"QUEUED": 1}


async def test_a_retry_takes_the_key_along(backend: BareApi) -> None:
    await backend.submit(id="a", key="k")
    await end(backend, "a", "FAILED")
    retry = await backend.ask(RETRY_JOB, id="a")

    assert (await backend.submit(id="b", key="k")) == retry
    assert retry["key"] == "k"


async def test_a_job_comes_after_jobs_that_there_are(backend: BareApi) -> None:
    await backend.submit(id="a")

    job = await backend.submit(id="b", after=["a", "a"])
    error = await backend.refused(
        SUBMIT_JOB, input={"request": "r", "id": "c", "after": ["a", "x", "c"]}
    )

    assert job["after"] == ["a"]
    assert (error["errorType"], error["errorInfo"]) == ("InvalidJob", {"unknown": ["x", "c"]})
    assert "after names a job that does not exist: x, and 1 more" in error["message"]


async def test_a_job_may_come_after_one_that_has_failed(backend: BareApi) -> None:
    await backend.submit(id="a")
    await end(backend, "a", "FAILED")

    assert (await backend.submit(id="b", after=["a"]))["status"] == "QUEUED"


async def test_a_retry_waits_for_what_is_still_kept(backend: BareApi) -> None:
    await backend.submit(id="a")
    await backend.submit(id="ran", after=["a"])
    await backend.submit(id="waited", after=["a"])
    await end(backend, "a")
    await end(backend, "ran", "FAILED")
    await backend.ask(CANCEL_JOB, id="waited")
    backend.repository.forget(["a"])

    ran = await backend.ask(RETRY_JOB, id="ran")
    error = await backend.refused(RETRY_JOB, id="waited")

    assert ran["after"] is None
    assert error["errorType"] == "InvalidJob"
    assert "has not run, and what it waits for is not kept any more" in error["message"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"speed": 3}, "there is no rule 'speed'; there are timeout"),
        ({"timeout": "soon"}, "timeout must be a number of seconds above 0, not 'soon'"),
        ({"retries": -1}, "retries must be a whole number from 0 to 100"),
        ({"cpus": 2}, "cpus may be at most 1 here, not 2"),
    ],
)
async def test_rules_that_cannot_be_are_refused_with_what_may_be(
    backend: BareApi, rules: dict[str, Any], words: str
) -> None:
    given = {"request": "x", "kind": "COMMAND", "payload": '{"shell": "true"}'}

    error = await backend.refused(SUBMIT_JOB, input={**given, "rules": json.dumps(rules)})

    assert error["errorType"] == "InvalidJob"
    assert words in error["message"]
    assert backend.repository.counts() == {}


async def test_a_worker_elsewhere_may_have_more_cpus(backend: BareApi) -> None:
    assert (await backend.submit(rules='{"cpus": 64}'))["rules"] == '{"cpus": 64}'


async def test_a_new_job_knows_how_long_the_like_of_it_took(backend: BareApi) -> None:
    first = await backend.submit(id="a", name="n", group="g")
    await end(backend, "a")

    second = await backend.submit(name="n", group="g")
    other = await backend.submit(name="m", group="g")

    assert first["usual"] is None
    assert other["usual"] is None
    assert json.loads(second["usual"]).keys() == {"count", "median", "p90"}
    assert json.loads(second["usual"])["count"] == 1
