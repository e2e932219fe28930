"""One story: clients submit, cancel and retry while processes are killed; then the accounts must balance."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import BackendUnavailable, JobError, JobsError, WireError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.bulk import Outcome, submit_many
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.kinds import Command
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.target import find_target
from tests.chaos.storm import TIMING, impatient
from tests.crash import work
from tests.crash.kills import carry_out
from tests.crash.plan import Kill, Plan, Step, plan
from tests.crash.work import Errand
from tests.crash.world import World, new_world
from tests.support.backend import PATIENCE_S
from tests.support.following import until

__all__ = ["Report", "live_through", "live_through_alone", "submission"]

T = TypeVar("T")

GROUP = "crash"
BACKOFF_S = 0.1
_AGAIN_S = 0.05  # until what was not heard is said once more


@dataclass(frozen=True)
class Report:
    """What one story came to.

    Attributes:
        seed: Which one.
        jobs: How many there were in each state.
        kills: How often each kind of process was hit.
        seconds: From the first submit until all had ended.
        complaints: What was wrong in the end.
        story: What happened, a sentence each.
    """

    seed: int
    jobs: dict[str, int]
    kills: dict[str, int]
    seconds: float
    complaints: list[str]
    story: list[str]


async def live_through(seed: int, folder: Path) -> Report:
    """Live through the story of a seed in a folder, and look at the accounts in the end."""
    with impatient(), new_world(folder) as world:
        await asyncio.to_thread(world.start_backend)
        target = await asyncio.to_thread(find_target)
        wired = AppSyncClient(
            target.endpoint, target.auth, timeout=5.0, retry_delay=0.03, timing=TIMING
        )
        async with wired as wire, JobClient(target, group=GROUP, wire=wire) as client:
            client.start()
            await client.ready()
            begun = time.monotonic()
            complaints = await _Story(world, client, plan(seed)).happen()
            seconds = time.monotonic() - begun
        complaints += await asyncio.to_thread(lambda: [*world.accounts(), *world.left_overs()])
        jobs = Counter(job.status.value for job in world.jobs().values())
        complaints += await asyncio.to_thread(lambda: list(world.end()))
        return Report(seed, dict(jobs), world.kills, seconds, complaints, world.story)


def live_through_alone(seed: int) -> Report:
    """Do the same in a folder of its own, in a process that does nothing else."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process would compile all anew
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        return asyncio.run(live_through(seed, Path(folder)))


def submission(client: JobClient, errand: Errand, id_: str, after: str | None = None) -> Body:
    """Return the `SubmitJobInput` of an errand."""
    options: Any = {
        "name": f"errand {errand.number}",
        "retries": errand.retries,
        "timeout": errand.timeout,
    }
    if errand.retries:
        options["backoff"] = BACKOFF_S
    if after is not None:
        options["after"] = [after]
    if errand.kind == "command":
        program = [sys.executable, "-I", "-S", str(work.__file__), errand.to_json()]
        return {**client.prepare(Command(program), (), {}, **options), "id": id_}
    return {**client.prepare(work.do, (errand.to_json(),), {}, **options), "id": id_}


