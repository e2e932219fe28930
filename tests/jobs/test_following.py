"""How a client follows, against a backend that cannot be asked; the embedded one is in `test_client.py`."""

import asyncio
import gc
import json
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    ConnectionLost,
    JobFailed,
    NotSupported,
    RemoteProtocolError,
    RequestTimedOut,
    ServerFault,
)
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.callbacks import Metric
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.config import JobConfig
from jupyter_jobs.jobs.following import open_clients
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore
from tests.support.backend import RunningBackend
from tests.support.following import PATIENCE_S, following, submit, until
from tests.support.following import target as target_of
from tests.support.proxy import proxied
from tests.support.seed import SeedBackend
from tests.support.server import KEY, Answer


@pytest.fixture
async def seed() -> AsyncIterator[SeedBackend]:
    async with SeedBackend() as seed:
        yield seed


@pytest.fixture
async def client(seed: SeedBackend) -> AsyncIterator[JobClient]:
    async with JobClient(seed.target) as client:
        client.start()
        yield client


async def submitted(client: JobClient, seed: SeedBackend, **options: Any) -> JobHandle[Any]:
    """Submit a job, and wait until the backend knows that we listen."""
    job = await client.submit("Process data", **options)
    await seed.until(lambda: job.id in seed.subscribed)
    return job


async def test_a_job_goes_from_its_submission_to_its_result(
    client: JobClient, seed: SeedBackend
) -> None:
    job = await submitted(client, seed, priority="HIGH", name="mine")
    assert (job.id, job.status, job.name) == ("job-1", JobStatus.QUEUED, "mine")

    await seed.update(job.id, "PROCESSING")
    await until(client, lambda: job.status is JobStatus.RUNNING)
    await seed.update(job.id, "COMPLETE", {"rows": 7})
    assert await job == {"rows": 7}
    assert seed.submitted == [{"request": "Process data", "priority": "HIGH"}]
    assert client.jobs == [job]


async def test_a_job_that_fails_says_what_the_backend_says(
    client: JobClient, seed: SeedBackend
) -> None:
    job = await submitted(client, seed)
    await seed.update(job.id, "ERROR", {"message": "no rows"})

    with pytest.raises(JobFailed, match="Process data failed: no rows"):
        await job


async def test_late_and_double_news_changes_nothing(client: JobClient, seed: SeedBackend) -> None:
    job, other = await submitted(client, seed), await submitted(client, seed)
    early = dict(seed.jobs[job.id], status="PROCESSING")
    await seed.update(job.id, "COMPLETED", 1)
    await seed.push(seed.jobs[job.id])
    await seed.push(early)
    await seed.update(other.id, "COMPLETED", 2)

    assert await other == 2
    assert await job == 1
    assert job.status is JobStatus.SUCCEEDED


async def test_an_ended_job_is_unsubscribed_from(client: JobClient, seed: SeedBackend) -> None:
    job, other = await submitted(client, seed), await submitted(client, seed)
    await seed.update(job.id, "COMPLETED")
    await seed.until(lambda: seed.subscribed == [other.id])

    assert job.done()


async def test_after_a_reset_each_live_job_is_heard_of_again(
    client: JobClient, seed: SeedBackend
) -> None:
    jobs = [await submitted(client, seed) for _ in range(3)]
    await seed.update(jobs[0].id, "COMPLETED", 0)
    await jobs[0]
    seed.peers[0].cut()
    await seed.until(lambda: len(seed.peers) > 1 and set(seed.subscribed) == {"job-2", "job-3"})
    await seed.update("job-2", "COMPLETED", 2)
    await seed.update("job-3", "FAILED", "no")

    assert await jobs[1] == 2
    with pytest.raises(JobFailed):
        await jobs[2]


async def test_many_jobs_are_followed_each(client: JobClient, seed: SeedBackend) -> None:
    jobs = await asyncio.gather(*(client.submit("Process data") for _ in range(120)))
    await seed.until(lambda: len(set(seed.subscribed)) == 120)
    for number, job in enumerate(jobs):
        await seed.update(job.id, "PROCESSING")
        await seed.update(job.id, "COMPLETE", number)

    assert await asyncio.gather(*jobs) == list(range(120))
    await seed.until(lambda: seed.subscribed == [])


async def test_a_submission_from_another_thread_is_followed(
    client: JobClient, seed: SeedBackend
) -> None:
    body = client.prepare("Process data", (), {})
    job = client.adopt(await asyncio.to_thread(client.api.run_sync, calls.submit(body)))
    await seed.until(lambda: job.id in seed.subscribed)
    await seed.update(job.id, "COMPLETE", "done")

    assert await job == "done"
    assert job.name == "Process data"


async def test_what_cannot_be_learned_is_said_once(
    seed: SeedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "jupyter_jobs.jobs"):
        async with JobClient(seed.target) as client:
            client.start()
            await client.ready()
            await submitted(client, seed)

            assert "no getJob and no listJobs" in client.feed.problem
    assert caplog.text.count("no getJob and no listJobs") == 1


