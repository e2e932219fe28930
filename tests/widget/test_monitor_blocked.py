"""While a cell blocks the loop. These tests block it, too."""

import asyncio
import concurrent.futures
import fcntl
import time
from typing import Any

import psutil
import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.jobs.embedded import data_folder, ensure_backend
from jupyter_jobs.widget import standin
from jupyter_jobs.widget.monitor import JobMonitor
from tests.support.backend import RunningBackend
from tests.support.following import PATIENCE_S, submit, until_blocking
from tests.support.monitor import closed, of, until_ready
from tests.support.seed import SeedBackend
from tests.support.server import KEY as SEEDS_KEY
from tests.support.server import in_thread


async def test_a_result_arrives_in_a_cell_that_waits_for_it(
    backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standin, "OVERDUE", 3600)  # the call alone tells that the loop is blocked
    monitor = of(backend, "blocking")

    assert monitor.submit(lambda a, b: a * b, 6, b=7).result(timeout=PATIENCE_S) == 42
    with pytest.raises(ZeroDivisionError):
        monitor.submit(lambda: 1 / 0).result(timeout=PATIENCE_S)
    assert monitor.submit("Process data", params={"rows": 7, "seconds": 0}).result(PATIENCE_S) == {
        "rows": 7,
        "total": 21,
    }


async def test_a_large_result_arrives_whole(backend: RunningBackend) -> None:
    monitor = of(backend, "large")
    megabyte = monitor.submit(lambda: bytes(range(256)) * 4096)
    text = monitor.submit(lambda: "long " * 60_000)

    assert megabyte.result(timeout=PATIENCE_S) == bytes(range(256)) * 4096
    assert text.result(timeout=PATIENCE_S) == "long " * 60_000
    assert await megabyte == megabyte.result()


async def test_the_standard_librarys_wait_ends_in_a_cell_that_blocks(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "waiting")
    jobs = [monitor.submit("work") for _ in range(3)]
    for job in jobs:
        external_backend.update(job.id, status="SUCCEEDED", result="1")

    done, _ = concurrent.futures.wait(jobs, timeout=PATIENCE_S)
    assert done == set(jobs)


async def test_jobs_of_an_earlier_kernel_are_followed_in_the_cell_that_finds_them(
    external_backend: RunningBackend,
) -> None:
    ids = [submit(external_backend, "earlier") for _ in range(2)]
    monitor = of(external_backend, "earlier")
    jobs = monitor.jobs
    assert [job.id for job in jobs] == ids[::-1]

    for id_ in ids:
        external_backend.update(id_, status="SUCCEEDED", result="1")
    done, _ = concurrent.futures.wait(jobs, timeout=PATIENCE_S)
    assert done == set(jobs)


async def test_progress_is_seen_while_the_loop_is_blocked(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "progress")
    job = monitor.submit("work")
    await until_ready(monitor)
    monitor._panel.receive({"type": "hello", "page": "p"})

    external_backend.update(job.id, status="RUNNING", progress=0.5)
    until_blocking(monitor._client, lambda: job.progress == 0.5)
    external_backend.update(job.id, progress=0.75)
    until_blocking(monitor._client, lambda: job.progress == 0.75)
    while not any(
        message.get("jobs", {}).get(job.id, {}).get("progress") == 0.75
        for message in monitor.comm.custom
    ):
        time.sleep(0.01)  # noqa: ASYNC251  # the loop is to be blocked


async def test_a_loop_that_was_blocked_goes_on_with_events(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "after")
    job = monitor.submit("work")
    await until_ready(monitor)
    external_backend.update(job.id, status="RUNNING")
    until_blocking(monitor._client, lambda: job.status == "RUNNING")

    external_backend.update(job.id, status="SUCCEEDED", result="1")
    assert await job == 1


@pytest.mark.usefixtures("started_backends_end")
async def test_a_click_on_reconnect_leaves_the_loop_to_others_until_a_backend_is_found() -> None:
    monitor = JobMonitor(group="found")
    await until_ready(monitor)
    process = psutil.Process(ensure_backend().pid)
    process.kill()
    process.wait(PATIENCE_S)

    with open(data_folder() / "start.lock", "a") as lock:  # noqa: ASYNC230  a file on this machine
        fcntl.flock(lock, fcntl.LOCK_EX)  # as whoever starts one, and takes long
        monitor._panel.receive(
            {"type": "action", "page": "p", "action": "reconnect", "actionId": 1}
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert replies(monitor) == []
    while not replies(monitor):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)

    assert [reply["ok"] for reply in replies(monitor)] == [True]
    await closed(monitor)


def replies(monitor: JobMonitor) -> list[Any]:
    return [message for message in monitor.comm.custom if message["type"] == "reply"]


async def test_a_blocking_cell_gets_the_result_of_an_api_that_can_only_push() -> None:
    seed = SeedBackend()
    with in_thread(seed) as run:
        monitor = JobMonitor(
            seed.endpoint.http,
            auth=ApiKeyAuth(SEEDS_KEY),
            realtime_url=seed.endpoint.realtime,
            profile="seed",
        )
        job = monitor.submit("Process data")
        run(seed.until(lambda: job.id in seed.subscribed))
        run(seed.update(job.id, "COMPLETED", 3))

        assert job.result(PATIENCE_S) == 3
        await closed(monitor)
