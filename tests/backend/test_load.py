"""Many at once: a thousand connections, and fifty kernels with a thousand live jobs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Hashable, Iterator
from pathlib import Path

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE, many
from jupyter_jobs.jobs.target import Target
from tests.support.backend import RunningBackend, running_backend
from tests.support.crowd import crowd
from tests.support.following import all_jobs, submit, until

CONNECTIONS = 1_000
HANDLES = 256  # that a process has by itself
KERNELS = 50
GROUPS = 25
JOBS = 40  # of each group
UPDATES = 3  # of each job
A_REQUEST = 250  # of them


@pytest.fixture
def modest_backend(tmp_path: Path) -> Iterator[RunningBackend]:
    """A backend that was started with few handles, as macOS gives them; this process has enough for its part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (HANDLES, hard))
    try:
        with running_backend(tmp_path / "data", "--external") as running:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * CONNECTIONS), hard))
            yield running
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_an_update_reaches_a_thousand_connections(modest_backend: RunningBackend) -> None:
    id_ = submit(modest_backend, "many")
    async with crowd() as everybody:
        query = ON_JOB_UPDATE["group"]
        where = modest_backend.realtime, modest_backend.key
        await everybody.grow(CONNECTIONS, *where, query, group="many")
        job = await asyncio.to_thread(modest_backend.update, id_, status="RUNNING", progress=0.5)
        await everybody.until(CONNECTIONS)
        stats = await asyncio.to_thread(modest_backend.stats)

    events = [json.loads(listener.last) for listener in everybody.listeners]
    assert (stats["connections"], stats["subscriptions"]) == (CONNECTIONS, CONNECTIONS)
    assert [event["payload"] for event in events] == [{"data": {"onJobUpdate": job}}] * CONNECTIONS
    assert len({event["id"] for event in events}) == CONNECTIONS


class OwnAuth(ApiKeyAuth):
    """The same key, as another kernel has it: on a connection of its own."""

    def __init__(self, key: str, kernel: int) -> None:
        super().__init__(key)
        self._kernel = kernel

    @property
    def identity(self) -> Hashable:
        return super().identity, self._kernel


async def test_fifty_kernels_with_a_thousand_live_jobs_have_what_the_database_has(
    external_backend: RunningBackend,
) -> None:
    names = [f"group-{number}" for number in range(GROUPS)]
    endpoint = Endpoint.parse(external_backend.http)
    clients = [
        JobClient(Target(endpoint, OwnAuth(external_backend.key, kernel)), group=group)
        for kernel, group in enumerate(names * (KERNELS // GROUPS))
    ]
    async with contextlib.AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
            client.start()
        await asyncio.gather(
            *(until(client, lambda c=client: is_connected(c)) for client in clients)
        )
        await asyncio.to_thread(work, external_backend, names)
        stats = await asyncio.to_thread(external_backend.stats)
        truth = {name: await asyncio.to_thread(all_jobs, external_backend, name) for name in names}
        assert sum(map(len, truth.values())) == GROUPS * JOBS
        for client in clients:
            wanted = truth[client.group]
            await until(client, lambda c=client, w=wanted: versions(c) == versions_of(w))
            for id_, body in wanted.items():
                job = client.store.get(id_)
                assert job is not None
                assert (job.status.value, job.progress) == (body["status"], body["progress"])

    assert stats["connections"] == KERNELS
    assert stats["jobs"]["RUNNING"] >= GROUPS * JOBS
    assert stats["cutClients"] == 0


def is_connected(client: JobClient) -> bool:
    return client.connection.state == "connected"


def versions(client: JobClient) -> dict[str, int]:
    return {job.id: client.store.version(job.id) for job in client.store}


def versions_of(bodies: dict[str, dict[str, object]]) -> dict[str, object]:
    return {id_: body["version"] for id_, body in bodies.items()}


def work(backend: RunningBackend, groups: list[str]) -> None:
    """Submit jobs to each group and report on all of them, in turn."""
    jobs = [(f"{group}-{number}", group) for number in range(JOBS) for group in groups]
    asked = [{"id": id_, "request": "work", "group": group} for id_, group in jobs]
    execute(backend, "submitJob", "input: SubmitJobInput!", asked)
    for update in range(1, UPDATES + 1):
        told = {"status": "RUNNING", "progress": update / (UPDATES + 1)}
        execute(
            backend, "updateJob", "input: UpdateJobInput!", [{"id": id_, **told} for id_, _ in jobs]
        )


def execute(
    backend: RunningBackend, field: str, argument: str, inputs: list[dict[str, object]]
) -> None:
    for first in range(0, len(inputs), A_REQUEST):
        variables = {f"j{n}": each for n, each in enumerate(inputs[first : first + A_REQUEST])}
        document = many("mutation Work", field, argument, list(variables))
        answer = backend.execute(document, variables)
        assert "errors" not in answer, answer
