"""The backend, beside bare servers that do no more than they must: `python -m tests.bench.backend`. Nothing passes or fails.

    python -m tests.bench.backend                  all of it
    python -m tests.bench.backend fanout idle      some of it: mutations, fanout, start, memory, pages, idle

Ratios are what to read: both sides of each ran in turn, on one machine. CPU is the server's alone, and says more than
the wall where others are at work; the clients are the same on both sides, and share the machine with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.jobs.operations import (
    JOB_FIELDS,
    LIST_JOBS,
    ON_JOB_UPDATE,
    SUBMIT_JOB,
)
from tests.bench.posting import Poster, posters, request, submission, update
from tests.bench.processes import Bare, bare_peer, cpu_s, memory, started, switches
from tests.bench.tools import header, report
from tests.support.backend import KEY, RunningBackend, running_backend
from tests.support.crowd import Crowd, crowd

ROUNDS = 7
MUTATIONS = 100  # of each connection alone, or of fifty together, a round
CROWDS = {1: 100, 50: 60, 1_000: 20}  # subscribers: updates
BATCH = 100  # updates of one request
STORED = 10_000
PAGE = 100
IDLE_S = 10.0
SETTLED_S = 2.0  # until all that begins has begun
WATCHERS = 50
JOBS = 2  # that run while nothing happens


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    header()
    for name in chosen:
        PARTS[name]()


# Mutations


def mutations() -> None:
    """Beside an endpoint that reads the same body and answers as many bytes."""
    with external() as backend, bare_peer() as bare:
        for number in range(WATCHERS):
            asked = {"id": f"job-{number}", "request": "work", "group": "bench"}
            backend.execute(SUBMIT_JOB, {"input": asked})
        asyncio.run(_mutations(backend, bare))


async def _mutations(backend: RunningBackend, bare: Bare) -> None:
    new = iter(range(10**9))
    kinds: dict[str, Callable[[int], dict[str, Any]]] = {
        "updateJob": update,
        "submitJob": lambda _: submission(next(new)),
    }
    port = urlsplit(backend.http).port or 0
    for name, make in kinds.items():
        for count in (1, WATCHERS):
            async with posters(port, count) as ours, posters(bare.http, count) as echoes:
                size = len(await ours[0].post(request("/graphql", make(0))))
                sides: dict[int, tuple[list[Poster], str]] = {
                    backend.pid: (ours, "/graphql"),
                    bare.pid: (echoes, f"/{size}"),
                }
                rates: dict[int, list[float]] = {pid: [] for pid in sides}
                costs: dict[int, list[float]] = {pid: [] for pid in sides}
                for _ in range(ROUNDS):
                    for pid, (side, path) in sides.items():
                        share = MUTATIONS // count
                        ready = [
                            [request(path, make(n)) for _ in range(share)] for n in range(count)
                        ]
                        began_cpu, began = cpu_s(pid), time.perf_counter()
                        await asyncio.gather(*map(post_all, side, ready))
                        rates[pid].append(share * count / (time.perf_counter() - began))
                        costs[pid].append((cpu_s(pid) - began_cpu) / (share * count) * 1e6)
            label = f"{name} on {count} connection{'s' * (count > 1)}"
            report(f"{label} (bare: echo)", *(map(statistics.median, rates.values())), "/s")
            report(f"{label}, CPU of each", *(map(statistics.median, costs.values())), "us")


async def post_all(poster: Poster, requests: list[bytes]) -> None:
    for ready in requests:
        await poster.post(ready)


# Fan-out


def fanout() -> None:
    """From sending `updateJob` until the last subscriber has it, beside a line that is broadcast."""
    with external() as backend, bare_peer() as bare:
        for number, group in enumerate(("bench", "unheard")):
            asked = {"id": f"job-{number}", "request": "work", "group": group}
            backend.execute(SUBMIT_JOB, {"input": asked})
        asyncio.run(_fanout(backend, bare))


async def _fanout(backend: RunningBackend, bare: Bare) -> None:
    query, there = ON_JOB_UPDATE["group"], f"ws://127.0.0.1:{bare.sockets}/"
    _, tell = await asyncio.open_connection("127.0.0.1", bare.tell)
    pids = backend.pid, bare.pid
    async with crowd() as ours, crowd() as theirs:
        empty = [memory(pid) for pid in pids]
        for count, updates in CROWDS.items():
            await ours.grow(
                count - len(ours.listeners), backend.realtime, KEY, query, group="bench"
            )
            await theirs.grow(count - len(theirs.listeners), there, KEY, query, group="bench")
            # Anew for each: a connection on which nothing is asked for five seconds is closed.
            async with posters(urlsplit(backend.http).port or 0, 1) as (poster,):
                await one_by_one(backend.pid, bare.pid, ours, theirs, poster, tell, updates)
                if count == WATCHERS:
                    await many_at_once(backend.pid, bare.pid, ours, theirs, poster, tell)
        sizes = ((memory(pid) - was) / count / 1024 for pid, was in zip(pids, empty, strict=True))
        report(f"memory of each of {count:,} connections", *sizes, "KiB")
    tell.close()


async def one_by_one(
    pid: int,
    bare: int,
    ours: Crowd,
    theirs: Crowd,
    poster: Poster,
    tell: asyncio.StreamWriter,
    updates: int,
) -> None:
    """Updates of which each is awaited, and the same that nobody hears, beside lines."""
    heard, unheard = request("/graphql", update(0)), request("/graphql", update(1))
    await told(ours, lambda: poster.post(heard))
    line = ours.listeners[0].last + b"\n"

    async def broadcast() -> None:
        tell.write(line)

    acts: tuple[tuple[int, Callable[[], Awaitable[object]]], ...] = (
        (pid, lambda: told(ours, lambda: poster.post(heard))),
        (bare, lambda: told(theirs, broadcast)),
        (pid, lambda: poster.post(unheard)),
    )
    costs: tuple[list[Any], ...] = ([], [], [])
    for _ in range(updates):
        for (who, act), side in zip(acts, costs, strict=True):
            side.append(await cost_of(who, act))
    wall, cpu = (
        [statistics.median(cost[what] for cost in side) * 1e3 for side in costs] for what in (0, 1)
    )
    count = len(ours.listeners)
    to = f"to {count:,} subscriber{'s' * (count > 1)}"
    report(f"update {to} (bare: broadcast)", *wall[:2], "ms")
    report(f"update {to}, CPU", *cpu[:2], "ms")
    report(f"update {to}, CPU but the mutation's", cpu[0] - cpu[2], cpu[1], "ms")


async def many_at_once(
    pid: int, bare: int, ours: Crowd, theirs: Crowd, poster: Poster, tell: asyncio.StreamWriter
) -> None:
    """Updates of one request, as a sweep makes them, beside as many lines."""
    fields = " ".join(
        f'u{n}: updateJob(input: {{id: "job-0", progress: 0.{n:02d}}}) {{ ...JobFields }}'
        for n in range(BATCH)
    )
    heard = request("/graphql", {"query": f"mutation {{ {fields} }} {JOB_FIELDS}"})
    unheard = request(
        "/graphql", {"query": f"mutation {{ {fields} }} fragment JobFields on Job {{ id }}"}
    )
    lines = (ours.listeners[0].last + b"\n") * BATCH

    async def broadcast() -> None:
        tell.write(lines)

    costs: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        acts: tuple[tuple[int, Callable[[], Awaitable[object]]], ...] = (
            (pid, lambda: told(ours, lambda: poster.post(heard), BATCH)),
            (bare, lambda: told(theirs, broadcast, BATCH)),
            (pid, lambda: poster.post(unheard)),
        )
        for (who, act), side in zip(acts, costs, strict=True):
            side.append((await cost_of(who, act))[1] * 1e3)
    mine, theirs_, mutation = map(statistics.median, costs)
    report(f"{BATCH} at once to {WATCHERS}, CPU but the mutations'", mine - mutation, theirs_, "ms")


async def told(listening: Crowd, act: Callable[[], Awaitable[object]], events: int = 1) -> None:
    """Act, and wait until every listener has heard of it."""
    due = listening.heard + len(listening.listeners) * events
    await act()
    await listening.until(due)


async def cost_of(pid: int, act: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds by the wall, and CPU seconds of a process."""
    began_cpu, began = cpu_s(pid), time.perf_counter()
    await act()
    wall = time.perf_counter() - began
    await asyncio.sleep(0.001)  # for what it does after the last has heard
    return wall, cpu_s(pid) - began_cpu


