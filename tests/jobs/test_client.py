import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.errors import (
    ConnectionLost,
    JobNotFound,
    MonitorClosed,
    NotSupported,
    Unauthorized,
)
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.embedded import find_backend
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.jobs.target import find_target
from jupyter_jobs.widget.monitor import JobMonitor
from tests.support.backend import KEY, RunningBackend
from tests.support.following import following, submit, target, until
from tests.support.monitor import closed
from tests.support.own_folders import own_folders
from tests.support.recorder import Recorder
from tests.support.seed import SeedBackend

REMOTE = "https://abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com/graphql"


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "client") as client:
        yield client


async def until_stats(backend: RunningBackend, name: str, wanted: int) -> None:
    """Wait until the backend counts so many; it tells nobody, so it is asked."""
    while (await asyncio.to_thread(backend.stats))[name] != wanted:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)


async def test_all_clients_and_monitors_of_a_loop_share_one_connection(
    own_backend: RunningBackend,
) -> None:
    auth = ApiKeyAuth(own_backend.key)
    clients = [
        await JobClient.connect(own_backend.http, auth=ApiKeyAuth(own_backend.key), group=f"c{n}")
        for n in range(3)
    ]
    monitors = [JobMonitor(own_backend.http, auth=auth, group=f"m{n}") for n in range(2)]
    await until_stats(own_backend, "subscriptions", 5)

    assert own_backend.stats()["connections"] == 1
    for client in clients:
        await client.aclose()
    await until_stats(own_backend, "subscriptions", 2)
    assert own_backend.stats()["connections"] == 1
    for monitor in monitors:
        await closed(monitor)
    await until_stats(own_backend, "connections", 0)


async def test_retry_takes_a_job_or_its_id(
    client: JobClient, external_backend: RunningBackend
) -> None:
    job = await client.submit("work")
    await client.cancel(job.id)

    retry = await client.retry(job)

    assert retry.attempt == 2
    assert await client.retry(job.id) is retry
    with pytest.raises(JobNotFound):
        await client.retry("nobody")


async def test_an_api_that_cannot_retry_says_so() -> None:
    async with SeedBackend() as seed, JobClient(seed.target) as client:
        client.start()
        job = await client.submit("work", tags=["night"])

        with pytest.raises(NotSupported, match="this API has no retryJob: submit the work again"):
            await client.retry(job)
        with pytest.raises(NotSupported, match="this API has no jobPayload"):
            job.call()
        assert seed.submitted == [{"request": "work", "priority": "MEDIUM"}]
        assert job.tags == ("night",)


async def test_close_lets_go_of_the_connection_by_itself(own_backend: RunningBackend) -> None:
    before = asyncio.all_tasks()
    client = await JobClient.connect(own_backend.http, auth=ApiKeyAuth(own_backend.key))
    await until(client, lambda: client.connection.state == "connected")

    client.close()
    client.close()
    await until_stats(own_backend, "connections", 0)
    await client.aclose()

    assert asyncio.all_tasks() == before
    with pytest.raises(MonitorClosed):
        await client.submit("work")