class _Story:
    def __init__(self, world: World, client: JobClient, plan: Plan) -> None:
        self._world = world
        self._client = client
        self._plan = plan
        self._random = Random(f"{plan.seed}/victims")
        ids = Random(f"{plan.seed}/ids")
        self._ids = [str(uuid.UUID(int=ids.getrandbits(128), version=4)) for _ in plan.errands]
        self._known = [asyncio.Event() for _ in plan.errands]

    async def happen(self) -> list[str]:
        """Do all that is planned and wait until every job has ended; return what went wrong on the way."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as group:
                for step in self._plan.steps:
                    group.create_task(self._at(begun + step.at, self._take, step))
                for kill in self._plan.kills:
                    group.create_task(self._at(begun + kill.at, self._kill, kill))
        except TimeoutError:
            return ["not all that was asked for was acknowledged"]
        except ExceptionGroup as errors:
            return ["".join(traceback.format_exception(error)) for error in errors.exceptions]
        self._world.tell("all is acknowledged, nothing is killed any more")
        await asyncio.to_thread(self._world.start_backend)
        return await self._come_to_rest()

    async def _at(self, moment: float, act: Callable[[Any], Awaitable[None]], what: Any) -> None:
        await asyncio.sleep(moment - time.monotonic())
        await act(what)

    async def _take(self, step: Step) -> None:
        match step.act:
            case "submit" | "map":
                await self._submit(step)
            case "cancel":
                await self._cancel(step)
            case "retry":
                await self._retry(step)

    async def _submit(self, step: Step) -> None:
        errands = [self._plan.errands[number] for number in step.numbers]
        for errand in errands:
            if errand.after is not None and errand.after not in step.numbers:
                await self._known[errand.after].wait()
        bodies = []
        for errand in errands:
            self._world.expect(self._ids[errand.number], errand)
            after = None if errand.after is None else self._ids[errand.after]
            bodies.append(submission(self._client, errand, self._ids[errand.number], after))
        self._kill_soon(step)
        while bodies:
            outcomes = await self._heard(partial(self._submitted, bodies))
            told = [outcome for outcome in outcomes if not isinstance(outcome, JobsError)]
            self._world.acknowledged |= {body["id"] for body in told}
            if step.kill_after and self._world.kill_backend():
                self._world.tell(f"… which has just confirmed {step.numbers}")
            for body in told:
                self._client.adopt(body)
            refused = [outcome for outcome in outcomes if isinstance(outcome, JobError)]
            assert not refused, refused
            bodies = [
                body
                for body, outcome in zip(bodies, outcomes, strict=True)
                if isinstance(outcome, JobsError)
            ]
        self._world.tell(f"{step.act} {step.numbers} acknowledged")
        for number in step.numbers:
            self._known[number].set()

    async def _submitted(self, bodies: list[Body]) -> list[Outcome]:
        """Submit jobs: one by itself, several in one document."""
        client = self._client
        if len(bodies) == 1:
            told: Outcome = await client.api.run(calls.submit(bodies[0]))
            return [told]
        return await client.api.drive(submit_many(bodies, client.target.profile))

    async def _cancel(self, step: Step) -> None:
        (number,) = step.numbers
        await self._known[number].wait()
        self._world.fates[self._ids[number]].cancelled = True
        self._kill_soon(step)
        body = await self._heard(lambda: self._client.api.run(calls.cancel(self._ids[number])))
        self._world.tell(f"cancel {number} acknowledged, it is {body['status']}")

    async def _retry(self, step: Step) -> None:
        (number,) = step.numbers
        await self._known[number].wait()
        id_, client = self._ids[number], self._client
        await until(client, lambda: client.handle(id_).done())
        self._kill_soon(step)
        body = await self._heard(lambda: client.api.run(calls.retry(id_)))
        self._world.expect(body["id"], self._plan.errands[number])
        self._world.acknowledged.add(body["id"])
        self._world.tell(f"retry {number} acknowledged as {body['id']}")
        if step.kill_after:
            self._world.kill_backend()
        client.adopt(body)

    async def _heard(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer."""
        while True:
            try:
                return await ask()
            except (WireError, BackendUnavailable) as error:
                self._world.tell(f"not heard: {type(error).__name__}")
                await asyncio.sleep(_AGAIN_S)

    def _kill_soon(self, step: Step) -> None:
        if step.kill_during is not None:
            asyncio.get_running_loop().call_later(step.kill_during, self._world.kill_backend)

    async def _kill(self, kill: Kill) -> None:
        self._world.tell(f"to be killed: {kill.kind} ({kill.delay:g} s)")
        await asyncio.to_thread(carry_out, self._world, kill, self._random.choice)

    async def _come_to_rest(self) -> list[str]:
        """Wait until all jobs have ended and the client knows; what is wrong if that does not happen."""
        client, jobs = self._client, self._world.jobs()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not all(job.status.is_terminal for job in jobs.values()):
                    await asyncio.sleep(_AGAIN_S)
                    jobs = self._world.jobs()
                self._world.tell("every job has ended")
                await until(client, lambda: not self._unknown(jobs))
        except TimeoutError:
            live = [job for job in jobs.values() if not job.status.is_terminal]
            return (
                [f"they do not end: {live}"] if live else [f"the client has {self._unknown(jobs)}"]
            )
        waiting = [client.handle(id_) for id_ in jobs if not client.handle(id_).done()]
        return [f"these have ended, and their handles wait: {waiting}"] if waiting else []

    def _unknown(self, jobs: Mapping[str, Job]) -> dict[str, tuple[Job | None, Job]]:
        """Return the jobs that the client has otherwise than the database: as both have them."""
        store = self._client.store
        return {id_: (store.get(id_), job) for id_, job in jobs.items() if store.get(id_) != job}
