from __future__ import annotations

import uuid
from collections.abc import Callable, Generator
from typing import Any

import pytest

from jupyter_jobs.errors import (
    InvalidJob,
    InvalidTransition,
    JobNotFound,
    NotSupported,
    RequestRefused,
    UnknownRequest,
)
from jupyter_jobs.jobs import calls, operations
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.bulk import submit_many
from jupyter_jobs.jobs.calls import Body, Call
from tests.support.backend import RunningBackend
from tests.support.following import api_of, submit


def new(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "request": "work", "group": "api", **more}


async def test_the_awaited_face_asks_the_same(external_backend: RunningBackend) -> None:
    api = api_of(external_backend)
    async with api.wire:
        body = await api.run(calls.submit(new(name="awaited")))

        assert await api.run(calls.get(body["id"])) == body
        assert api.run_sync(calls.get(body["id"])) == body


@pytest.mark.parametrize("call", [calls.cancel, calls.logs, calls.result])
def test_a_job_that_is_not_there_is_named(api: JobApi, call: Callable[[str], Call[Any]]) -> None:
    with pytest.raises(JobNotFound, match="nobody") as caught:
        api.run_sync(call("nobody"))

    assert caught.value.job_id == "nobody"
    assert isinstance(caught.value.__cause__, RequestRefused)


async def test_an_unknown_request_tells_those_that_are_known(backend: RunningBackend) -> None:
    api = api_of(backend)
    async with api.wire:
        with pytest.raises(UnknownRequest, match="Process data") as caught:
            await api.run(calls.submit(new(request="Proces data")))

    assert "Process data" in caught.value.known


def test_a_bad_job_is_refused_with_the_servers_reason(api: JobApi) -> None:
    with pytest.raises(InvalidJob, match="JSON"):
        api.run_sync(calls.submit(new(params="{")))


def test_a_state_that_cannot_follow_is_refused(
    api: JobApi, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "api")
    external_backend.update(id_, status="CANCELLING")
    backwards: Call[Any] = Call(
        "updateJob",
        {"input": {"id": id_, "status": "RUNNING"}},
        lambda data, _: data,
        job_id=id_,
        document=operations.UPDATE_JOB,
    )

    with pytest.raises(InvalidTransition) as caught:
        api.run_sync(backwards)
    assert caught.value.job_id == id_


def test_an_operation_that_the_endpoint_lacks_is_not_supported(api: JobApi) -> None:
    with pytest.raises(NotSupported, match="pauseJob"):
        api.run_sync(Call("pauseJob", {}, dict, document="mutation { pauseJob(id: 1) { id } }"))


def test_a_refusal_that_is_about_no_job_stays_what_it_is(api: JobApi) -> None:
    id_ = api.run_sync(calls.submit(new()))["id"]

    with pytest.raises(RequestRefused, match=id_):
        api.run_sync(calls.submit(new(id=id_, name="another job")))


async def test_an_exchange_gets_the_answer_to_each_of_its_questions(
    external_backend: RunningBackend,
) -> None:
    api = api_of(external_backend)
    ids = [submit(external_backend, "api") for _ in range(2)]

    def ask_for_both() -> Generator[Call[Any], Any, list[str]]:
        first = yield calls.get(ids[0])
        second = yield calls.get(ids[1])
        return [first["id"], second["id"]]

    async with api.wire:
        assert await api.drive(ask_for_both()) == ids
        assert api.drive_sync(ask_for_both()) == ids


async def test_a_refusal_ends_the_exchange(external_backend: RunningBackend) -> None:
    api = api_of(external_backend)
    asked: list[str] = []

    def ask() -> Generator[Call[Any], Any, None]:
        asked.append("logs")
        yield calls.logs("nobody")
        asked.append("more")

    async with api.wire:
        with pytest.raises(JobNotFound):
            await api.drive(ask())
        with pytest.raises(JobNotFound):
            api.drive_sync(ask())

    assert asked == ["logs", "logs"]


@pytest.fixture
def accepted(api: JobApi) -> list[Body]:
    """What is told of submissions."""
    told: list[Body] = []
    api.on_submitted = lambda jobs, seconds: told.extend(jobs)
    return told


def test_a_submission_is_told_once_it_is_accepted(api: JobApi, accepted: list[Body]) -> None:
    job = api.run_sync(calls.submit(new()))
    api.run_sync(calls.get(job["id"]))

    assert accepted == [job]


def test_of_many_that_are_partly_refused_those_that_are_accepted_are_told(
    api: JobApi, accepted: list[Body]
) -> None:
    bodies = [new(), new(params="{"), new()]

    first, refused, third = api.drive_sync(submit_many(bodies, api.profile))

    assert accepted == [first, third]
    assert isinstance(refused, InvalidJob)


def test_a_refusal_tells_of_no_submission(api: JobApi, accepted: list[Body]) -> None:
    api.drive_sync(submit_many([new(params="{")] * 2, api.profile))
    with pytest.raises(InvalidJob):
        api.run_sync(calls.submit(new(params="{")))

    assert accepted == []
