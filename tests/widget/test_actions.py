import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.widget.actions import (
    ACTIONS,
    LOG_LINES,
    Action,
    Exchange,
    available,
    perform,
)
from tests.support.backend import RunningBackend
from tests.support.following import following, submit, target, until
from tests.support.proxy import proxied


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "actions") as client:
        yield client


async def click(client: JobClient, name: str, *jobs: str, **more: Any) -> Mapping[str, Any]:
    """Perform an action on the loop's thread, as a click on an idle kernel; the reply."""
    replied: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    perform(client, name, jobs, replied.set_result, **more)
    return await replied


async def click_elsewhere(
    client: JobClient, name: str, *jobs: str, **more: Any
) -> Mapping[str, Any]:
    """Perform it on another thread, as on a subshell; the reply."""
    replies: list[Mapping[str, Any]] = []
    await asyncio.to_thread(perform, client, name, jobs, replies.append, **more)
    [reply] = replies
    return reply


def test_the_table_names_what_the_page_can_ask_for() -> None:
    assert set(ACTIONS) == {
        *("again", "cancel", "details", "reconnect", "repro", "retry", "submit")
    }


async def test_an_action_that_nobody_knows_is_answered(client: JobClient) -> None:
    reply = await click(client, "explode")

    assert reply == {"ok": False, "error": "this kernel knows no action 'explode'; reload the page"}


def test_a_page_is_offered_what_the_api_can_do() -> None:
    assert available(PROFILES["jupyter_jobs"]) == [*ACTIONS, "follow"]
    assert available(PROFILES["seed"]) == ["details", "repro", "again", "submit", "reconnect"]


@pytest.mark.parametrize("way", [click, click_elsewhere])
@pytest.mark.parametrize("name", ["details", "repro"])
async def test_an_action_on_a_job_that_is_gone_is_answered(
    client: JobClient, name: str, way: Any
) -> None:
    reply = await way(client, name, "nobody")

    assert reply["ok"] is False
    assert "nobody" in reply["error"]


@pytest.mark.parametrize("jobs", [(), ("a", "b")])
async def test_what_is_about_one_job_says_so(client: JobClient, jobs: tuple[str, ...]) -> None:
    reply = await click(client, "details", *jobs)

    assert reply["error"] == f"this is about one job, not {len(jobs)}: choose one"


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_cancel_shows_in_the_store_at_once(
    client: JobClient, external_backend: RunningBackend, way: Any
) -> None:
    running, ended = (submit(external_backend, "actions") for _ in range(2))
    external_backend.update(running, status="RUNNING")
    external_backend.update(ended, status="TIMED_OUT")

    reply = await way(client, "cancel", running, ended, "nobody")
    data = reply["data"]
    assert (reply["ok"], data["done"], set(data["refused"])) == (True, [running], {ended, "nobody"})
    assert data["refused"][ended] == "It has ended already: timed out. There is nothing to cancel."
    assert "nobody" in data["refused"]["nobody"]
    assert client.store.get(running).status == "CANCELLING"


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_retry_brings_new_jobs_and_says_why_it_cannot(
    client: JobClient, external_backend: RunningBackend, way: Any
) -> None:
    failed, running = (submit(external_backend, "actions") for _ in range(2))
    external_backend.update(failed, status="FAILED", error='{"type": "E"}')
    external_backend.update(running, status="RUNNING")

    data = (await way(client, "retry", failed, running))["data"]
    again = (await way(client, "retry", failed))["data"]
    new = data["retries"][failed]
    assert data["done"] == [failed]
    assert "only a job that has ended can be retried" in data["refused"][running]
    assert client.store.get(new).retry_of == failed
    assert client.store.superseded(failed)
    assert again["retries"] == {failed: new}


async def test_nothing_is_asked_for_no_jobs(client: JobClient) -> None:
    assert await click(client, "cancel") == {"ok": True, "data": {"done": [], "refused": {}}}


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_details_tell_why_a_job_failed(
    client: JobClient, external_backend: RunningBackend, way: Any
) -> None:
    id_ = submit(external_backend, "actions", params='{"day": 1, "api_key": "da2-hidden"}')
    error = {"type": "ValueError", "message": "bad day", "traceback": "x" * 30_000, "exitCode": 1}
    job = external_backend.update(id_, status="FAILED", error=json.dumps(error))

    reply = await way(client, "details", id_)
    data = reply["data"]
    known = dict(data["pairs"])
    assert reply["ok"] is True
    assert (known["request"], known["group"]) == ({"code": "work"}, "actions")
    assert data["version"] == job["version"]
    assert "result" not in known
    assert data["error"]["type"] == "ValueError"
    assert data["error"]["exitCode"] == 1
    assert data["error"]["signal"] is None
    assert len(data["error"]["traceback"]) == 20_000
    assert known["ended"] >= known["submitted"]
    assert '"day": 1' in known["params"]["code"]
    assert "da2-hidden" not in known["params"]["code"]
    json.dumps(reply)


async def test_details_show_the_beginning_of_a_long_result(
    client: JobClient, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "actions")
    external_backend.update(id_, status="SUCCEEDED", result=json.dumps("y" * 2000))

    data = (await click(client, "details", id_))["data"]
    assert dict(data["pairs"])["result"] == {"code": "y" * 499 + "…"}
    assert data["error"] is None