async def test_what_the_api_lacks_is_refused_in_a_clear_word(
    client: JobClient, seed: SeedBackend
) -> None:
    job = await submitted(client, seed)

    for use, word in (
        (lambda: client.cancel(job.id), "no cancelJob: a job runs to its own end"),
        (lambda: client.get("job-9"), "no getJob"),
        (lambda: asyncio.to_thread(job.logs), "no jobLogs: what jobs print cannot be read"),
        (lambda: client.submit("Process data", params={"day": 1}), "takes no params, only request"),
        (lambda: client.submit(print, 1), "requests that it knows by name"),
    ):
        with pytest.raises(NotSupported, match=word) as caught:
            await use()
        assert caught.value.code == "INVALID_INPUT"
    assert len(seed.submitted) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"{", 200), ServerFault),
        (Answer({"data": {"submitJob": None}}), RemoteProtocolError),
        (Answer({"data": {"submitJob": {"status": "PENDING"}}}), RemoteProtocolError),
        (Answer({"message": "boom"}, 500), ServerFault),
    ],
)
async def test_a_submission_whose_answer_is_lost_is_never_repeated(
    client: JobClient, seed: SeedBackend, answer: Answer, error: type[Exception]
) -> None:
    seed.answers.append(answer)

    with pytest.raises(error, match="It may have been submitted all the same"):
        await client.submit("Process data")
    assert len(seed.posts) == 1


async def test_a_submission_that_never_left_is_only_lost(seed: SeedBackend) -> None:
    seed._http.close()
    async with JobClient(seed.target, config=JobConfig(max_retries=0)) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.submit("Process data")

    assert "It may have been submitted" not in str(caught.value)


async def test_a_submission_without_an_answer_in_time_may_have_happened(seed: SeedBackend) -> None:
    seed.answers.append(Answer(delay=None))
    async with AppSyncClient(seed.endpoint, ApiKeyAuth(KEY), timeout=1.0) as wire:
        async with JobClient(seed.target, wire=wire) as client:
            with pytest.raises(RequestTimedOut, match="may have been submitted"):
                await client.submit("Process data")


async def test_a_silent_job_has_its_subscription_renewed(seed: SeedBackend) -> None:
    config = JobConfig(subscription_timeout=0.1)
    async with JobClient(seed.target, config=config) as client:
        client.start()
        job = await submitted(client, seed)
        await seed.until(lambda: len(seed.starts) >= 3)

        assert {json.loads(start.data)["variables"]["id"] for start in seed.starts} == {job.id}
        while not job.done():  # it may be renewed just now
            await seed.update(job.id, "COMPLETE")
            await asyncio.sleep(0.01)


async def test_an_event_without_a_body_is_passed_over(client: JobClient, seed: SeedBackend) -> None:
    job = await submitted(client, seed)
    for payload in ({"data": None}, {"data": {"onJobUpdate": None}}, {"errors": [{}]}, {}):
        await seed.peers[0].publish(payload)
    await seed.peers[0].publish({"data": {"onJobUpdate": {"id": job.id}}})
    await seed.update(job.id, "COMPLETE", 1)

    assert await job == 1


# Callbacks, numbers and the end, against the embedded backend.


async def test_callbacks_come_on_the_loops_thread(external_backend: RunningBackend) -> None:
    told: list[tuple[str, str, int]] = []
    done = asyncio.Event()

    def note(name: str) -> Any:
        return lambda job: told.append((name, job.status.value, threading.get_ident()))

    async def complete(job: JobHandle[Any]) -> None:
        note("complete")(job)
        done.set()

    async with following(external_backend, "told") as client:
        client.on(on_status_update=note("update"), on_job_complete=complete)
        job = await client.submit("work")
        external_backend.update(job.id, status="RUNNING")
        await until(client, lambda: job.status is JobStatus.RUNNING)
        external_backend.update(job.id, status="SUCCEEDED", result="7")
        await done.wait()

    home = threading.get_ident()
    assert told[-1] == ("complete", "SUCCEEDED", home)
    assert {name for name, _, _ in told[:-1]} == {"update"}
    assert {thread for _, _, thread in told} == {home}


async def test_what_happened_before_the_close_is_still_told(
    external_backend: RunningBackend,
) -> None:
    told: list[str] = []
    target = target_of(external_backend)
    async with JobClient(target, group="last", on_job_error=lambda job: told.append(job.id)) as one:
        one.start()
        await one.ready()
        job = await one.submit("work")
        external_backend.update(job.id, status="FAILED")
        await until(one, job.done)

    assert told == [job.id]


async def test_jobs_that_had_ended_are_history(external_backend: RunningBackend) -> None:
    told: list[str] = []
    ended, live = submit(external_backend, "history"), submit(external_backend, "history")
    external_backend.update(ended, status="FAILED")
    target = target_of(external_backend)
    async with JobClient(
        target, group="history", on_job_error=lambda job: told.append(job.id)
    ) as c:
        c.start()
        await c.ready()
        assert c.handle(ended).status is JobStatus.FAILED
        external_backend.update(live, status="FAILED")
        await until(c, lambda: c.handle(live).done())

    assert told == [live]


