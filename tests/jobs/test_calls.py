import asyncio
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    InvalidJob,
    InvalidTransition,
    JobNotFound,
    NotSupported,
    RequestRefused,
    UnknownRequest,
)
from jupyter_jobs.jobs import calls, operations
from jupyter_jobs.jobs.calls import Call, JobApi
from jupyter_jobs.jobs.model import JobStatus
from tests.support.backend import RunningBackend
from tests.support.following import submit, target


def api_of(backend: RunningBackend) -> JobApi:
    where = target(backend)
    return JobApi(AppSyncClient(where.endpoint, where.auth))


@pytest.fixture
def api(external_backend: RunningBackend) -> Iterator[JobApi]:
    api = api_of(external_backend)
    yield api
    asyncio.run(api.wire.aclose())


def new(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "request": "work", "group": "calls", **more}


def test_a_job_that_is_submitted_twice_is_one_job(api: JobApi) -> None:
    body = new()

    first, again = api.run_sync(calls.submit(body)), api.run_sync(calls.submit(body))
    assert first == again
    assert first["id"] == body["id"]
    assert first["version"] == 1


async def test_the_awaited_face_asks_the_same(external_backend: RunningBackend) -> None:
    api = api_of(external_backend)
    async with api.wire:
        body = await api.run(calls.submit(new(name="awaited")))

        assert await api.run(calls.get(body["id"])) == body
        assert api.run_sync(calls.get(body["id"])) == body


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


def test_cancelling_what_has_ended_changes_nothing(
    api: JobApi, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "calls")
    external_backend.update(id_, status="RUNNING")
    ended = external_backend.update(id_, status="SUCCEEDED")

    assert api.run_sync(calls.cancel(id_)) == ended


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
    id_ = submit(external_backend, "calls")
    external_backend.update(id_, status="RUNNING")
    backwards: Call[Any] = Call(
        "updateJob",
        {"input": {"id": id_, "status": "QUEUED"}},
        lambda data, _: data,
        job_id=id_,
        document=operations.UPDATE_JOB,
    )

    with pytest.raises(InvalidTransition) as caught:
        api.run_sync(backwards)
    assert caught.value.job_id == id_


def test_an_operation_that_the_endpoint_lacks_is_not_supported(api: JobApi) -> None:
    with pytest.raises(NotSupported, match="retryJob"):
        api.run_sync(Call("retryJob", {}, dict, document="mutation { retryJob(id: 1) { id } }"))


def test_a_refusal_that_is_about_no_job_stays_what_it_is(api: JobApi) -> None:
    id_ = api.run_sync(calls.submit(new()))["id"]

    with pytest.raises(RequestRefused, match=id_):
        api.run_sync(calls.submit(new(id=id_, name="another job")))


async def test_an_exchange_gets_the_answer_to_each_of_its_questions(
    external_backend: RunningBackend,
) -> None:
    api = api_of(external_backend)
    ids = [submit(external_backend, "calls") for _ in range(2)]

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
