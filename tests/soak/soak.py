"""A long time with one backend: steady work of all kinds, and somebody who kills, cancels, cuts and prunes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import JobError, JobsError, WireError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.bulk import submit_many
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.embedded import EmbeddedBackend, ensure_backend
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.target import Target
from tests.chaos.storm import TIMING, impatient
from tests.crash.plan import random_errand
from tests.crash.story import submission
from tests.crash.work import Errand
from tests.crash.world import World, new_world
from tests.soak.growth import Sample
from tests.soak.sampling import sample
from tests.support.backend import PATIENCE_S
from tests.support.following import until
from tests.support.proxy import Proxy, proxied

__all__ = ["Report", "soak"]

GROUP = "soak"
CLIENTS = 4
MANY = 6  # jobs of a map
BACKLOG = 24  # live jobs beyond which nothing is submitted: there shall be work, not a queue
EACH_S = 0.8  # between two acts of a client
KILL_S = 3.0  # between two kills
VISIT_S = 12.0  # that a client in a process of its own lives
PRUNE_S = 15.0  # between two prunes
KEPT_S = 45.0  # that a job is kept after its end
SAMPLE_S = 5.0
_AGAIN_S = 0.1


@dataclass
class Report:
    """What came of it.

    Attributes:
        samples: What was measured, oldest first.
        complaints: What was wrong with jobs, clients or processes.
        acts: How often each thing was done.
        jobs: How many jobs ended in each state.
    """

    samples: list[Sample] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)


async def soak(seconds: float, seed: int, folder: Path, tell: Callable[[str], object]) -> Report:
    """Go on for so long; `tell` hears of each sample."""
    with impatient(), new_world(folder) as world:
        backend = await asyncio.to_thread(ensure_backend)
        with proxied(backend.http) as proxy:
            return await _Soak(world, backend, proxy, seed, tell).last(seconds)


class _Soak:
    def __init__(
        self,
        world: World,
        backend: EmbeddedBackend,
        proxy: Proxy,
        seed: int,
        tell: Callable[[str], object],
    ) -> None:
        self._world = world
        self._backend = backend
        self._proxy = proxy
        self._random = Random(seed)
        self._tell = tell
        self._report = Report()
        self._clients: list[JobClient] = []
        self._ids: dict[int, str] = {}
        self._awaited: set[str] = set()
        self._retried: set[str] = set()
        self._begun = time.monotonic()
        self._until = 0.0

    async def last(self, seconds: float) -> Report:
        """Let everybody act until the time is up, then let all end, and look."""
        self._until = self._begun + seconds
        async with AsyncExitStack() as stack:
            for _ in range(CLIENTS):
                self._clients.append(await stack.enter_async_context(self._client()))
            async with asyncio.TaskGroup() as group:
                for client in self._clients:
                    group.create_task(self._every(EACH_S, partial(self._act, client)))
                group.create_task(self._every(KILL_S, self._kill))
                group.create_task(self._every(VISIT_S, self._visit))
                group.create_task(self._every(PRUNE_S, self._prune))
                group.create_task(self._every(SAMPLE_S, self._sample))
            await self._come_to_rest()
        world, report = self._world, self._report
        report.complaints += await asyncio.to_thread(
            lambda: [*world.accounts(), *world.left_overs()]
        )
        report.complaints += await asyncio.to_thread(lambda: list(world.end()))
        report.jobs.update(job.status.value for job in world.settled.values())
        report.acts.update(world.kills)
        return report

    async def _every(self, seconds: float, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something again and again until the time is up, at moments around so many seconds apart."""
        while (left := self._until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, seconds * self._random.uniform(0.7, 1.3)))
            await act()

    def _client(self) -> JobClient:
        auth = ApiKeyAuth(self._backend.key)
        target = Target(Endpoint.parse(self._proxy.http), auth)
        wire = AppSyncClient(target.endpoint, auth, timeout=10.0, retry_delay=0.05, timing=TIMING)
        client = JobClient(target, group=GROUP, wire=wire)
        client.start()
        return client

    async def _act(self, client: JobClient) -> None:
        act, weight = zip(*_ACTS.items(), strict=True)
        (name,) = self._random.choices(act, weights=weight)
        self._report.acts[name] += 1
        await getattr(self, f"_{name}")(client)

    async def _submit(self, client: JobClient, many: int = 1) -> None:
        if sum(not job.status.is_terminal for job in client.store) > BACKLOG:
            return
        bodies = []
        for _ in range(many):
            errand = random_errand(self._random, len(self._ids))
            after = None if errand.after is None else self._ids[errand.after]
            # One that was judged may be forgotten by now, and for one that was retried its retry stands.
            if after in self._world.settled or after in self._retried:
                errand, after = replace(errand, after=None), None
            if after is not None:
                self._awaited.add(after)
            self._ids[errand.number] = id_ = str(
                uuid.UUID(int=self._random.getrandbits(128), version=4)
            )
            self._world.expect(id_, errand)
            bodies.append(submission(client, errand, id_, after))
        while bodies:
            with suppress(WireError):
                outcomes = await client.api.drive(submit_many(bodies, client.target.profile))
                accepted = {o["id"] for o in outcomes if not isinstance(o, JobsError)}
                self._world.acknowledged |= accepted
                self._report.complaints += [
                    f"refused: {o}" for o in outcomes if isinstance(o, JobError)
                ]
                bodies = [
                    body
                    for body, outcome in zip(bodies, outcomes, strict=True)
                    if isinstance(outcome, WireError)
                ]
            await asyncio.sleep(_AGAIN_S if bodies else 0)

    async def _map(self, client: JobClient) -> None:
        await self._submit(client, MANY)

    async def _cancel(self, client: JobClient) -> None:
        live = [job.id for job in client.store if not job.status.is_terminal]
        if live:
            id_ = self._random.choice(sorted(live))
            self._world.fates[id_].cancelled = True
            await self._ask(client, calls.cancel(id_))

    async def _retry(self, client: JobClient) -> None:
        ended = sorted(job.id for job in client.store if job.status.is_failure)
        fresh = [id_ for id_ in ended if id_ not in self._awaited | self._world.settled.keys()]
        if fresh:
            id_ = self._random.choice(fresh)
            self._retried.add(id_)
            body = await self._ask(client, calls.retry(id_))
            if body is not None:
                self._world.expect(body["id"], self._world.errands[id_])
                self._world.acknowledged.add(body["id"])

    async def _read(self, client: JobClient) -> None:
        if jobs := sorted(job.id for job in client.store):
            await self._ask(client, calls.logs(self._random.choice(jobs), tail=50))

    async def _cut(self, client: JobClient) -> None:
        await asyncio.to_thread(self._proxy.cut)

    async def _ask(self, client: JobClient, call: Call[Any]) -> Any:
        """Ask until there is an answer; None if it is refused, as of a job that was forgotten meanwhile."""
        while True:
            try:
                return await client.api.run(call)
            except WireError:
                await asyncio.sleep(_AGAIN_S)
            except JobError:
                return None

    async def _kill(self) -> None:
        (name,) = self._random.choices(list(_KILLS), weights=list(_KILLS.values()))
        await asyncio.to_thread(self._carry_out, name)

    def _carry_out(self, name: str) -> None:
        world, choose = self._world, self._random.choice
        match name:
            case "work":
                world.kill_work(choose)
            case "shim":
                world.kill_shim(choose)
            case "nursery":
                world.kill_nursery()
            case "frozen":
                world.freeze_work(choose, 0.4)

    async def _visit(self) -> None:
        """Let a client in a process of its own work for a while, and kill it."""
        first = 1_000_000 + 1_000 * self._report.acts["visit"]
        self._report.acts["visit"] += 1
        visitor = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.soak.visitor", str(first), GROUP),
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert visitor.stdout is not None
        try:
            async with asyncio.timeout(self._random.uniform(0.3, 1.0) * VISIT_S):
                async for line in visitor.stdout:
                    id_, errand = line.decode().split(" ", 1)
                    self._world.expect(id_, Errand(**json.loads(errand)))
        except TimeoutError:
            pass
        with suppress(ProcessLookupError):
            visitor.send_signal(signal.SIGKILL)
        async for line in visitor.stdout:
            if line.endswith(b"\n"):
                id_, errand = line.decode().split(" ", 1)
                self._world.expect(id_, Errand(**json.loads(errand)))
        await visitor.wait()

    async def _prune(self) -> None:
        """Judge the jobs that ended a while ago, and have them forgotten."""
        before = datetime.now(UTC) - timedelta(seconds=KEPT_S)
        jobs = await asyncio.to_thread(self._world.jobs)
        old = [job for job in jobs.values() if job.finished_at and _time(job) < before]
        fresh = [job for job in old if job.id not in self._world.settled]
        self._report.complaints += await asyncio.to_thread(
            lambda: list(self._world.settle(fresh, jobs))
        )
        client = self._clients[0]
        document = {"before": before.isoformat()}
        call = Call("pruneJobs", document, lambda told, _: told)
        await self._ask(client, call)
        left = await asyncio.to_thread(self._world.jobs)
        for job in old:
            if job.id not in left:
                self._world.forget(job.id)
        self._report.acts["prune"] += 1

    async def _sample(self) -> None:
        measured = await asyncio.to_thread(sample, self._world, self._backend, self._begun)
        self._report.samples.append(measured)
        self._tell(" ".join(f"{name}={value:.4g}" for name, value in measured.items()))

    async def _come_to_rest(self) -> None:
        """Wait until all jobs have ended and every client knows."""
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                jobs = self._world.jobs()
                while not all(job.status.is_terminal for job in jobs.values()):
                    await asyncio.sleep(_AGAIN_S)
                    jobs = self._world.jobs()
                for client in self._clients:
                    await until(client, partial(_knows, client, jobs))
        except TimeoutError:
            live = [job for job in self._world.jobs().values() if not job.status.is_terminal]
            self._report.complaints.append(f"these do not end, or a client does not know: {live}")


_ACTS: Mapping[str, float] = {
    "submit": 60,
    "map": 6,
    "cancel": 8,
    "retry": 8,
    "read": 10,
    "cut": 3,
}
_KILLS: Mapping[str, float] = {"work": 6, "shim": 3, "frozen": 3, "nursery": 1}


def _time(job: Job) -> datetime:
    assert job.finished_at is not None
    return datetime.fromisoformat(job.finished_at)


def _knows(client: JobClient, jobs: Mapping[str, Job]) -> bool:
    return all(client.store.get(id_) == job for id_, job in jobs.items())
