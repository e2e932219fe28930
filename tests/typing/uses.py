"""What callers may rely on, as types. Checked by mypy, never run."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, assert_type

from jupyter_jobs import (
    ApiKeyAuth,
    Command,
    JobClient,
    JobFailed,
    JobHandle,
    JobList,
    JobLost,
    JobMonitor,
    JobsError,
    JobsRefused,
    JobStatus,
    JobTimedOut,
    Notebook,
    Priority,
    TokenAuth,
    as_completed,
    current_job,
    gather,
    handler,
    track,
    wait,
)


def train(size: int, *, lr: float) -> dict[str, float]:
    for _ in track(range(size), message="training"):
        current_job().progress(1, size)
    return {"loss": lr}


def monitors() -> None:
    assert_type(JobMonitor(), JobMonitor)
    JobMonitor(group="mine", loop="thread")
    JobMonitor("https://abc.appsync-api.eu-west-1.amazonaws.com/graphql", auth=ApiKeyAuth("da2-x"))
    JobMonitor("https://jobs.example.com/graphql", auth=TokenAuth("token"))
    JobMonitor("https://jobs.example.com/graphql", auth=TokenAuth(lambda: "token"))
    JobMonitor("https://jobs.example.com/graphql", auth=TokenAuth(fresh_token))
    JobMonitor(
        "https://jobs.example.com/graphql", auth="iam", region="eu-west-1", ca=Path("ca.pem")
    )
    JobMonitor("https://jobs.example.com/graphql", auth=17)  # type: ignore[arg-type]  # says no mode
    JobMonitor(profile="seed", amplify="amplify_outputs.json").reconnect(TokenAuth("token"))
    JobMonitor(auth_mode="iam")  # type: ignore[call-arg]  # unknown options are refused
    with JobMonitor() as monitor:
        assert_type(monitor, JobMonitor)
        assert_type(monitor.jobs, list[JobHandle[Any]])
        assert_type(monitor.group, str)


async def fresh_token() -> str:
    return "token"


def submits(monitor: JobMonitor) -> None:
    assert_type(monitor.submit("Process data", priority="HIGH", params={"day": 1}), JobHandle[Any])
    assert_type(monitor.submit(train, 128, lr=3e-4), JobHandle[dict[str, float]])
    assert_type(
        monitor.submit(train, 128, lr=3e-4, priority=Priority.LOW, name="night"),
        JobHandle[dict[str, float]],
    )
    assert_type(monitor.submit(Command(["python", "train.py"])), JobHandle[int])
    assert_type(monitor.submit(Command.shell("ls | wc -l", cwd=Path())), JobHandle[int])
    assert_type(
        monitor.submit(Notebook("report.ipynb", parameters={"day": "2026-11-22"})), JobHandle[str]
    )
    assert_type(monitor.submit(train, 1, lr=0.1, tags=["a"]), JobHandle[dict[str, float]])
    assert_type(monitor.submit(Command(["ls"]), tags=("a", "b")), JobHandle[int])
    monitor.submit(17)  # type: ignore[call-overload]  # not a request
    monitor.submit("Process data", timeot=3)  # type: ignore[call-overload]  # no option
    assert_type(
        monitor.submit(train, 1, lr=0.1, key="auto", timeout=timedelta(hours=1), retries=2, cpus=2),
        JobHandle[dict[str, float]],
    )
    prepare = monitor.submit("Prepare", queue_timeout=60, env={"N": 4}, cwd=Path())
    assert_type(monitor.submit(Command(["ls"]), after=prepare, again=True), JobHandle[int])


def sets(monitor: JobMonitor) -> None:
    sizes = monitor.map(len, ["a", "bc"], tags=["sweep"], after=["id"])
    assert_type(sizes, JobList[int])
    assert_type(monitor.map("Process data", [{"day": 1}]), JobList[Any])
    assert_type(monitor.submit_all([Command(["ls"])], after=sizes), JobList[int])
    assert_type(monitor.submit_all([Notebook("report.ipynb")]), JobList[str])
    assert_type(monitor.submit_all([partial(len, "a")], key="auto"), JobList[int])
    assert_type(monitor.submit_all(["Process data", Command(["ls"])]), JobList[Any])
    assert_type(sizes[0], JobHandle[int])
    assert_type(sizes[1:], JobList[int])
    assert_type(sizes.results(60), list[int])
    assert_type(sizes.results(return_exceptions=True), list[int | BaseException])
    assert_type(sizes.wait(timeout=1), bool)
    assert_type(sizes.counts, dict[JobStatus, int])
    assert_type(sizes.retry_failed(), JobList[int])
    assert_type(gather(sizes[0], sizes).cancel(), int)
    assert_type([job.result() for job in as_completed(sizes, timeout=3)], list[int])
    assert_type(wait(sizes, return_when="FIRST_COMPLETED").done, set[JobHandle[int]])
    assert_type(monitor.find(status="failed", since=timedelta(hours=2), limit=3), JobList[Any])
    monitor.find(state="failed")  # type: ignore[call-arg]  # no filter
    try:
        monitor.map(len, ["a"])
    except JobsRefused as error:
        assert_type(error.refused, dict[int, JobsError])


def handles(monitor: JobMonitor, job: JobHandle[dict[str, float]]) -> None:
    assert_type(job.result(), dict[str, float])
    assert_type(job.result(timeout=60), dict[str, float])
    assert_type(job.status, JobStatus)
    assert_type(job.progress, float | None)
    assert_type(job.cancel(), bool)
    assert_type([line.text for line in job.logs(tail=10)], list[str])
    assert_type(monitor.get(job.id), JobHandle[Any])
    assert_type(monitor.cancel(job), bool)
    assert_type(monitor.cancel(job.id), bool)
    assert_type(job.retry(), JobHandle[dict[str, float]])
    assert_type(monitor.retry(job), JobHandle[dict[str, float]])
    assert_type(monitor.retry(job.id), JobHandle[Any])
    assert_type(job.tags, tuple[str, ...])
    assert_type(job.attempt, int)
    assert_type(job.submitted_from, str | None)
    function, args, kwargs = job.call()
    assert_type(function(*args, **kwargs), dict[str, float])
    try:
        job.result()
    except (JobFailed, JobTimedOut, JobLost) as error:
        assert_type(error.traceback, str)
    except JobsError:
        pass


def futures(jobs: list[JobHandle[int]]) -> None:
    taken: list[concurrent.futures.Future[int]] = [*jobs]
    done, _ = concurrent.futures.wait(taken)
    assert_type([job.result() for job in done], list[int])


async def awaits(job: JobHandle[int], others: list[JobHandle[int]]) -> None:
    awaitable: Awaitable[int] = job
    assert_type(await awaitable, int)
    assert_type(await asyncio.wait_for(job, timeout=1), int)
    assert_type(await asyncio.gather(*others), list[int])


async def clients() -> None:
    async with await JobClient.connect(group="mine") as client:
        assert_type(client, JobClient)
        job = await client.submit(train, 1, lr=0.1)
        assert_type(job, JobHandle[dict[str, float]])
        assert_type(await client.retry(job), JobHandle[dict[str, float]])
        sizes = await client.map(len, ["a", "bc"], retries=1)
        assert_type(await sizes, list[int])
        assert_type([job.id async for job in sizes], list[str])
        assert_type([await job async for job in as_completed(sizes)], list[int])
        assert_type(await client.submit_all([Command(["ls"])]), JobList[int])
        assert_type(await client.find(name="night"), JobList[Any])


@handler("Process data")
def process_data(params: dict[str, Any]) -> int:
    job = current_job()
    job.message("reading")
    assert_type(job.dir, Path)
    for row in track([1, 2, 3], total=3):
        assert_type(row, int)
    return len(params)


assert_type(process_data({}), int)
