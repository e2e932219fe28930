"""How fast, beside a baseline in the same run: `python -m tests.bench`. Nothing here passes or fails.

    python -m tests.bench             submit, and from an update to the store
    python -m tests.bench.wire        frames, starts, reconnects, memory
    python -m tests.bench.backend     the backend: mutations, fan-out, start, memory, pages, idleness
    python -m tests.bench.patience    what long runs cost; what a blocked loop catches up with

Ratios are what to read: both sides of each ran in turn, in one process, on one machine.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.operations import SUBMIT_JOB, UPDATE_JOB
from jupyter_jobs.jobs.target import Target
from tests.bench.tools import bare_subscription, header, quantile, report
from tests.support.backend import RunningBackend, running_backend

SUBMITS = 300
UPDATES = 300


def main() -> None:
    header()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_backend(Path(folder), "--external") as backend,
    ):
        submit_latency(backend)
        asyncio.run(event_latency(backend))


def submit_latency(backend: RunningBackend) -> None:
    """`submit` beside a bare POST of the same document on a kept connection."""
    api = JobApi(AppSyncClient(backend.http, ApiKeyAuth(backend.key)))
    number = iter(range(10**9))

    def ours() -> None:
        api.run_sync(
            calls.submit({"id": f"ours-{next(number)}", "request": "work", "group": "bench"})
        )

    with httpx.Client(headers={"x-api-key": backend.key}, trust_env=False) as client:

        def bare() -> None:
            body = {"id": f"bare-{next(number)}", "request": "work", "group": "bench"}
            client.post(
                backend.http, json={"query": SUBMIT_JOB, "variables": {"input": body}}
            ).json()

        times = in_turn(ours, bare, SUBMITS)
    for name, share in (("median", 0.5), ("p95", 0.95)):
        report(
            f"submit, {name} (bare: httpx POST)",
            *(quantile(side, share) * 1e3 for side in times),
            "ms",
        )


def in_turn(
    ours: Callable[[], None], bare: Callable[[], None], rounds: int
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, act in zip(times, (ours, bare), strict=True):
            begun = time.perf_counter()
            act()
            side.append(time.perf_counter() - begun)
    return times


async def event_latency(backend: RunningBackend) -> None:
    """From sending `updateJob` to the store, beside a bare socket that reads the same event."""
    client = JobClient(
        Target(Endpoint.parse(backend.http), ApiKeyAuth(backend.key)), group="latency"
    )
    connected = asyncio.Event()
    client.watch(lambda: connected.set() if client.connection.state == "connected" else None)
    client.start()
    await connected.wait()
    job = await client.submit("work")
    ours: list[float] = []
    bare: list[float] = []
    async with bare_subscription(
        backend.realtime, backend.http, backend.key, "latency"
    ) as websocket:
        async with httpx.AsyncClient(headers={"x-api-key": backend.key}, trust_env=False) as http:
            arrived = asyncio.Event()

            def into_store(*_: object) -> None:
                ours.append(time.perf_counter())
                arrived.set()

            client.store.observe(into_store)
            for n in range(UPDATES):
                changes = {"id": job.id, "status": "RUNNING", "progress": n / UPDATES}
                arrived.clear()
                begun = time.perf_counter()
                body = {"query": UPDATE_JOB, "variables": {"input": changes}}
                post = asyncio.create_task(http.post(backend.http, json=body))
                while json.loads(await websocket.recv())["type"] != "data":
                    pass
                bare.append(time.perf_counter() - begun)
                await arrived.wait()
                ours[n] -= begun
                await post
    await client.aclose()
    for name, share in (("median", 0.5), ("p95", 0.95)):
        report(
            f"update to store, {name} (bare: to a socket)",
            quantile(ours, share) * 1e3,
            quantile(bare, share) * 1e3,
            "ms",
        )


if __name__ == "__main__":
    main()
