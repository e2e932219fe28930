"""One storm: clients submit, follow and cancel jobs while everything goes wrong, and must be right in the end.

Workers that no fault hits carry each job through many versions to its end. Then the faults stop, and every client's
store must become equal to the backend's database: no job lost, none double, none old, each handle settled.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import Auth, TokenAuth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.client import AppSyncClient, ConnectionState, Timing
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import client as protocol
from jupyter_jobs.appsync.protocol import subscriptions
from jupyter_jobs.errors import JobsError, WireError
from jupyter_jobs.jobs import calls, feed
from jupyter_jobs.jobs.bulk import submit_many
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.config import JobConfig
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import WIRE_NAMES, Job, JobStatus
from jupyter_jobs.jobs.operations import UPDATE_JOB
from jupyter_jobs.jobs.profiles import PROFILES, Profile
from jupyter_jobs.jobs.target import Target
from tests.chaos.schedule import drops_events, schedule
from tests.support.backend import PATIENCE_S, RunningBackend, running_backend
from tests.support.following import until

__all__ = ["Report", "impatient", "stormy_backend", "survive"]

JOBS = 60
BATCH = 8  # jobs that are submitted in one document, twice in a storm; the others one by one
CALM_S = PATIENCE_S  # for a client to become right once the faults are over
TIMING = Timing(
    open_s=0.5,
    ping_every_s=0.3,
    pong_within_s=0.3,
    close_s=0.1,
    linger_s=0.1,
    backoff=Backoff(base_s=0.05, cap_s=0.2),
)
HURRY = [
    (protocol, "ACK_TIMEOUT_S", 0.3),
    (subscriptions, "START_ACK_TIMEOUT_S", 0.3),
    (subscriptions, "THROTTLED_S", 0.1),
    (feed, "AFTER_START", (0.0, 0.2, 0.5)),
    (feed, "WHILE_LIVE", 3600.0),  # it is the config's in storms
    (feed, "WITHOUT_EVENTS", 0.3),
    (feed, "RETRY_CAP", 0.2),
]
GROUP = PROFILES["jupyter_jobs"]
PER_JOB = replace(GROUP, name="per job", updates={"id": GROUP.updates["id"]})
ENDINGS: Sequence[dict[str, Any]] = [
    {"status": "SUCCEEDED", "result": '{"rows": 7}'},
    {"status": "FAILED", "error": '{"type": "ValueError", "message": "bad day"}'},
    {"status": "TIMED_OUT"},
    {"status": "LOST", "error": '{"message": "the machine went away"}'},
]
# A worker of somebody else's, who has not read that subscribers see only what a mutation selects.
TERSE = "mutation UpdateJob($input: UpdateJobInput!) { updateJob(input: $input) { id group } }"


@dataclass(frozen=True)
class Report:
    """What one storm did.

    Attributes:
        seed: Which one.
        faults: How many of each kind happened.
        behind: Jobs that some store had old or not at all when the faults ended; all were healed.
        calm_s: Seconds until the last of them was.
    """

    seed: int
    faults: dict[str, int]
    behind: int
    calm_s: float


@contextmanager
def stormy_backend(folder: Path) -> Iterator[RunningBackend]:
    """A backend with the fault mode, whose keep-alives and time-outs are as short as a storm."""
    (folder / "faults.json").write_text("{}")
    (folder / "guests.json").write_text('{"tokens": "builtins:bool"}')  # any token is good
    limits = ["--keep-alive", "0.1", "--connection-timeout", "0.6"]
    files = ["--faults", str(folder / "faults.json"), "--auth", str(folder / "guests.json")]
    with running_backend(folder / "data", "--external", *limits, *files) as backend:
        yield backend


@contextmanager
def impatient() -> Iterator[None]:
    """Let clients give up, and ask again, within tenths of seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in HURRY:
            patch.setattr(module, name, value)
        yield


