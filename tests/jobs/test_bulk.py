from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    InvalidJob,
    InvalidTransition,
    JobNotFound,
    NotSupported,
    RemoteProtocolError,
    RequestRefused,
    ServerFault,
)
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.bulk import Outcome, cancel_many, retry_many, submit_many
from jupyter_jobs.jobs.calls import BATCH
from jupyter_jobs.jobs.limits import DOCUMENT_LIMIT
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE
from jupyter_jobs.jobs.profiles import PROFILES
from tests.support.backend import RunningBackend
from tests.support.following import api_of
from tests.support.server import KEY, Answer, FakeAppSync

OURS, SEED = PROFILES["jupyter_jobs"], PROFILES["seed"]

Submit = Callable[..., Coroutine[Any, Any, list[Outcome]]]


def new(**fields: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "request": "work", "group": "bulk", **fields}


@pytest.fixture(params=["async", "sync"])
def submit(request: pytest.FixtureRequest) -> Submit:
    """Submit many jobs, or do with them what is told, either way."""

    async def submit(
        api: JobApi, bodies: list[Any], many: Callable[..., Any] = submit_many
    ) -> list[Outcome]:
        exchange = many(bodies, api.profile)
        async with api.wire:
            if request.param == "async":
                return await api.drive(exchange)
            return await asyncio.to_thread(api.drive_sync, exchange)

    return submit


def scripted(server: FakeAppSync, **options: Any) -> JobApi:
    wire = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), max_retries=0)
    return JobApi(wire, **options)


async def test_each_job_of_many_is_accepted_and_publishes_its_event(
    external_backend: RunningBackend, submit: Submit
) -> None:
    bodies = [new() for _ in range(BATCH + 5)]
    missing = {body["id"] for body in bodies}
    all_arrived, live = asyncio.Event(), asyncio.Event()

    def arrived(payload: dict[str, Any]) -> None:
        job = payload["data"]["onJobUpdate"]
        assert job["version"] == 1
        assert job["createdAt"]
        missing.discard(job["id"])
        if not missing:
            all_arrived.set()

    async with AppSyncClient(external_backend.http, ApiKeyAuth(external_backend.key)) as watching:
        watching.subscribe(
            ON_JOB_UPDATE["group"],
            {"group": "bulk"},
            on_started=live.set,
            on_data=arrived,
            on_ended=lambda error: None,
        )
        await live.wait()
        outcomes = await submit(api_of(external_backend), bodies)
        await all_arrived.wait()

    assert [job["id"] for job in outcomes] == [body["id"] for body in bodies]  # type: ignore[index]  # no errors


async def test_a_bad_job_does_not_take_the_others_with_it(
    external_backend: RunningBackend, submit: Submit
) -> None:
    bodies = [new(), new(params="{"), new(), new(id="../up")]

    first, bad, third, worse = await submit(api_of(external_backend), bodies)

    assert (first["id"], third["id"]) == (bodies[0]["id"], bodies[2]["id"])  # type: ignore[index]  # no errors
    assert isinstance(bad, InvalidJob)
    assert "params must be JSON" in str(bad)
    assert bad.job_id == bodies[1]["id"]
    assert isinstance(worse, InvalidJob)
    assert "id must be" in str(worse)


async def test_the_same_submission_once_more_makes_no_second_job(
    external_backend: RunningBackend, submit: Submit
) -> None:
    group = str(uuid.uuid4())
    bodies = [new(group=group) for _ in range(3)]

    once = await submit(api_of(external_backend), bodies)
    twice = await submit(api_of(external_backend), [*bodies, new(id=bodies[0]["id"], name="other")])

    assert twice[:3] == once
    assert isinstance(twice[3], RequestRefused)
    listed = external_backend.execute(f'{{ listJobs(group: "{group}") {{ items {{ id }} }} }}')
    assert len(listed["data"]["listJobs"]["items"]) == 3


