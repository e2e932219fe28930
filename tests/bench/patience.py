"""What long runs cost, and what a blocked loop catches up with. Nothing here passes or fails.

    python -m tests.bench.patience [--minutes 10]     an idle and a busy client, side by side, with a ka every 5 s
    python -m tests.bench.patience --blocked 6        an event loop that a cell blocks while updates keep coming

Reconnects must be 0, and nothing may grow; after the block the store must be right within 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.operations import LIST_JOBS, UPDATE_JOB
from jupyter_jobs.jobs.target import Target
from tests.support.backend import RunningBackend, running_backend
from tests.support.following import until

KEEP_ALIVE_S = 5
JOBS = 20
PAUSE_S = 0.05  # between two updates of a busy group
SAMPLES = 20  # lines of the table
WHAT = ("reconnects", "events", "RSS MB", "tasks", "threads", "handles")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.patience")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the two long runs")
    parser.add_argument("--blocked", type=float, metavar="MINUTES", help="block the loop instead")
    parser.add_argument("--run", nargs=2, metavar=("GROUP", "URL"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        asyncio.run(run(*args.run, os.environ["JUPYTER_JOBS_API_KEY"], seconds=args.minutes * 60))
        return
    with tempfile.TemporaryDirectory() as folder:
        options = ("--external", "--keep-alive", str(KEEP_ALIVE_S))
        with running_backend(Path(folder), *options) as backend:
            if args.blocked is not None:
                asyncio.run(blocked(backend, args.blocked * 60))
            else:
                side_by_side(backend, args.minutes)


def side_by_side(backend: RunningBackend, minutes: float) -> None:
    """Print, line by line, what the idle and the busy client count."""
    print(f"{'':>8}" + "".join(f"{f'{group} client':^{len(WHAT) * 11}}" for group in RUNS))
    print(f"{'seconds':>8}" + "".join(f"{what:>11}" for what in WHAT) * len(RUNS))
    command = [sys.executable, "-m", "tests.bench.patience", "--minutes", str(minutes), "--run"]
    env = {**os.environ, "JUPYTER_JOBS_API_KEY": backend.key}
    runs = [
        subprocess.Popen([*command, group, backend.http], stdout=subprocess.PIPE, env=env)
        for group in RUNS
    ]
    try:
        while lines := [line for run in runs if run.stdout and (line := run.stdout.readline())]:
            told = [json.loads(line) for line in lines]
            figures = "".join(f"{one[what]:>11,}" for one in told for what in WHAT)
            print(f"{told[0]['seconds']:>8}{figures}", flush=True)
    finally:
        for run in runs:
            run.kill()
            run.wait()


async def run(group: str, url: str, key: str, *, seconds: float) -> None:
    """Follow a group for so long, and tell now and then what it costs."""
    async with following(url, key, group) as (client, counts):
        work = asyncio.create_task(RUNS[group](client))
        began = time.monotonic()
        for n in range(SAMPLES + 1):
            await asyncio.sleep(max(0.0, began + n * seconds / SAMPLES - time.monotonic()))
            print(json.dumps({"seconds": round(time.monotonic() - began), **cost(counts)}))
            sys.stdout.flush()
        work.cancel()
        await asyncio.wait([work])


async def idle(client: JobClient) -> None:
    """One job that nobody touches."""
    await client.submit("work")


async def busy(client: JobClient) -> None:
    """Jobs whose updates never end."""
    jobs = [await client.submit("work") for _ in range(JOBS)]
    n = 0
    while True:
        changes = {"id": jobs[n % JOBS].id, "status": "RUNNING", "message": f"step {n}"}
        await client.api.wire.execute(UPDATE_JOB, {"input": changes})
        await asyncio.sleep(PAUSE_S)
        n += 1


RUNS = {"idle": idle, "busy": busy}


async def blocked(backend: RunningBackend, seconds: float) -> None:
    """Block the loop while updates keep coming, then measure until the store is right."""
    async with following(backend.http, backend.key, "blocked") as (client, counts):
        ids = [(await client.submit("work")).id for _ in range(JOBS)]
        with updates(backend, ids) as sent:
            time.sleep(seconds)  # noqa: ASYNC251  the cell that blocks
        began = time.perf_counter()
        wanted = versions(backend, "blocked")
        asked_s = time.perf_counter() - began
        await until(client, lambda: {id_: client.store.version(id_) for id_ in ids} == wanted)
        needed = time.perf_counter() - began
        told = cost(counts)
        print(f"blocked for {seconds:g} s, {len(sent):,} updates meanwhile")
        print(f"store right after {needed:.2f} s (limit 2 s; {asked_s:.2f} s to ask the backend)")
        print(", ".join(f"{what}: {told[what]:,}" for what in WHAT))


@contextmanager
def updates(backend: RunningBackend, ids: list[str]) -> Iterator[list[int]]:
    """Report on the jobs in turn, on a thread, until the block ends."""
    sent: list[int] = []
    over = threading.Event()

    def report() -> None:
        while not over.wait(PAUSE_S):
            id_ = ids[len(sent) % len(ids)]
            backend.update(id_, status="RUNNING", message=f"step {len(sent)}")
            sent.append(len(sent))

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()


@asynccontextmanager
async def following(url: str, key: str, group: str) -> Any:
    """A client that is connected, and what happens to it, counted."""
    counts = {"reconnects": 0, "events": 0}
    connected = asyncio.Event()

    def changed(status: Any) -> None:
        if status.state is ConnectionState.CONNECTED:
            connected.set()
        counts["reconnects"] += status.state is ConnectionState.RECONNECTING

    target = Target(Endpoint.parse(url), ApiKeyAuth(key))
    async with JobClient(target, group=group, on_connection_state_change=changed) as client:
        client.start()
        await connected.wait()
        stop = client.store.observe(lambda *_: counts.update(events=counts["events"] + 1))
        yield client, counts
        stop()


def cost(counts: dict[str, int]) -> dict[str, float]:
    process = psutil.Process()
    return {
        **counts,
        "RSS MB": round(process.memory_info().rss / 2**20, 1),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "handles": process.num_fds(),
    }


def versions(backend: RunningBackend, group: str) -> dict[str, int]:
    answer = backend.execute(LIST_JOBS, {"group": group, "limit": 1000})
    return {job["id"]: job["version"] for job in answer["data"]["listJobs"]["items"]}


if __name__ == "__main__":
    main()
