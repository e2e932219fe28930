"""How fast, beside a baseline in the same run: `python -m tests.bench`. Nothing here passes or fails.

Ratios are what to read: both sides of each ran in turn, in one process, on one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE, SUBMIT_JOB, UPDATE_JOB
from jupyter_jobs.jobs.target import Target
from tests.bench.flood import FRAMES, JOBS
from tests.support.backend import RunningBackend, running_backend

ROUNDS = 5
SUBMITS = 300
UPDATES = 300


def main() -> None:
    print(f"{'':44}{'ours':>12}{'baseline':>12}{'ratio':>8}")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_backend(Path(folder), "--external") as backend,
    ):
        submit_latency(backend)
        asyncio.run(event_latency(backend))
    with flooding() as port:
        asyncio.run(throughput(port))


def report(what: str, ours: float, baseline: float, unit: str) -> None:
    print(f"{what:44}{ours:>9.4g} {unit:<2}{baseline:>9.4g} {unit:<2}{ours / baseline:>8.2f}")


def submit_latency(backend: RunningBackend) -> None:
    """`submit` beside a bare POST of the same document on a kept connection."""
    api = calls.JobApi(AppSyncClient(backend.http, ApiKeyAuth(backend.key)))
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


async def throughput(port: int) -> None:
    """Frames from the socket into the store, beside `async for` and `json.loads` over the same frames."""
    wall: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for side, receive in enumerate((into_store, into_json)):
            began_cpu, began = time.process_time(), time.perf_counter()
            await receive(port)
            cpu[side].append((time.process_time() - began_cpu) / FRAMES)
            wall[side].append(FRAMES / (time.perf_counter() - began))
    median = statistics.median
    report("messages a second (bare: websockets + json)", median(wall[0]), median(wall[1]), "/s")
    report("CPU a message", median(cpu[0]) * 1e6, median(cpu[1]) * 1e6, "us")


async def into_store(port: int) -> None:
    target = Target(Endpoint.parse(f"http://127.0.0.1:{port}/graphql"), ApiKeyAuth("da2-bench"))
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
    async with bare_subscription(
        f"ws://127.0.0.1:{port}/graphql", url, "da2-bench", "bench"
    ) as websocket:
        left = FRAMES
        async for text in websocket:
            if json.loads(text)["type"] == "data":
                left -= 1
                if not left:
                    return


@contextlib.asynccontextmanager
async def bare_subscription(url: str, http: str, key: str, group: str):
    import base64

    host = httpx.URL(http).netloc.decode()
    header = {"host": host, "x-api-key": key}
    offered = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    async with connect(
        url,
        subprotocols=["graphql-ws", f"header-{offered}"],
        compression=None,
        max_queue=None,
        proxy=None,
    ) as websocket:
        await websocket.send('{"type":"connection_init"}')
        while json.loads(await websocket.recv())["type"] != "connection_ack":
            pass
        data = json.dumps({"query": ON_JOB_UPDATE["group"], "variables": {"group": group}})
        start = {
            "id": "bare",
            "type": "start",
            "payload": {"data": data, "extensions": {"authorization": header}},
        }
        await websocket.send(json.dumps(start))
        while json.loads(await websocket.recv())["type"] != "start_ack":
            pass
        yield websocket


@contextlib.contextmanager
def flooding() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.flood"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
