import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.widget.actions import ACTIONS, LOG_LINES, perform
from tests.support.backend import RunningBackend
from tests.support.following import following, submit, target, until
from tests.support.proxy import proxied


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "actions") as client:
        yield client


async def click(client: JobClient, name: str, job: str = "") -> Mapping[str, Any]:
    """Perform an action on the loop's thread, as a click on an idle kernel; the reply."""
    replied: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    perform(client, name, job, replied.set_result)
    return await replied


async def click_elsewhere(client: JobClient, name: str, job: str = "") -> Mapping[str, Any]:
    """Perform it on another thread, as on a subshell; the reply."""
    replies: list[Mapping[str, Any]] = []
    await asyncio.to_thread(perform, client, name, job, replies.append)
    [reply] = replies
    return reply


def test_the_table_names_what_the_page_can_ask_for() -> None:
    assert set(ACTIONS) == {"cancel", "details", "logs", "reconnect"}


async def test_an_action_that_nobody_knows_is_answered(client: JobClient) -> None:
    reply = await click(client, "explode")

    assert reply == {"ok": False, "error": "this kernel knows no action 'explode'; reload the page"}


@pytest.mark.parametrize("way", [click, click_elsewhere])
@pytest.mark.parametrize("name", sorted(set(ACTIONS) - {"reconnect"}))
async def test_an_action_on_a_job_that_is_gone_is_answered(
    client: JobClient, name: str, way: Any
) -> None:
    reply = await way(client, name, "nobody")

    assert reply["ok"] is False
    assert "nobody" in reply["error"]


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_cancel_shows_in_the_store_at_once(
    client: JobClient, external_backend: RunningBackend, way: Any
) -> None:
    id_ = submit(external_backend, "actions")
    external_backend.update(id_, status="RUNNING")

    assert await way(client, "cancel", id_) == {"ok": True, "data": {}}
    assert client.store.get(id_).status == "CANCELLING"


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_details_tell_why_a_job_failed(
    client: JobClient, external_backend: RunningBackend, way: Any
) -> None:
    id_ = submit(external_backend, "actions", params='{"day": 1, "api_key": "da2-hidden"}')
    error = {"type": "ValueError", "message": "bad day", "traceback": "x" * 30_000, "exitCode": 1}
    job = external_backend.update(id_, status="FAILED", error=json.dumps(error))

    reply = await way(client, "details", id_)
    data = reply["data"]
    assert reply["ok"] is True
    assert (data["request"], data["group"], data["priority"]) == ("work", "actions", "MEDIUM")
    assert data["version"] == job["version"]
    assert data["result"] is None
    assert data["error"]["type"] == "ValueError"
    assert data["error"]["exitCode"] == 1
    assert data["error"]["signal"] is None
    assert len(data["error"]["traceback"]) == 20_000
    assert data["finishedAt"] >= data["createdAt"]
    assert '"day": 1' in data["params"]
    assert "da2-hidden" not in data["params"]
    json.dumps(reply)


async def test_details_show_the_beginning_of_a_long_result(
    client: JobClient, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "actions")
    external_backend.update(id_, status="SUCCEEDED", result=json.dumps("y" * 2000))

    data = (await click(client, "details", id_))["data"]
    assert data["result"] == "y" * 499 + "…"
    assert data["error"] is None


async def test_a_failure_of_another_kind_is_answered_and_logged(
    client: JobClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(client.api, "drive", fail)

    assert await click(client, "logs", "j") == {"ok": False, "error": "OSError: disk is full"}
    assert "an action of the panel failed" in caplog.text


async def test_a_slow_answer_does_not_hold_the_kernel(client: JobClient) -> None:
    replied = asyncio.Event()
    perform(client, "logs", "nobody", lambda _: replied.set())

    assert not replied.is_set()
    await replied.wait()


async def test_reconnect_cuts_a_wait_short(external_backend: RunningBackend) -> None:
    with proxied(external_backend.http) as proxy:
        async with following(external_backend, "again", http=proxy.http) as client:
            with proxy.down():
                await until(client, lambda: client.connection.attempt > 2)
            before = proxy.accepted

            assert await click_elsewhere(client, "reconnect") == {"ok": True, "data": {}}
            await until(client, lambda: client.connection.state == "connected")
            assert proxy.accepted > before


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_what_an_api_cannot_do_is_answered_in_words(
    external_backend: RunningBackend, way: Any
) -> None:
    limited = replace(target(external_backend), profile=PROFILES["seed"])
    async with JobClient(limited) as client:
        client.adopt({"id": "job-1", "version": 1, "status": "RUNNING", "request": "work"})

        cancel, logs = await way(client, "cancel", "job-1"), await way(client, "logs", "job-1")
        details = await way(client, "details", "job-1")
        unknown = await way(client, "details", "nobody")

    assert cancel == {
        "ok": False,
        "error": "this API has no cancelJob: a job runs to its own end",
    }
    assert logs == {"ok": False, "error": "this API has no jobLogs: what jobs print cannot be read"}
    assert details["ok"] is True
    assert (details["data"]["request"], details["data"]["log"]) == ("work", [])
    assert unknown["ok"] is False


async def test_logs_and_details_bring_the_last_lines(backend: RunningBackend) -> None:
    async with following(backend, "logs") as client:
        job = await client.submit(Command(["python", "-c", "for n in range(60): print('n', n)"]))
        await job
        logs = (await click(client, "logs", job.id))["data"]
        details = (await click_elsewhere(client, "details", job.id))["data"]

    assert logs["ended"] is True
    assert [line["text"] for line in logs["lines"]] == [f"n {n}" for n in range(60)]
    assert set(logs["lines"][0]) == {"seq", "time", "stream", "text"}
    assert details["log"] == [f"n {n}" for n in range(60)][-LOG_LINES:]