async def test_a_callback_may_close_the_client_that_calls_it(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_jobs.jobs.callbacks.DRAIN_S", 3600.0)
    gone = asyncio.Event()

    async def close(_: object) -> None:
        await client.aclose()
        gone.set()

    client = await JobClient.connect(
        external_backend.http, auth=ApiKeyAuth(external_backend.key), group="closes itself"
    )
    client.on(on_job_complete=close)
    job = await client.submit("work")
    await asyncio.to_thread(external_backend.update, job.id, status="SUCCEEDED")
    await gone.wait()
    await client.aclose()

    assert job.done()


async def test_closing_leaves_no_task_and_no_connection(own_backend: RunningBackend) -> None:
    before = asyncio.all_tasks()
    async with await JobClient.connect(
        own_backend.http, auth=ApiKeyAuth(own_backend.key)
    ) as client:
        await until(client, lambda: client.connection.state == "connected")
        assert asyncio.all_tasks() - before
        client.spawn(asyncio.Event().wait(), name="forever")

    assert asyncio.all_tasks() - before == set()
    await until_stats(own_backend, "connections", 0)
    await client.aclose()
    assert repr(client) == "JobClient(this machine, closed)"


async def test_a_connect_that_is_given_up_leaves_nothing(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = asyncio.Event()

    async def ready(_: JobClient) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(JobClient, "ready", ready)
    before = asyncio.all_tasks()
    connecting = asyncio.create_task(
        JobClient.connect(external_backend.http, auth=ApiKeyAuth(external_backend.key))
    )
    await waiting.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting

    assert asyncio.all_tasks() - before == set()


async def test_a_submitted_job_is_known_at_once(client: JobClient) -> None:
    job = await client.submit("work", priority="high", name="mine", params={"day": 1})

    record = job.record
    assert (record.name, record.group, record.priority) == ("mine", "client", "HIGH")
    assert record.params == {"day": 1}
    assert await client.get(job.id) is job
    assert job in client.jobs


async def test_the_same_submit_once_more_is_the_same_job(
    client: JobClient, external_backend: RunningBackend
) -> None:
    body = client.prepare("work", (), {})
    first = client.adopt(await client.api.run(calls.submit(body)))
    external_backend.update(first.id, status="RUNNING")

    again = client.adopt(await client.api.run(calls.submit(body)))
    assert again is first
    assert again.record.version == 2


async def test_jobs_are_newest_first(external_backend: RunningBackend) -> None:
    ids = [submit(external_backend, "order") for _ in range(3)]

    async with following(external_backend, "order") as client:
        assert [job.id for job in client.jobs] == ids[::-1]


async def test_a_job_of_another_group_can_be_got(
    client: JobClient, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "elsewhere")

    assert (await client.get(id_)).record.group == "elsewhere"


async def test_a_job_that_is_nowhere_is_not_found(client: JobClient) -> None:
    with pytest.raises(JobNotFound, match="no job 'nobody' at this machine"):
        await client.get("nobody")
    with pytest.raises(JobNotFound):
        await client.cancel("nobody")


async def test_cancel_tells_whether_it_took(
    client: JobClient, external_backend: RunningBackend
) -> None:
    waiting, ended = await client.submit("work"), await client.submit("work")
    external_backend.update(ended.id, status="SUCCEEDED")

    assert await client.cancel(waiting.id)
    assert not await client.cancel(ended.id)


async def test_after_the_end_everything_is_refused(external_backend: RunningBackend) -> None:
    async with following(external_backend, "closed") as client:
        job = await client.submit("work")

    for use in (client.submit("work"), client.get(job.id)):
        with pytest.raises(MonitorClosed, match="make a new one"):
            await use


async def test_watchers_hear_of_the_connection(external_backend: RunningBackend) -> None:
    async with JobClient(target(external_backend), group="watched") as client:
        states: list[tuple[str, int]] = []
        client.watch(lambda: states.append((client.connection.state, threading.get_ident())))
        client.start()
        client.start()
        await until(client, lambda: client.connection.state == "connected")

        assert ("connected", threading.get_ident()) in states
        assert client.current_at is not None


async def test_a_wrong_key_is_told_by_the_first_call(external_backend: RunningBackend) -> None:
    wrong = ApiKeyAuth("da2-wrongwrongwrongwrongwrong1")
    async with await JobClient.connect(external_backend.http, auth=wrong) as client:
        with pytest.raises(Unauthorized, match="check the key") as raised:
            await client.submit("work")

        assert "wrongwrong" not in str(raised.value) + repr(client) + client.feed.problem


async def test_an_endpoint_that_is_not_there_is_told(unused_tcp_port_url: str) -> None:
    async with await JobClient.connect(
        unused_tcp_port_url, auth=ApiKeyAuth(KEY), config={"retry_delay": 0.01}
    ) as client:
        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1"):
            await client.submit("work")


@pytest.fixture
def unused_tcp_port_url() -> Iterator[str]:
    import socket

    with socket.socket() as taken:  # bound and not listening: nobody else gets it, nobody answers
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/graphql"


async def test_a_remote_endpoint_runs_only_what_it_knows_by_name() -> None:
    async with JobClient(find_target(REMOTE, ApiKeyAuth(KEY))) as client:
        with pytest.raises(NotSupported, match="requests that it knows by name"):
            client.prepare(print, (), {})
        body = client.prepare("Process data", (), {})

    assert "payload" not in body
    assert "kind" not in body


async def test_a_backend_that_was_killed_comes_back_and_the_job_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_folders(tmp_path / "own") as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        client = await JobClient.connect(group="revived", config={"retry_delay": 0.05})
        go = tmp_path / "go"
        job = await client.submit(Command.shell(f"until [ -e {go} ]; do sleep 0.05; done"))
        await until(client, lambda: job.status is JobStatus.RUNNING)
        killed = find_backend()
        assert killed is not None
        os.kill(killed.pid, signal.SIGKILL)
        go.touch()

        assert await job == 0
        revived = find_backend()
        assert revived is not None
        assert (revived.http, revived.key) == (killed.http, killed.key)
        assert revived.pid != killed.pid
        await client.aclose()


async def test_a_socket_is_replaced_under_a_live_job_without_a_loss(
    external_backend: RunningBackend,
) -> None:
    timing = Timing(recycle_after_s=0.3, close_s=0.2, linger_s=0.05)
    wire = AppSyncClient(external_backend.http, ApiKeyAuth(external_backend.key), timing=timing)
    versions: set[int] = set()
    recorder, profile = Recorder(), PROFILES["jupyter_jobs"]
    wire.on_status(recorder.on_status)
    wire.subscribe(
        profile.updates["group"],
        {"group": "replaced"},
        on_started=recorder.on_started,
        on_data=lambda payload: versions.add(payload["data"]["onJobUpdate"]["version"]),
        on_ended=recorder.on_ended,
    )
    await recorder.until(lambda: recorder.started)

    id_ = submit(external_backend, "replaced")
    last = 0
    while recorder.started < 5:
        job = await asyncio.to_thread(external_backend.update, id_, status="RUNNING")
        last = job["version"]
    await recorder.until(lambda: recorder.started >= 6)

    assert versions == set(range(1, last + 1))
    assert recorder.states == ["connecting", "connected"]
    await wire.aclose()