async def test_what_there_is_to_measure_is_told(external_backend: RunningBackend) -> None:
    metrics: list[Metric] = []
    group = "measured"
    with proxied(external_backend.http) as proxy:
        async with following(external_backend, group, http=proxy.http) as client:
            client.on(on_event=metrics.append)
            job = await client.submit("work")
            await until(client, lambda: client.connection.state == "connected")
            with proxy.down():
                await until(client, lambda: client.connection.state == "reconnecting")
                external_backend.update(job.id, status="SUCCEEDED")
            client.reconnect()
            await until(client, job.done)
            await until(client, lambda: client.connection.state == "connected")

    by_kind = {metric.kind: metric for metric in metrics}
    assert by_kind["submitted"].jobs == 1
    assert by_kind["submitted"].seconds > 0
    assert by_kind["reconnected"].seconds > 0
    assert sum(metric.healed for metric in metrics if metric.kind == "reconciled") == 1
    states = [metric.state for metric in metrics if metric.kind == "connection"]
    assert states[0] == "reconnecting"
    assert "connected" in states


async def test_every_state_of_the_connection_is_told_to_its_end(seed: SeedBackend) -> None:
    states: list[str] = []
    async with JobClient(
        seed.target, on_connection_state_change=lambda status: states.append(status.state)
    ) as client:
        client.start()
        await submitted(client, seed)

    assert states == ["connecting", "connected", "closed"]


async def test_many_clients_share_one_connection(seed: SeedBackend) -> None:
    async with JobClient(seed.target, group="a") as one, JobClient(seed.target, group="b") as two:
        one.start()
        two.start()
        first, second = await submitted(one, seed), await submitted(two, seed)

        assert len(seed.peers) == 1
        await one.aclose()
        await one.aclose()
        await seed.until(lambda: seed.subscribed == [second.id])
        assert first.done()
        await seed.update(second.id, "COMPLETE", "still here")
        assert await second == "still here"


async def test_parts_that_are_given_stay_with_their_giver(seed: SeedBackend) -> None:
    store = JobStore(threading.RLock())
    async with AppSyncClient(seed.endpoint, ApiKeyAuth(KEY)) as wire:
        async with JobClient(seed.target, wire=wire, store=store) as client:
            client.start()
            job = await submitted(client, seed)
        assert job.id in store
        await seed.until(lambda: seed.subscribed == [])

        async with JobClient(seed.target, wire=wire, store=store) as client:
            client.start()
            await seed.until(lambda: seed.subscribed == [job.id])
            await seed.update(job.id, "COMPLETE", 1)
            assert await client.handle(job.id) == 1


async def test_nothing_is_left_after_the_close(seed: SeedBackend) -> None:
    before = asyncio.all_tasks()
    client = JobClient(seed.target, on_status_update=lambda job: None)
    client.start()
    await submitted(client, seed)
    mine = asyncio.all_tasks() - before
    await client.aclose()
    gc.collect()

    assert any(task.get_name() == "jupyter-jobs feed" for task in mine)
    assert [t.get_name() for t in asyncio.all_tasks() - before if "jupyter" in t.get_name()] == []
    assert [t.get_name() for t in asyncio.all_tasks() - before if "appsync" in t.get_name()] == []


async def test_the_clients_of_a_process_are_known_until_they_are_closed(seed: SeedBackend) -> None:
    client = JobClient(seed.target)
    before = client in open_clients()
    await client.aclose()

    assert before
    assert client not in open_clients()


async def test_settings_come_by_name(external_backend: RunningBackend) -> None:
    async with await JobClient.connect(
        external_backend.http,
        auth=ApiKeyAuth(external_backend.key),
        config={"max_retries": 1, "subscription_timeout": 60},
        on_job_complete=print,
    ) as client:
        assert client._config == JobConfig(max_retries=1, subscription_timeout=60)


FORGETFUL = """
import asyncio, sys
from jupyter_jobs import ApiKeyAuth, JobClient

async def main():
    followed = asyncio.Event()
    client = await JobClient.connect(
        sys.argv[1],
        auth=ApiKeyAuth(sys.argv[2]),
        on_event=lambda metric: followed.set() if metric.kind == "reconciled" else None,
    )
    await client.submit("work")
    while client.connection.state != "connected":
        followed.clear()
        await followed.wait()

asyncio.run(main())
"""


def test_a_process_that_forgets_to_close_ends_without_noise(
    external_backend: RunningBackend,
) -> None:
    httpx_is_cut_off_while_it_connects = "ignore:coroutine 'connect_tcp:RuntimeWarning"
    ended = subprocess.run(
        [
            *(sys.executable, "-W", httpx_is_cut_off_while_it_connects),
            *("-c", FORGETFUL, external_backend.http, external_backend.key),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert ended.stderr == ""