async def test_a_document_holds_no_more_than_the_limits_allow(submit: Submit) -> None:
    large = json.dumps("x" * (DOCUMENT_LIMIT // 3))
    bodies = [new(params=large) for _ in range(4)] + [new() for _ in range(2 * BATCH)]
    async with FakeAppSync() as server:
        server.answers = [
            Answer({"data": {f"job{n}": {"id": str(n)} for n in range(count)}})
            for count in (2, 2 + 98, 100, 2)
        ]

        outcomes = await submit(scripted(server), bodies)

        sent = [len(post.body["variables"]) for post in server.posts]
        assert sum(sent) == len(outcomes) == len(bodies)
        assert max(sent) == BATCH
        assert sent[0] == 2


async def test_a_document_for_this_machine_holds_more(submit: Submit) -> None:
    large = json.dumps("x" * (DOCUMENT_LIMIT // 3))
    bodies = [new(params=large) for _ in range(5)] + [new() for _ in range(2 * BATCH)]
    async with FakeAppSync() as server:
        server.answers = [Answer({"data": {f"job{n}": {"id": str(n)} for n in range(len(bodies))}})]

        outcomes = await submit(scripted(server), bodies, partial(submit_many, is_here=True))

        assert [len(post.body["variables"]) for post in server.posts] == [len(bodies)]
    assert len(outcomes) == len(bodies)


async def test_what_never_got_there_is_said_of_every_job_that_follows(submit: Submit) -> None:
    async with FakeAppSync() as server:
        server.answers = [
            Answer({"data": {f"job{n}": {"id": str(n)} for n in range(BATCH)}}),
            Answer(b"<html>", 502),
        ]

        outcomes = await submit(scripted(server), [new() for _ in range(3 * BATCH)])

        assert len(server.posts) == 2
    assert [type(outcome) for outcome in outcomes] == [dict] * BATCH + [ServerFault] * (2 * BATCH)


async def test_an_answer_without_job_and_error_is_the_servers_fault(submit: Submit) -> None:
    told = {"data": {"job0": {"id": "a"}}, "errors": [{"message": "no", "path": ["job2"]}]}
    async with FakeAppSync() as server:
        server.answers = [Answer(told)]

        outcomes = await submit(scripted(server), [new() for _ in range(3)])

    assert [type(o) for o in outcomes] == [dict, RemoteProtocolError, RequestRefused]


async def test_an_api_of_another_kind_gets_one_request_a_job(submit: Submit) -> None:
    async with FakeAppSync() as server:
        server.answers = [
            Answer({"data": {"submitJob": {"id": "1", "status": "PENDING"}}}),
            Answer({"data": None, "errors": [{"message": "no"}]}),
            Answer({"data": {"submitJob": {"id": "3", "status": "PENDING"}}}),
        ]

        outcomes = await submit(scripted(server, profile=SEED), [{"request": "r"}] * 3)

        assert len(server.posts) == 3
    assert [type(o) for o in outcomes] == [dict, RequestRefused, dict]


async def test_many_are_cancelled_each_with_its_own_outcome(
    external_backend: RunningBackend, submit: Submit
) -> None:
    ids = [body["id"] for body in (new(), new(), new())]
    await submit(api_of(external_backend), [new(id=id_) for id_ in ids])
    external_backend.update(ids[1], status="RUNNING")
    external_backend.update(ids[2], status="SUCCEEDED")

    outcomes = await submit(api_of(external_backend), [*ids, "nobody"], cancel_many)

    assert [outcome["status"] for outcome in outcomes[:3]] == [  # type: ignore[index]  # no errors
        "CANCELLED",
        "CANCELLING",
        "SUCCEEDED",
    ]
    assert isinstance(outcomes[3], JobNotFound)
    assert outcomes[3].job_id == "nobody"


async def test_many_are_retried_once_each_and_what_lives_is_refused(
    external_backend: RunningBackend, submit: Submit
) -> None:
    count = BATCH + 3
    ids = [body["id"] for body in (new() for _ in range(count))]
    await submit(api_of(external_backend), [new(id=id_, tags=["night"]) for id_ in ids])
    await submit(api_of(external_backend), ids[1:], cancel_many)

    first = await submit(api_of(external_backend), ids, retry_many)
    again = await submit(api_of(external_backend), ids[1:], retry_many)

    assert isinstance(first[0], InvalidTransition)
    assert "is queued; only a job that has ended can be retried" in str(first[0])
    retries: list[Any] = first[1:]
    assert again == retries
    assert [job["retryOf"] for job in retries] == ids[1:]
    assert {(job["attempt"], job["status"], *job["tags"]) for job in retries} == {
        (2, "QUEUED", "night")
    }
    assert len({job["id"] for job in retries}) == count - 1


@pytest.mark.parametrize("many", [retry_many, cancel_many])
async def test_what_an_api_cannot_do_is_said_of_each_job_without_asking(
    submit: Submit, many: Callable[..., Any]
) -> None:
    async with FakeAppSync() as server:
        outcomes = await submit(scripted(server, profile=SEED), ["a", "b"], many)

        assert server.posts == []
    assert [type(outcome) for outcome in outcomes] == [NotSupported] * 2
    assert "this API has no" in str(outcomes[0])


async def test_a_schema_without_retries_is_told_for_each_job(submit: Submit) -> None:
    message = "Validation error of type FieldUndefined: Field 'retryJob' in type 'Mutation' is undefined @ 'job0'"
    async with FakeAppSync() as server:
        server.answers = [Answer({"data": None, "errors": [{"path": None, "message": message}]})]

        outcomes = await submit(scripted(server), ["a", "b"], retry_many)

    assert [str(outcome) for outcome in outcomes] == [
        "this API has no retryJob: submit the work again instead"
    ] * 2
    assert [outcome.job_id for outcome in outcomes] == ["a", "b"]  # type: ignore[union-attr]  # errors


async def test_no_jobs_need_no_request(submit: Submit) -> None:
    async with FakeAppSync() as server:
        assert await submit(scripted(server), []) == []

        assert server.posts == []