# Many jobs


def start() -> None:
    """From the call until it accepts connections, with many jobs and with none."""
    with full("SUCCEEDED") as many, tempfile.TemporaryDirectory() as none:
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for folder, side in zip((many, Path(none)), times, strict=True):
                began = time.perf_counter()
                with running_backend(folder, "--external"):
                    side.append(time.perf_counter() - began)
    report(f"start with {STORED:,} stored jobs (with none)", *map(statistics.median, times), "s")


def memory_of_jobs() -> None:
    """Of each job in the process, beside what it takes in the file."""
    with external() as empty:
        empty.execute(LIST_JOBS, {"limit": 1})
        bare = memory(empty.pid)
    for state, kind in (("SUCCEEDED", "stored"), ("RUNNING", "running"), ("QUEUED", "waiting")):
        with full(state) as folder, running_backend(folder, "--external") as backend:
            backend.execute(LIST_JOBS, {"limit": 1})
            size = (folder / "jobs.sqlite").stat().st_size
            report(
                f"memory of each {kind} job (in the file)",
                (memory(backend.pid) - bare) / STORED,
                size / STORED,
                "B",
            )


def pages() -> None:
    """The last page of many, beside the first."""
    with full("SUCCEEDED") as folder, running_backend(folder, "--external") as backend:
        token, last = None, None
        for limit in [1000] * 9 + [PAGE] * 9:
            token = list_jobs(backend, limit, token)["nextToken"]
        sides: dict[str | None, list[float]] = {token: [], None: []}
        for _ in range(20 * ROUNDS):
            for at, side in sides.items():
                began = cpu_s(backend.pid)
                page = list_jobs(backend, PAGE, at)
                side.append((cpu_s(backend.pid) - began) * 1e3)
                last = page if at else last
        assert last is not None
        assert (len(last["items"]), last["nextToken"]) == (PAGE, None)
    report(
        f"last page of {STORED:,} jobs, CPU (first page)",
        *map(statistics.median, sides.values()),
        "ms",
    )


