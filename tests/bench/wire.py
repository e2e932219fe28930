"""The wire, beside bare loops and gql on the same frames: `python -m tests.bench.wire`. Nothing here passes or fails.

Ratios are what to read: all sides of each ran in turn, in one process, on one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from gql import Client, GraphQLRequest
from gql.transport.appsync_auth import AppSyncApiKeyAuthentication
from gql.transport.appsync_websockets import AppSyncWebsocketsTransport

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.bulk import submit_many
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.operations import LIST_JOBS, ON_JOB_UPDATE
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.target import Target
from tests.bench.flood import FRAMES, JOBS, frame_text
from tests.bench.tools import (
    bare_socket,
    bare_start,
    bare_subscription,
    flooding,
    header,
    report,
)
from tests.support.backend import RunningBackend, running_backend
from tests.support.following import until
from tests.support.proxy import Proxy, proxied

ROUNDS = 5
STARTS = 1_000
PER_CONNECTION = 100  # AppSync's limit, and the backend's
LIVE = 1_000
STORED = 10_000
KEY = "da2-bench"


def main() -> None:
    header()
    with flooding() as port:
        asyncio.run(frames(port))
    with tempfile.TemporaryDirectory() as folder, running_backend(Path(folder), "--external") as b:
        asyncio.run(starts(b))
        with proxied(b.http) as proxy:
            asyncio.run(reconnect(b, proxy))
    memory()


async def frames(port: int) -> None:
    """Frames from the socket into the store, beside `async for` and `json.loads`, and gql, on the same frames."""
    sides: dict[str, Callable[[int], Awaitable[None]]] = {
        "ours": into_store,
        "bare": into_json,
        "gql": into_gql,
    }
    wall: dict[str, list[float]] = {side: [] for side in sides}
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, receive in sides.items():
            gc.collect()
            began_cpu, began = time.process_time(), time.perf_counter()
            await receive(port)
            cpu[side].append((time.process_time() - began_cpu) / FRAMES * 1e6)
            wall[side].append((time.perf_counter() - began) / FRAMES * 1e6)
    for what, times in (("CPU", cpu), ("wall", wall)):
        ours, bare, gql = (statistics.median(times[side]) for side in sides)
        report(f"{what} a frame into the store (bare: json)", ours, bare, "us")
        report(f"{what} a frame into the store (gql)", ours, gql, "us")


async def into_store(port: int) -> None:
    target = Target(Endpoint.parse(f"http://127.0.0.1:{port}/graphql"), ApiKeyAuth(KEY))
    client = JobClient(target, group="bench")
    whole = asyncio.Event()
    last = FRAMES // JOBS
    client.store.observe(
        lambda id_, _: (
            whole.set() if id_.endswith("000999") and client.store.version(id_) == last else None
        )
    )
    client.start()
    await whole.wait()
    assert client.store.counts() == {JobStatus.RUNNING: JOBS}
    await client.aclose()


async def into_json(port: int) -> None:
    url = f"http://127.0.0.1:{port}/graphql"
    async with bare_subscription(f"ws://127.0.0.1:{port}/graphql", url, KEY, "bench") as socket:
        left = FRAMES
        async for text in socket:
            if json.loads(text)["type"] == "data":
                left -= 1
                if not left:
                    return


async def into_gql(port: int) -> None:
    auth = AppSyncApiKeyAuthentication(f"127.0.0.1:{port}", KEY)
    transport = AppSyncWebsocketsTransport(
        f"ws://127.0.0.1:{port}/graphql", auth=auth, connect_args={"compression": None}
    )
    asked = GraphQLRequest(ON_JOB_UPDATE["group"], variable_values={"group": "bench"})
    left = FRAMES
    async with Client(transport=transport) as session:
        async with contextlib.aclosing(session.subscribe(asked)) as events:
            async for event in events:
                left -= 1
                if not left:
                    assert event["onJobUpdate"]["version"] == FRAMES // JOBS
                    break


async def starts(backend: RunningBackend) -> None:
    """From the first start to the last start_ack, one job each, beside sockets that send all starts at once."""
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        times["ours"].append(await our_starts(backend))
        times["bare"].append(await bare_starts(backend))
    ours, bare = (statistics.median(side) * 1e3 for side in times.values())
    report(f"{STARTS:,} starts (bare: pipelined)", ours, bare, "ms")


async def our_starts(backend: RunningBackend) -> float:
    acknowledged, done = 0, asyncio.Event()

    def started() -> None:
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged > STARTS:
            done.set()

    def subscribe(id_: str, on_started: Callable[[], object]) -> None:
        client.subscribe(
            ON_JOB_UPDATE["id"],
            {"id": id_},
            on_started=on_started,
            on_data=lambda payload: None,
            on_ended=lambda error: None,
        )

    async with AppSyncClient(backend.http, ApiKeyAuth(backend.key)) as client:
        ready = asyncio.Event()
        subscribe("first", lambda: (ready.set(), started()))
        await ready.wait()
        began = time.perf_counter()
        for n in range(STARTS):
            subscribe(f"job-{n}", started)
        await done.wait()
        return time.perf_counter() - began


async def bare_starts(backend: RunningBackend) -> float:
    url, http, key = backend.realtime, backend.http, backend.key

    async def one_socket(numbers: range) -> None:
        socket = await stack.enter_async_context(bare_socket(url, http, key))
        for n in numbers:
            await socket.send(bare_start(f"s{n}", http, key, id=f"job-{n}"))
        left = len(numbers)
        while left:
            left -= json.loads(await socket.recv())["type"] == "start_ack"

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(bare_socket(url, http, key))
        began = time.perf_counter()
        await asyncio.gather(
            *(
                one_socket(range(first, min(first + PER_CONNECTION, STARTS)))
                for first in range(0, STARTS, PER_CONNECTION)
            )
        )
        return time.perf_counter() - began


async def reconnect(backend: RunningBackend, proxy: Proxy) -> None:
    """From a way back to the backend until the store is right, beside connect, start and one list."""
    api = JobApi(AppSyncClient(backend.http, ApiKeyAuth(backend.key)))
    ids = [f"live-{n}" for n in range(LIVE)]
    async with api.wire:
        bodies = [{"id": id_, "request": "work", "group": "live"} for id_ in ids]
        await api.drive(submit_many(bodies, PROFILES["jupyter_jobs"]))
    target = Target(Endpoint.parse(proxy.http), ApiKeyAuth(backend.key))
    ours, bare = [], []
    async with JobClient(target, group="live") as client:
        client.start()
        for version in range(2, 2 + ROUNDS):
            await until(client, lambda: client.connection.state == "connected")
            await until(client, lambda v=version: right(client.store, ids, v - 1))
            with proxy.down():
                await until(client, lambda: client.connection.state != "connected")
                await asyncio.to_thread(raise_versions, backend, ids)
            began = time.perf_counter()
            client.reconnect()
            await until(client, lambda v=version: right(client.store, ids, v))
            ours.append(time.perf_counter() - began)
            bare.append(await bare_reconnect(backend))
    report(
        f"reconnect with {LIVE:,} live jobs (bare: one list)",
        statistics.median(ours) * 1e3,
        statistics.median(bare) * 1e3,
        "ms",
    )


def right(store: JobStore, ids: list[str], version: int) -> bool:
    return all(store.version(id_) == version for id_ in ids)


def raise_versions(backend: RunningBackend, ids: list[str]) -> None:
    for first in range(0, len(ids), PER_CONNECTION):
        fields = " ".join(
            f'j{n}: updateJob(input: {{id: "{id_}", status: RUNNING}}) {{ id }}'
            for n, id_ in enumerate(ids[first : first + PER_CONNECTION])
        )
        assert "errors" not in backend.execute(f"mutation {{ {fields} }}")


async def bare_reconnect(backend: RunningBackend) -> float:
    began = time.perf_counter()
    async with bare_subscription(backend.realtime, backend.http, backend.key, "live"):
        async with httpx.AsyncClient(headers={"x-api-key": backend.key}, trust_env=False) as http:
            asked = {"query": LIST_JOBS, "variables": {"group": "live", "limit": LIVE}}
            answer = await http.post(backend.http, json=asked)
            jobs = {job["id"]: job for job in answer.json()["data"]["listJobs"]["items"]}
    assert len(jobs) == LIVE
    return time.perf_counter() - began


def memory() -> None:
    """Bytes that a job takes in the store, beside a plain dict of the same bodies."""
    texts = [frame_text("s", n) for n in range(STORED)]

    def into_dict() -> dict[str, Any]:
        return {f"{n}": body for n, body in enumerate(bodies(texts))}

    def into_a_store() -> JobStore:
        store = JobStore()
        for n, body in enumerate(bodies(texts)):
            store.merge({**body, "id": f"{n}"})
        return store

    def looked_at() -> tuple[JobStore, list[object]]:
        store = into_a_store()
        return store, list(store)

    plain = traced(into_dict)
    report("memory a job in the store (a dict of bodies)", traced(into_a_store), plain, "B")
    report("the same, each job looked at", traced(looked_at), plain, "B")


def bodies(texts: list[str]) -> Any:
    return (json.loads(text)["payload"]["data"]["onJobUpdate"] for text in texts)


def traced(make: Callable[[], object]) -> float:
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del made
    return size / STORED


if __name__ == "__main__":
    main()
