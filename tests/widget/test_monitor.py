import asyncio
import concurrent.futures
import json
import logging
import threading
from typing import Any

import comm
import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth, Attempt
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.errors import (
    ConfigurationError,
    ConnectionLost,
    InvalidJob,
    MonitorClosed,
    Unauthorized,
    UnknownRequest,
)
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.requests import Command, Notebook
from jupyter_jobs.widget import monitor as monitor_module
from jupyter_jobs.widget.columns import decode
from jupyter_jobs.widget.monitor import JobMonitor
from jupyter_jobs.widget.panel_state import ROW_FIELDS
from tests.support.backend import KEY, RunningBackend
from tests.support.following import all_jobs, until
from tests.support.monitor import closed, of, until_ready
from tests.support.proxy import proxied
from tests.support.seed import SeedBackend
from tests.support.server import KEY as SEEDS_KEY

WRONG_KEY = "da2-wrongwrongwrongwrongwrong1"


class KeyOfTheDay:
    """Shows what a list holds at the time."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = keys

    @property
    def identity(self) -> int:
        return id(self._keys)

    def headers(self, _: Attempt) -> dict[str, str]:
        return {"x-api-key": self._keys[0]}


# Which monitor it is.


async def test_every_cell_may_ask_for_the_same_monitor(external_backend: RunningBackend) -> None:
    first = of(external_backend, "same")
    summary = first.comm

    assert of(external_backend, "same") is first
    assert first.comm is summary
    assert of(external_backend, "another") is not first
    await closed(first)
    assert of(external_backend, "same") is not first


async def test_a_monitor_that_could_not_be_made_is_not_kept(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no comm")

    with monkeypatch.context() as patch:
        patch.setattr(comm, "create_comm", fail)
        with pytest.raises(OSError, match="no comm"):
            of(external_backend, "half made")

    monitor = of(external_backend, "half made")
    assert monitor.submit("work").status == "QUEUED"


async def test_a_closed_monitor_is_forgotten(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "forgotten")
    await closed(monitor)
    monitor.close()

    assert monitor not in JobMonitor._monitors.values()
    assert repr(monitor) == "JobMonitor(this machine: closed)"


# Wrong inputs.


def printing() -> None:
    print("work")  # noqa: T201  # a job's output


@pytest.mark.parametrize(
    ("request_", "options", "kind", "sentence"),
    [
        ("", {}, InvalidJob, "the request is empty"),
        ("   ", {}, InvalidJob, "the request is empty"),
        ("Proces data", {}, UnknownRequest, "Process data"),
        ("Process data", {"priority": "URGENT"}, InvalidJob, "HIGH, MEDIUM, LOW"),
        ("Process data", {"priority": None}, InvalidJob, "HIGH, MEDIUM, LOW"),
        ("Process data", {"params": {1, 2}}, InvalidJob, "params must be JSON"),
        ("Process data", {"rows": 5}, TypeError, "params="),
        (threading.Lock().acquire, {}, InvalidJob, "cannot be sent to another process"),
        (printing, {"params": 1}, TypeError, "directly"),
        (Command(["no-such-program"]), {}, InvalidJob, "no program 'no-such-program'"),
        (Notebook("missing.ipynb"), {}, InvalidJob, "no notebook at .*missing.ipynb"),
        (7, {}, InvalidJob, "type int"),
        (None, {}, InvalidJob, "expected a request's name, a function"),
    ],
)
async def test_what_cannot_run_raises_in_the_cell_and_submits_nothing(
    backend: RunningBackend,
    request_: Any,
    options: dict[str, Any],
    kind: type[Exception],
    sentence: str,
) -> None:
    monitor = of(backend, "wrong inputs")

    with pytest.raises(kind, match=sentence):
        monitor.submit(request_, **options)
    assert all_jobs(backend, "wrong inputs") == {}


async def test_a_wrong_key_says_so(external_backend: RunningBackend) -> None:
    monitor = JobMonitor(external_backend.http, auth=ApiKeyAuth(WRONG_KEY), group="wrong key")

    with pytest.raises(Unauthorized, match="check the key") as raised:
        monitor.submit("work")
    client = monitor._client
    await until(client, lambda: client.connection.state == "auth_failed")
    detail = monitor.get_state()["summary"]["connection"]["detail"]
    assert "refused" in detail
    assert "monitor.reconnect()" in detail
    assert WRONG_KEY not in str(raised.value) + json.dumps(monitor.get_state())


# New credentials.


async def refused(backend: RunningBackend, group: str, auth: Any) -> JobMonitor:
    """A monitor whose credentials were refused for good."""
    monitor = JobMonitor(backend.http, auth=auth, group=group)
    await until(monitor._client, lambda: monitor._client.connection.state == "auth_failed")
    return monitor


async def test_new_credentials_bring_a_refused_monitor_back(
    external_backend: RunningBackend,
) -> None:
    monitor = await refused(external_backend, "back", ApiKeyAuth(WRONG_KEY))
    shown = repr(monitor)

    monitor.reconnect(ApiKeyAuth(KEY))
    monitor.submit("work")
    await until_ready(monitor)
    assert shown == "JobMonitor(this machine: no jobs yet; auth failed)"
    assert repr(monitor) == "JobMonitor(this machine: 1 queued)"
    assert of(external_backend, "back") is monitor
    again = JobMonitor(external_backend.http, auth=ApiKeyAuth(WRONG_KEY), group="back")
    assert again is not monitor


async def test_reconnect_finds_a_new_key_where_the_old_one_was(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", WRONG_KEY)
    monitor = await refused(external_backend, "found", None)

    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", KEY)
    monitor.reconnect()
    await until_ready(monitor)
    assert JobMonitor(external_backend.http, group="found") is monitor


async def test_reconnect_with_the_same_credentials_tries_them_again(
    external_backend: RunningBackend,
) -> None:
    keys = [WRONG_KEY]
    monitor = await refused(external_backend, "same", KeyOfTheDay(keys))

    keys[0] = KEY
    monitor.reconnect()
    await until_ready(monitor)


async def test_new_credentials_are_there_for_the_next_line_whatever_holds_the_loop(
    external_backend: RunningBackend,
) -> None:
    monitor = JobMonitor(
        external_backend.http, auth=ApiKeyAuth(WRONG_KEY), group="held", loop="thread"
    )
    held, free = threading.Event(), threading.Event()
    monitor._client.loop.call_soon_threadsafe(lambda: (held.set(), free.wait()))
    held.wait()

    try:
        monitor.reconnect(ApiKeyAuth(KEY))
        job = monitor.submit("work")
    finally:
        free.set()

    assert job.status == "QUEUED"
    await closed(monitor)
    ending = asyncio.run_coroutine_threadsafe(monitor._client.aclose(), monitor._client.loop)
    await asyncio.wrap_future(ending)


async def test_what_cannot_be_reconnected_stays_as_it_is(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", external_backend.http)
    monitor = JobMonitor(auth=ApiKeyAuth(KEY), group="stays")

    with pytest.raises(ConfigurationError, match="no token: set JUPYTER_JOBS_TOKEN"):
        monitor.reconnect("cognito")
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", "https://example.com/graphql")
    with pytest.raises(ConfigurationError, match="now name another API than this machine"):
        monitor.reconnect()
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", external_backend.http)
    assert JobMonitor(auth=ApiKeyAuth(KEY), group="stays") is monitor
    monitor.submit("work")
    await closed(monitor)
    with pytest.raises(MonitorClosed):
        monitor.reconnect()


async def test_an_endpoint_that_is_not_there_says_so(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "delay", lambda *_, **__: 0.0)
    with proxied(external_backend.http) as proxy, proxy.down():
        monitor = JobMonitor(proxy.http, auth=ApiKeyAuth(KEY), group="nowhere")

        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1"):
            await asyncio.to_thread(monitor.submit, "work")
        await closed(monitor)


@pytest.mark.parametrize(
    ("endpoint", "options", "sentence"),
    [
        ("https://example.com/graphql", {}, "JUPYTER_JOBS_API_KEY"),
        ("example.com", {"auth": ApiKeyAuth(KEY)}, "https://"),
        ("https://example.com/graphql", {"auth": KEY}, "ApiKeyAuth"),
        (None, {"loop": "mine"}, '"notebook" or "thread"'),
        (None, {"group": "*"}, r'look in all of them by monitor\.find\(group="\*"\)'),
        (None, {"profile": "seed"}, "profile= needs an endpoint"),
        ("https://example.com/graphql", {"auth": "cognito"}, "set JUPYTER_JOBS_TOKEN"),
        ("https://example.com/graphql", {"auth": "iam", "profile": "x"}, "there is no profile 'x'"),
        ("https://example.com/graphql", {"amplify": "a.json"}, "leave one of them out"),
    ],
)
async def test_settings_that_cannot_work_are_refused(
    endpoint: str | None, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        JobMonitor(endpoint, **options)


async def test_a_closed_monitor_refuses_and_its_jobs_go_on(
    external_backend: RunningBackend,
) -> None:
    with of(external_backend, "closed") as monitor:
        job = monitor.submit("work")

    for use in (
        lambda: monitor.submit("work"),
        lambda: monitor.get(job.id),
        lambda: monitor.jobs,
        lambda: job.result(timeout=0),
    ):
        with pytest.raises(MonitorClosed):
            use()
    assert len(all_jobs(external_backend, "closed")) == 1
    assert external_backend.update(job.id, status="RUNNING")["status"] == "RUNNING"


# What it shows, and what it does not.


async def test_the_key_is_shown_nowhere(
    external_backend: RunningBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        monitor = of(external_backend, "secrets")
        await until_ready(monitor)
        job = monitor.submit("work", params={"password": "hunter22"})
        with pytest.raises(InvalidJob):
            monitor.submit("")
        external_backend.update(job.id, status="SUCCEEDED")
        await job
        data, _ = monitor._repr_mimebundle_()
        shown = {
            "state": json.dumps(monitor.get_state()),
            "repr": repr(monitor) + repr(monitor._client) + repr(job) + repr(job.record),
            "output": json.dumps(data),
            "traits": repr(monitor.trait_values()),
            "page": json.dumps([m for m in monitor.comm.sent if m["msg_type"] == "comm_msg"]),
            "target": repr(monitor._client.target),
            "log": "\n".join(record.getMessage() for record in caplog.records),
        }
        await closed(monitor)

    assert "connection_init" in shown["log"]
    assert {name for name, text in shown.items() if external_backend.key in text} == set()
    assert "hunter22" not in shown["repr"] + shown["output"]


async def test_the_saved_summary_follows_the_jobs(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "REST", 0.01)
    monkeypatch.setattr(monitor_module, "SETTLE", 0.01)
    monitor = of(external_backend, "summary")
    changed = asyncio.Event()
    monitor.observe(lambda _: changed.set(), "summary")
    job = monitor.submit("work")
    external_backend.update(job.id, status="SUCCEEDED")
    while monitor.summary.get("counts") != {"SUCCEEDED": 1}:
        changed.clear()
        await changed.wait()

    assert monitor.summary["total"] == 1
    assert [row["id"] for row in monitor.summary["rows"]] == ["saved-0"]
    assert monitor.get_state()["summary"]["counts"] == {"SUCCEEDED": 1}


async def test_a_page_is_served_through_the_widgets_comm(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "page")
    await until_ready(monitor)
    job = monitor.submit("work")

    def say(**content: Any) -> None:
        data = {"method": "custom", "content": content}
        monitor.comm.handle_msg({"content": {"data": data}, "buffers": []})

    say(type="hello", page="p1")
    snapshot = monitor.comm.custom[-1]
    [row] = decode(ROW_FIELDS, snapshot["rows"])
    assert (snapshot["type"], row["id"]) == ("snapshot", job.id)

    say(type="action", page="p1", action="cancel", actionId=3, jobs=[job.id])
    with pytest.raises(concurrent.futures.CancelledError):
        await job
    replies: list[dict[str, Any]] = []
    while not replies:
        await asyncio.sleep(0)
        replies = [message for message in monitor.comm.custom if message["type"] == "reply"]
    done = {"done": [job.id], "refused": {}}
    assert replies == [{"type": "reply", "page": "p1", "actionId": 3, "ok": True, "data": done}]


async def test_an_api_that_can_do_little_is_shown_and_says_what_it_cannot() -> None:
    async with SeedBackend() as seed:
        monitor = JobMonitor(
            seed.endpoint.http,
            auth=ApiKeyAuth(SEEDS_KEY),
            realtime_url=seed.endpoint.realtime,
            profile="seed",
            group="seed",
        )

        def say(**content: Any) -> None:
            data = {"method": "custom", "content": content}
            monitor.comm.handle_msg({"content": {"data": data}, "buffers": []})

        job = await asyncio.to_thread(monitor.submit, "Process data", priority="HIGH")
        await seed.until(lambda: job.id in seed.subscribed)
        say(type="hello", page="p1")
        say(type="action", page="p1", action="cancel", actionId=1, jobs=[job.id])
        say(type="action", page="p1", action="details", actionId=2, jobs=[job.id])
        await seed.update(job.id, "COMPLETED", {"rows": 3})

        assert await job == {"rows": 3}
        assert await asyncio.to_thread(lambda: monitor.jobs) == [job]
        sent = monitor.comm.custom
        [snapshot] = [message for message in sent if message["type"] == "snapshot"]
        replies = {m["actionId"]: m for m in sent if m["type"] == "reply"}
        await closed(monitor)
    [row] = decode(ROW_FIELDS, snapshot["rows"])
    assert (row["id"], row["request"], row["status"]) == (job.id, "Process data", "QUEUED")
    no_cancel = "this API has no cancelJob: a job runs to its own end"
    assert replies[1]["data"] == {"done": [], "refused": {job.id: no_cancel}}
    assert (replies[2]["ok"], replies[2]["data"]["log"]) == (True, [])


async def test_callbacks_run_on_the_notebooks_thread(external_backend: RunningBackend) -> None:
    told: list[tuple[str, int]] = []
    done = asyncio.Event()

    async def complete(job: JobHandle[Any]) -> None:
        told.append((job.result(), threading.get_ident()))
        done.set()

    monitor = of(external_backend, "callbacks")
    stop = monitor.on(on_job_complete=complete)
    await until_ready(monitor)
    job = monitor.submit("work")
    external_backend.update(job.id, status="SUCCEEDED", result='"ready"')
    await done.wait()
    stop()
    await closed(monitor)

    assert told == [("ready", threading.get_ident())]
