"""Clients of a test's backend, and ways to wait for what they hear."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jupyter_jobs._loop import call_soon
from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import PAGE
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.operations import LIST_JOBS, SUBMIT_JOB
from jupyter_jobs.jobs.target import Target
from tests.support.backend import PATIENCE_S, RunningBackend

__all__ = [
    "PATIENCE_S",
    "all_jobs",
    "api_of",
    "following",
    "submit",
    "target",
    "until",
    "until_blocking",
]


def target(backend: RunningBackend, http: str | None = None) -> Target:
    """The backend, directly or through `http`."""
    return Target(Endpoint.parse(http or backend.http), ApiKeyAuth(backend.key))


def api_of(backend: RunningBackend) -> JobApi:
    """What asks the backend."""
    return JobApi(AppSyncClient(backend.http, ApiKeyAuth(backend.key)))


@asynccontextmanager
async def following(
    backend: RunningBackend, group: str, *, http: str | None = None
) -> AsyncIterator[JobClient]:
    """A client that follows a group and is told of its jobs by events."""
    async with JobClient(target(backend, http), group=group) as client:
        client.start()
        await until(client, lambda: client.connection.state == "connected")
        await client.ready()
        yield client


async def until(client: JobClient, condition: Callable[[], object]) -> None:
    """Wait until a change of the client's jobs or connection makes the condition true."""
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    client.watch(changed.set)
    stop = client.store.observe(lambda *_: call_soon(loop, changed.set))
    while not condition():
        changed.clear()
        await changed.wait()
    stop()


def until_blocking(client: JobClient, condition: Callable[[], object]) -> None:
    """Wait, blocking the thread, until a change of the client's jobs makes the condition true."""
    changed = threading.Event()
    stop = client.store.observe(lambda *_: changed.set())
    while not condition():
        assert changed.wait(PATIENCE_S), "nothing was heard of the jobs"
        changed.clear()
    stop()


def submit(backend: RunningBackend, group: str, **more: Any) -> str:
    """Submit a named request without our client; its id."""
    answer = backend.execute(SUBMIT_JOB, {"input": {"request": "work", "group": group, **more}})
    assert "errors" not in answer, answer
    id_: str = answer["data"]["submitJob"]["id"]
    return id_


def all_jobs(backend: RunningBackend, group: str) -> dict[str, dict[str, Any]]:
    """All jobs of a group as the backend has them, by id."""
    jobs: dict[str, dict[str, Any]] = {}
    token = None
    while True:
        variables = {"group": group, "limit": PAGE} | ({"nextToken": token} if token else {})
        page = backend.execute(LIST_JOBS, variables)["data"]["listJobs"]
        jobs |= {body["id"]: body for body in page["items"]}
        if not (token := page["nextToken"]):
            return jobs
