"""Starts jobs when there is room, follows them, ends them, and picks up what an earlier backend left.

Each job has a folder, and each of its runs a shim (`jupyter_jobs.worker`) that does the work and outlives this process.
The shim's reports come through a FIFO in that folder; its end is the end of the FIFO, and by then `outcome.json` says
how it went. So a job that is adopted is followed just as one that was started.

What waits is kept in a `Schedule`, which is told of each write to a job, whoever wrote it. The rows have all that it
takes to make the schedule anew: nothing is lost with this process. It counts elapsed time; a clock that is set changes
nothing about what waits.

A run that cannot be started for a reason that passes (no file handles, no memory, a full disk) waits and is tried again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from jupyter_jobs.backend.executors import EXECUTORS, Submission
from jupyter_jobs.backend.processes.nurseries import Nurseries
from jupyter_jobs.backend.processes.runs import (
    Shim,
    Unanswered,
    find,
    launch,
    prepare,
    relaunch,
    reopen,
)
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.ends import Ends, Update
from jupyter_jobs.backend.running.schedule import Decision, Ending, Schedule, Waiting
from jupyter_jobs.backend.storage.recovery import KEPT
from jupyter_jobs.backend.storage.repository import Body
from jupyter_jobs.backend.storage.rules import BACKOFF_LIMIT_S, Rules, describe_dependency, run_of
from jupyter_jobs.backend.trouble import Held, Unstored, passes
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["Runner", "Update"]

log = logging.getLogger("jupyter_jobs.backend")

KILL_AFTER_S = 20.0  # after a shim was asked to end; it has given up on the work long before
_LOOK_S = 60.0  # at the latest while something is due: the machine may have slept
_LARGE = 256 * 1024  # bytes of a payload that is written by a thread
_REPORT_LIMIT = 1024 * 1024  # bytes; the pipe holds less
_REPORTED = ("progress", "done", "total", "message")


@dataclass
class Runner(Ends):
    """The jobs that run on this machine.

    Args:
        repository: The jobs.
        folder: Of the backend's data; jobs have theirs in `jobs/<id>`.
        wall: What time it is, in seconds since the epoch: to be told, and to be found again by the next backend.
        external: Whether named requests are left to workers elsewhere.
        slots: CPUs that jobs may take at a time.
        clock: Seconds that have gone by, since whenever: what is waited for is measured by it.
        open_files: How many files a job may have open at a time; None for as many as this process.
    """

    external: bool = field(kw_only=True)
    slots: int = field(kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    open_files: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._schedule = Schedule(self.slots)
        self._nurseries = Nurseries(self.folder)
        self._shims: dict[str, Shim] = {}
        self._held = Held(self.clock)
        self._wanted = asyncio.Event()
        self.closing = ""  # why no job is taken any more

    @property
    def live(self) -> int:
        """Jobs that run or could."""
        return self._schedule.live

    @property
    def processes(self) -> dict[str, int]:
        """The process that watches over each job that runs here."""
        return {id_: shim.pid for id_, shim in self._shims.items()}

    async def start(self, update: Update) -> None:
        """Adopt what is there and begin to start what waits.

        Args:
            update: Writes changes of a job as the mutation `updateJob` does, and publishes them; tells whether it could.
        """
        self._update = update
        self.repository.observe(self._written)
        for body in self.repository.live():
            id_ = body["id"]
            await self._persist_behind(f"the adoption of job {id_}", partial(self._adopt, id_))
        self._go_on(self._run_schedule(), "the schedule")

    async def stop(self) -> None:
        """Follow no more; the jobs go on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._nurseries.close()

    def check(self, fields: Mapping[str, Any], payload: str | None) -> Awaitable[None] | None:
        """See that a job can be done; what comes back is still to be waited for.

        Raises:
            Refusal: It cannot, and why; `Draining` once no job is taken any more.
        """
        if self.closing:
            raise Refusal("Draining", self.closing)
        if self._is_elsewhere(fields):
            return None
        return EXECUTORS[fields["kind"]](Submission.read(fields["request"], payload))

    def nudge(self) -> None:
        """Look whether a job can be started."""
        self._wanted.set()

    def kill(self, id_: str) -> None:
        """End a job: its shim asks the work to, and kills what does not listen. Nothing for jobs that run elsewhere."""
        if (shim := self._shims.get(id_)) is not None:
            shim.ask_to_end()
            asyncio.get_running_loop().call_later(KILL_AFTER_S, self._kill_for_good, shim)

    def queue_place(self, id_: str) -> dict[str, Any] | None:
        """Return a waiting job's place as a `QueuePlace` of the schema; None if it does not wait to be started here."""
        place = self._schedule.place(id_, self.clock())
        return None if place is None else {"ahead": place.ahead, "seconds": place.seconds}

    def _kill_for_good(self, shim: Shim) -> None:
        if self._shims.get(shim.job) is shim:
            log.warning("the shim of job %s does not end: killing it", shim.job)
            shim.kill()

    def _written(self, body: Body) -> None:
        """Bring the schedule up to date with a job that was written."""
        id_, status = body["id"], JobStatus(body["status"])
        if status is JobStatus.QUEUED:
            if id_ not in self._schedule:
                self._wait(body)
        elif status.is_terminal:
            self._held.forget(id_)
            self._schedule.ended(id_, self.clock(), describe_dependency(body))
        else:
            self._schedule.remove(id_)
        self.nudge()

    def _wait(self, body: Body) -> None:
        """Let a job wait for its turn, and for others if it is to come after them."""
        unmet: list[str] = []
        failed: str | None = None
        number, not_before = self.repository.turn(body["id"])
        since = max(self._elapsed(_epoch(body["createdAt"])), self._held.until(body["id"]))
        if not_before is not None:
            since = max(since, self._elapsed(not_before, BACKOFF_LIMIT_S))
        for id_ in body["after"] or ():
            if self._schedule.waits(id_):
                unmet.append(id_)
                continue
            dependency = self.repository.newest(id_)
            if dependency is None:
                failed = f"job {id_} is not there any more"
            elif not JobStatus(dependency["status"]).is_terminal:
                unmet.append(dependency["id"])
            elif (reason := describe_dependency(dependency)) is not None:
                failed = reason
            else:
                since = max(since, self._elapsed(_epoch(dependency["finishedAt"])))
        self._schedule.add(self._waiting(body, number, since), unmet, failed)

    def _waiting(self, body: Body, number: int, since: float) -> Waiting:
        rules = Rules.of(body)
        return Waiting(
            id=body["id"],
            number=number,
            priority=body["priority"],
            cpus=min(rules.cpus, self.slots),  # there may have been more when it was submitted
            since=since,
            queue_timeout=rules.queue_timeout,
            usual=(json.loads(body["usual"] or "null") or {}).get("median"),
            elsewhere=self._is_elsewhere(body),
        )

    def _elapsed(self, wall: float, most: float = 0.0) -> float:
        """Return a time by the clock of what goes by; one that is more than `most` ahead is of a clock that was set."""
        return self.clock() + min(wall - self.wall(), most)

    def _is_elsewhere(self, body: Mapping[str, Any]) -> bool:
        return self.external and body["kind"] == "REQUEST"

    async def _run_schedule(self) -> None:
        while True:
            self._wanted.clear()
            decision = self._schedule.decide(self.clock())
            await self._carry_out(decision)
            patience = None
            if decision.look_at is not None:
                patience = min(max(decision.look_at - self.clock(), 0.0), _LOOK_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._wanted.wait()

    async def _carry_out(self, decision: Decision) -> None:
        for job in decision.start:
            await self._launch(job.id)
            await asyncio.sleep(0)  # others want the loop, too
        for ending in decision.end:
            write = partial(self._end_unstarted, ending)
            await self._persist_behind(f"the end of job {ending.id}", write)
            await asyncio.sleep(0)

    async def _end_unstarted(self, ending: Ending) -> None:
        if ending.reason is not None:
            error = {"type": "DependencyFailed", "message": ending.reason}
            changes = {"id": ending.id, "status": "CANCELLED"}
        else:
            reason = f"waited longer than {ending.waited:g} s for a free place"
            error = {"type": "TimedOut", "message": reason}
            changes = {"id": ending.id, "status": "TIMED_OUT"}
        await self._write({**changes, "error": json.dumps(error)})

    async def _launch(self, id_: str) -> None:
        """Start a run. The row knows its process before anything else happens, so that it is never forgotten."""
        try:
            told = await self._spawn(id_)
        except Exception as error:
            self._schedule.release(id_)
            reason = str((error.strerror if isinstance(error, OSError) else None) or error)
            if passes(error):
                await self._start_later(id_, reason)
                return
            log.error("job %s could not be started", id_, exc_info=error)
            lost = partial(self._lost, id_, f"it could not be started: {reason}")
            await self._persist_behind(f"the end of job {id_}", lost)
            return
        if told is None:
            self._schedule.release(id_)
            return
        note = partial(self._note_start, told, self._shims.get(id_))
        await self._persist_behind(f"the start of job {id_}", note)

    async def _note_start(self, told: dict[str, Any], shim: Shim | None) -> None:
        id_ = told["id"]
        if shim is not None:
            if self._shims.get(id_) is not shim:
                return  # it has ended while this could not be written
            self.repository.set_process(id_, shim.identity)
        if not await self._write(told):  # it has been cancelled since
            self.kill(id_)

    async def _start_later(self, id_: str, reason: str) -> None:
        """Let a job wait until it is tried again whether it can be started."""
        delay = self._held.hold(id_)
        log.warning("job %s cannot be started now: %s", id_, reason)
        message = f"cannot be started now ({reason}), next try in {delay:g} s"
        await self._update({"id": id_, "message": message})
        body = self.repository.get(id_)
        if body is not None and body["status"] == "QUEUED" and id_ not in self._schedule:
            self._wait(body)  # the message could not be written
            self.nudge()

    async def _spawn(self, id_: str) -> dict[str, Any] | None:
        """Start a job's shim and return what is to be told of that; None if the job was cancelled meanwhile."""
        body = self.repository.get(id_)
        if body is None or body["status"] != "QUEUED":
            return None
        payload, run = self.repository.payload(id_), run_of(body)
        work = {
            "id": id_,
            "kind": body["kind"],
            "request": body["request"],
            "params": json.loads(body["params"] or "null"),
            "rules": json.loads(body["rules"] or "{}"),
            "run": run,
            "open_files": self.open_files,
            "job": {name: body[name] for name in KEPT},
            "fingerprint": self.repository.fingerprint(id_),
        }
        folder = self._folder(id_)
        if payload is not None and len(payload) > _LARGE:
            python = await asyncio.to_thread(prepare, folder, work, payload)
        else:
            python = prepare(folder, work, payload)
        nursery = await self._nurseries.get(python)
        body = self.repository.get(id_)
        if body is None or body["status"] != "QUEUED":
            return None
        try:
            shim, reports = launch(folder, id_, python, nursery)
        except Unanswered:
            shim, reports = await relaunch(folder, id_, run, python)
        self._follow(shim, reports)
        message = {} if run == 1 else {"message": f"run {run} of {Rules.of(body).retries + 1}"}
        return {"id": id_, "status": "RUNNING", **message}

    async def _adopt(self, id_: str) -> None:
        """Pick up a live job where an earlier backend left it."""
        body = self.repository.get(id_)
        if body is None or id_ in self._schedule or JobStatus(body["status"]).is_terminal:
            return
        process = self.repository.process(id_)
        if process is None and not self._is_elsewhere(body):
            process = await find(self._folder(id_), run_of(body))
        if process is None:
            if body["status"] == "QUEUED":
                self._wait(body)
            elif not self._is_elsewhere(body):
                await self._lost(id_, "the backend ended before it was started")
            return
        try:
            reports = reopen(self._folder(id_))
        except FileNotFoundError:
            await self._lost(id_, "its folder is gone")
            return
        log.info("adopting job %s", id_)
        shim = Shim(id_, process.pid, process.started, boot=process.boot)
        self._follow(shim, reports)
        number, _ = self.repository.turn(id_)
        began = self._elapsed(_epoch(body["startedAt"])) if body["startedAt"] else self.clock()
        self._schedule.occupy(self._waiting(body, number, began), began)
        if body["status"] == "CANCELLING":
            self.kill(id_)
        elif body["status"] == "QUEUED":
            note = partial(self._note_start, {"id": id_, "status": "RUNNING"}, shim)
            await self._persist_behind(f"the start of job {id_}", note)

    def _follow(self, shim: Shim, reports: int) -> None:
        self._shims[shim.job] = shim
        self._go_on(self._until_ended(shim, reports), f"job {shim.job}")

    async def _until_ended(self, shim: Shim, reports: int) -> None:
        reader = asyncio.StreamReader(limit=_REPORT_LIMIT)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reports, "rb", buffering=0)
        )
        try:
            async for line in reader:
                await self._report(shim, line)
        finally:
            transport.close()
        # From here to the write in `_settle` nothing else runs: nobody sees a job that has ended and still runs.
        id_ = shim.job
        del self._shims[id_]
        self._schedule.release(id_)
        self.nudge()
        settle = self._put_back if shim.unbegun else self._settle
        await self._persist(f"the end of job {id_}", partial(settle, id_, shim))

    async def _put_back(self, id_: str, shim: Shim) -> None:
        """Let a job wait again whose shim could not begin."""
        shim.reap()
        body = self.repository.get(id_)
        if body is None or body["status"] not in ("QUEUED", "RUNNING"):
            await self._settle(id_, shim)
            return
        assert shim.unbegun is not None
        reason = shim.unbegun.strerror
        if not passes(shim.unbegun):
            await self._lost(id_, f"it could not be begun: {reason}")
            return
        delay = self._held.hold(id_)
        log.warning("job %s could not be begun: %s", id_, reason)
        self.repository.put_back(id_, f"could not be begun ({reason}), next try in {delay:g} s")
        await self._update({"id": id_})

    async def _report(self, shim: Shim, line: bytes) -> None:
        id_ = shim.job
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):  # the shim was killed as it wrote
            return
        if "unbegun" in told:
            shim.unbegun = OSError(told.get("errno"), told["unbegun"])
            return
        if "metrics" in told:
            with suppress(Unstored):  # it is told again
                self.repository.set_metrics(id_, json.dumps(told["metrics"]))
        await self._update({"id": id_} | {name: told[name] for name in _REPORTED if name in told})


def _epoch(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