async def survive(backend: RunningBackend, seed: int) -> Report:
    """Go through the storm of a seed.

    Raises:
        AssertionError: A client was not right within `CALM_S` after it.
    """
    group, random = f"storm-{seed}-{time.monotonic_ns()}", Random(seed)
    shared, alone = _rotating_token(), _rotating_token()
    # Only what AppSync loses without a reason needs the slow rhythm; all else must be healed without it.
    rhythm_s = 0.7 if drops_events(seed) else 3600.0
    connect = functools.partial(_client, backend, group, rhythm_s=rhythm_s)
    async with connect(shared) as one, connect(shared) as two:
        workers = _Workers(backend, group, seed)
        working = asyncio.ensure_future(asyncio.to_thread(workers.run))
        try:
            await _change_faults(backend, schedule(seed))
            alone_or_many = [_submit_many, *[_submit] * (JOBS // 2 - BATCH)] * 2
            submits = [
                submit(random.choice([one, two]), Random(f"{seed}/{n}"))
                for n, submit in enumerate(alone_or_many)
            ]
            half = len(submits) // 2
            async with asyncio.timeout(2 * PATIENCE_S):
                first = await _at_most(8, submits[:half])
                async with connect(alone, profile=PER_JOB if seed % 3 == 1 else GROUP) as late:
                    handles = first + await _at_most(8, submits[half:])
                    workers.expected = len(handles)
                    await working
                    clients, truth = [one, two, late], _truth(backend, group)
                    behind = sum(len(_wrong(client, truth)) for client in clients)
                    faults = await _change_faults(backend, {})
                    begun = time.monotonic()
                    await _calm(seed, clients, truth)
        except TimeoutError:
            raise AssertionError(f"seed {seed}: the storm went on for too long") from None
        finally:
            workers.stop()
            await working
        _check(seed, handles, truth)
    return Report(seed, faults, behind, time.monotonic() - begun)


async def _calm(seed: int, clients: list[JobClient], truth: dict[str, Job]) -> None:
    """Wait until every client has the truth."""
    try:
        async with asyncio.timeout(CALM_S):
            for client in clients:
                if client.connection.state is ConnectionState.AUTH_FAILED:
                    client.reconnect()
                await until(client, lambda client=client: not _wrong(client, truth))
    except TimeoutError:
        wrong = [_wrong(client, truth) for client in clients]
        states = [(client.connection, client.feed and client.feed.problem) for client in clients]
        raise AssertionError(f"seed {seed}: {wrong} differ; {states}") from None


def _check(seed: int, handles: list[JobHandle[Any]], truth: dict[str, Job]) -> None:
    ids = [handle.id for handle in handles]
    assert len(ids) == len(set(ids)) == JOBS, f"seed {seed}: a submit got another one's job"
    assert truth.keys() == set(ids), f"seed {seed}: {len(truth)} jobs for {JOBS} submits"
    waiting = [handle for handle in handles if not handle.done()]
    assert not waiting, f"seed {seed}: {waiting} have ended and are not settled"


@asynccontextmanager
async def _client(
    backend: RunningBackend, group: str, auth: Auth, *, rhythm_s: float, profile: Profile = GROUP
) -> AsyncIterator[JobClient]:
    target = Target(Endpoint.parse(backend.http), auth, profile=profile)
    wired = AppSyncClient(target.endpoint, auth, timeout=1.0, retry_delay=0.03, timing=TIMING)
    config = JobConfig(subscription_timeout=rhythm_s)
    async with wired as wire, JobClient(target, group=group, config=config, wire=wire) as client:
        client.watch(lambda: _press_reconnect(client))
        told = _watch_versions(client)
        client.start()
        yield client
        gone_back = {
            id_: versions for id_, versions in told.items() if versions != sorted(versions)
        }
        assert not gone_back, f"{group}: stores went back to older versions: {gone_back}"


def _watch_versions(client: JobClient) -> dict[str, list[int]]:
    """The versions of each job that a client took in, in that order, as they come."""
    told: dict[str, list[int]] = {}
    client.store.observe(lambda id_, _: told.setdefault(id_, []).append(client.store.version(id_)))
    return told


def _press_reconnect(client: JobClient) -> None:
    """Do what a person does who reads that the sign-in failed."""
    if client.connection.state is ConnectionState.AUTH_FAILED and not client.closed:
        client.loop.call_later(0.1, client.reconnect)


def _rotating_token() -> TokenAuth:
    """Five tokens a second, as if each were short-lived."""
    return TokenAuth(lambda: f"token-{time.monotonic() // 0.2:.0f}")


async def _submit(client: JobClient, random: Random) -> list[JobHandle[Any]]:
    """Submit one job until the server has it, and sometimes change one's mind."""
    await asyncio.sleep(random.uniform(0, 0.1))
    call = calls.submit(_body(client, random))
    while True:
        try:
            if random.random() < 0.3:
                handle = client.adopt(await asyncio.to_thread(client.api.run_sync, call))
            else:
                handle = client.adopt(await client.api.run(call))
            break
        except WireError:
            await asyncio.sleep(0.05)
    if random.random() < 0.15:
        await asyncio.sleep(random.uniform(0, 0.2))
        try:
            await client.cancel(handle.id)
        except JobsError:
            pass  # whether it was heard or not, the job ends in one way
    return [handle]


async def _submit_many(client: JobClient, random: Random) -> list[JobHandle[Any]]:
    """Submit jobs in one document, and those again that may not have arrived."""
    bodies = [_body(client, random) for _ in range(BATCH)]
    accepted: list[JobHandle[Any]] = []
    while bodies:
        outcomes = await client.api.drive(submit_many(bodies, client.target.profile))
        accepted += [client.adopt(body) for body in outcomes if not isinstance(body, WireError)]
        pairs = zip(bodies, outcomes, strict=True)
        bodies = [body for body, outcome in pairs if isinstance(outcome, WireError)]
    return accepted


def _body(client: JobClient, random: Random) -> Body:
    options = {"priority": "MEDIUM", "name": None, "params": {"n": random.random()}}
    return client.prepare("work", (), {}, **options)


async def _at_most(limit: int, submits: list[Any]) -> list[JobHandle[Any]]:
    gate = asyncio.Semaphore(limit)

    async def run(submit: Any) -> list[JobHandle[Any]]:
        async with gate:
            return await submit

    return [handle for handles in await asyncio.gather(*map(run, submits)) for handle in handles]


async def _change_faults(backend: RunningBackend, plan: dict[str, Any]) -> dict[str, int]:
    return await asyncio.to_thread(backend.request, "/faults", json.dumps(plan).encode())


def _truth(backend: RunningBackend, group: str) -> dict[str, Job]:
    """The jobs of a group as the database has them, without asking the backend."""
    with _database(backend) as database:
        rows = database.execute('SELECT * FROM jobs WHERE "group" = ?', [group]).fetchall()
    bodies = [{name: row[name] for name in WIRE_NAMES.values()} for row in rows]
    return {body["id"]: Job.from_wire(body) for body in bodies}


@contextmanager
def _database(backend: RunningBackend) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{backend.data_dir}/jobs.sqlite?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        yield database
    finally:
        database.close()


def _wrong(client: JobClient, truth: dict[str, Job]) -> dict[str, tuple[Job | None, Job | None]]:
    """The jobs that store and database do not agree on, as both have them."""
    ids = truth.keys() | {job.id for job in client.store}
    both = {id_: (client.store.get(id_), truth.get(id_)) for id_ in sorted(ids)}
    return {id_: pair for id_, pair in both.items() if pair[0] != pair[1]}


class _Workers:
    """Carry jobs from state to state, directly at the backend, until all that are expected have ended.

    Attributes:
        expected: How many jobs there will be; None while that is not known.
    """

    def __init__(self, backend: RunningBackend, group: str, seed: int) -> None:
        self.expected: int | None = None
        self._backend = backend
        self._group = group
        self._random = Random(f"{seed}/workers")
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            jobs = _truth(self._backend, self._group)
            live = [job for job in jobs.values() if not job.status.is_terminal]
            if not live and self.expected is not None and len(jobs) >= self.expected:
                return
            if not live:
                self._stopped.wait(0.01)
            for job in self._random.sample(live, min(len(live), 10)):
                self._advance(job)

    def _advance(self, job: Job) -> None:
        random = self._random
        if job.status is JobStatus.CANCELLING:
            changes: dict[str, Any] = {"status": "CANCELLED"}
        elif job.status is JobStatus.QUEUED:
            changes = {"status": "RUNNING"}
        elif random.random() < 0.7:
            changes = {"progress": random.random(), "message": f"at {random.random()}"}
        else:
            changes = random.choice(ENDINGS)
        document = TERSE if random.random() < 0.05 else UPDATE_JOB
        answer = self._backend.execute(document, {"input": {"id": job.id, **changes}})
        for error in answer.get("errors", ()):
            assert error["errorType"] == "InvalidTransition", error  # it was cancelled meanwhile