async def test_a_failure_of_another_kind_is_answered_and_logged(
    client: JobClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(client.api, "drive", fail)

    assert await click(client, "details", "j") == {
        "ok": False,
        "error": "this failed in the kernel, try it again: disk is full",
    }
    assert "an action of the panel failed" in caplog.text


async def test_a_slow_answer_does_not_hold_the_kernel(client: JobClient) -> None:
    replied = asyncio.Event()
    perform(client, "details", ["nobody"], lambda _: replied.set())

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


def table(does: Callable[[], object]) -> Mapping[str, Action]:
    """A table with one action, which asks nobody."""

    def run(*_: object) -> Exchange:
        does()
        yield from ()
        return {}

    return {"renew": Action(run)}


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_a_monitor_brings_actions_of_its_own(client: JobClient, way: Any) -> None:
    done: list[str] = []

    def refuse() -> None:
        raise ConfigurationError("no token: set JUPYTER_JOBS_TOKEN")

    assert (await way(client, "renew", actions=table(lambda: done.append("now"))))["ok"] is True
    assert done == ["now"]
    assert await way(client, "renew", actions=table(refuse)) == {
        "ok": False,
        "error": "no token: set JUPYTER_JOBS_TOKEN",
    }


async def test_what_takes_its_time_does_so_off_the_loop(client: JobClient) -> None:
    threads: list[int] = []
    [(name, quick)] = table(lambda: threads.append(threading.get_ident())).items()

    for action in (quick, quick._replace(is_slow=True)):
        assert await click(client, name, actions={name: action}) == {"ok": True, "data": {}}
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


async def test_an_interrupt_is_answered_and_goes_on(client: JobClient) -> None:
    replies: list[Mapping[str, Any]] = []

    def interrupted() -> None:
        raise KeyboardInterrupt

    def perform_there() -> None:
        with pytest.raises(KeyboardInterrupt):
            perform(client, "renew", [], replies.append, actions=table(interrupted))

    await asyncio.to_thread(perform_there)

    assert replies == [{"ok": False, "error": "the kernel was interrupted; try it again"}]


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_what_an_api_cannot_do_is_answered_in_words(
    external_backend: RunningBackend, way: Any
) -> None:
    limited = replace(target(external_backend), profile=PROFILES["seed"])
    async with JobClient(limited) as client:
        client.adopt({"id": "job-1", "version": 1, "status": "RUNNING", "request": "work"})

        cancel, retry = await way(client, "cancel", "job-1"), await way(client, "retry", "job-1")
        details, repro = await way(client, "details", "job-1"), await way(client, "repro", "job-1")
        unknown = await way(client, "details", "nobody")

    assert cancel["data"]["refused"] == {
        "job-1": "this API has no cancelJob: a job runs to its own end"
    }
    assert retry["data"]["refused"] == {
        "job-1": "this API has no retryJob: submit the work again instead"
    }
    assert details["ok"] is True
    assert dict(details["data"]["pairs"])["request"] == {"code": "work"}
    assert details["data"]["log"] == []
    assert "'work'" in repro["data"]["code"]
    assert unknown["ok"] is False


async def test_details_bring_the_last_lines(backend: RunningBackend) -> None:
    async with following(backend, "logs") as client:
        job = await client.submit(Command(["python", "-c", "for n in range(60): print('n', n)"]))
        await job
        details = (await click_elsewhere(client, "details", job.id))["data"]

    assert details["log"] == [f"n {n}" for n in range(60)][-LOG_LINES:]


async def test_repro_brings_a_cell_that_does_the_work(backend: RunningBackend) -> None:
    async with following(backend, "repro") as client:
        job = await client.submit(Command(["python", "-c", "print(6 * 7)"]))
        await job
        code = (await click(client, "repro", job.id))["data"]["code"]
        function = await client.submit(divmod, 7, 2)
        called = (await click_elsewhere(client, "repro", function.id))["data"]["code"]

    program = [sys.executable, "-c", code]
    ran = await asyncio.to_thread(subprocess.run, program, capture_output=True, text=True)
    assert ran.stdout == "42\n"
    assert called.splitlines()[0] == "# divmod(7, 2)"
    assert f"get({function.id!r}).call()" in called


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_a_form_submits_a_request(client: JobClient, way: Any) -> None:
    form = {"request": "clean", "priority": "HIGH", "params": {"day": 1}}
    reply = await submitted(client, way, form)

    job = client.store.get(reply["data"]["id"])
    assert job is not None
    assert (job.request, job.priority, job.params) == ("clean", "HIGH", {"day": 1})


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (None, "this takes one job"),
        ({"request": " "}, "the request is empty"),
        ({"request": "clean", "priority": "URGENT"}, "there is no priority 'URGENT'"),
    ],
)
async def test_a_form_that_cannot_be_submitted_is_refused(
    client: JobClient, form: Any, error: str
) -> None:
    reply = await submitted(client, click, form)

    assert reply["ok"] is False
    assert error in reply["error"]


async def submitted(client: JobClient, way: Any, form: Any) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = await way(client, "submit", form)
    return reply


@pytest.mark.parametrize("way", [click, click_elsewhere])
async def test_what_a_key_kept_from_running_is_run_all_the_same(
    client: JobClient, way: Any
) -> None:
    key = f"once-{way.__name__}"
    first = await client.submit("clean", key=key)
    same = await client.submit("clean", key=key)
    assert same.id == first.id

    reply = await way(client, "again", first.id)
    assert reply["data"]["id"] != first.id
    assert first.id not in client.attached
    assert (await way(client, "again", first.id))["ok"] is False