def list_jobs(backend: RunningBackend, limit: int, token: str | None) -> dict[str, Any]:
    asked = {"group": "bench", "limit": limit} | ({"nextToken": token} if token else {})
    page: dict[str, Any] = backend.execute(LIST_JOBS, asked)["data"]["listJobs"]
    return page


# Nothing


def idle() -> None:
    """While nothing happens: CPU, and how often it wakes."""
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as backend:
        with bare_peer() as bare:
            baseline = asyncio.run(_idle(backend, bare))
        for _ in range(JOBS):
            payload = json.dumps({"args": ["sleep", "600"]})
            asked = {"kind": "COMMAND", "request": "sleep", "payload": payload}
            backend.execute(SUBMIT_JOB, {"input": asked})
        while backend.stats()["jobs"].get("RUNNING") != JOBS:
            time.sleep(0.1)
        others = [child.pid for child in psutil.Process(backend.pid).children(recursive=True)]
        time.sleep(SETTLED_S)
        before = switches(backend.pid, *others)
        time.sleep(IDLE_S)
        wakes = (switches(backend.pid, *others) - before) / IDLE_S
    label = f"{JOBS} jobs that sleep, {len(others) + 1} processes"
    report(f"{label}: wakes", wakes, baseline, "/s")


async def _idle(backend: RunningBackend, bare: Bare) -> float:
    """Measure both with connections that hear nothing; how often the bare one wakes in a second."""
    query = ON_JOB_UPDATE["group"]
    async with crowd() as ours, crowd() as theirs:
        await ours.grow(WATCHERS, backend.realtime, KEY, query, group="bench")
        await theirs.grow(WATCHERS, f"ws://127.0.0.1:{bare.http}/", KEY, query, group="bench")
        await asyncio.sleep(SETTLED_S)
        pids = (backend.pid, bare.pid)
        before = [(cpu_s(pid), switches(pid)) for pid in pids]
        await asyncio.sleep(IDLE_S)
        after = [(cpu_s(pid), switches(pid)) for pid in pids]
    cpu, wakes = (
        [(late[what] - early[what]) / IDLE_S for early, late in zip(before, after, strict=True)]
        for what in (0, 1)
    )
    label = f"idle, {WATCHERS} connections"
    report(f"{label}: CPU (bare: uvicorn)", *(share * 100 for share in cpu), "%")
    report(f"{label}: wakes a second", *wakes, "/s")
    return wakes[1]


# Backends to measure


@contextlib.contextmanager
def external() -> Iterator[RunningBackend]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_backend(Path(folder), "--external") as backend,
    ):
        yield backend


@contextlib.contextmanager
def full(state: str) -> Iterator[Path]:
    """A folder with so many jobs in a state."""
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(Repository(Path(folder) / "jobs.sqlite")) as repository:
            fields = {
                "group": "bench",
                "name": "Process data",
                "kind": "REQUEST",
                "request": "Process data",
                "params": '{"rows": 1000}',
                "priority": "MEDIUM",
            }
            states = {"QUEUED": [], "RUNNING": ["RUNNING"]}.get(state, ["RUNNING", state])
            with repository.transaction():
                ids = [f"6f1c0000-0000-4000-8000-{number:012d}" for number in range(STORED)]
                for id_ in ids:
                    repository.insert({"id": id_, **fields}, None)
                    for status in states:
                        repository.update(id_, {"status": status})
            repository.set_sizes(dict.fromkeys(ids, 0))
        yield Path(folder)


PARTS: Mapping[str, Callable[[], None]] = {
    "mutations": mutations,
    "fanout": fanout,
    "start": start,
    "memory": memory_of_jobs,
    "pages": pages,
    "idle": idle,
}

if __name__ == "__main__":
    main()
