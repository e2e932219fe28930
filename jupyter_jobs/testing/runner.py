"""A runner whose jobs follow a script, on a clock that stands until it is told to go on.

What happens is what the backend's own runner makes happen: the same schedule, rules, log files and outcomes. Only in
place of a process there are the steps of a play, each at its time.
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.processes.runs import Shim
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Body, Repository
from jupyter_jobs.backend.storage.rules import run_of
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.testing.script import Answer, Outcome, Script
from jupyter_jobs.testing.submitted import Submitted
from jupyter_jobs.worker import outcome
from jupyter_jobs.worker.exceptions import keep_exception
from jupyter_jobs.worker.logfile import LogWriter

__all__ = ["Clock", "ScriptedRunner"]

SLOTS = 1000  # whether there is room is not what is tested
LOG_LIMIT = 10_000_000
_NEXT = 0.001  # seconds between two jobs, so that their times tell which is newer


class Clock:
    """A time that stands still until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return it in seconds since the epoch."""
        return self.now

    def text(self) -> str:
        """Return it as the repository writes times."""
        at = datetime.fromtimestamp(self.now, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Nobody(Shim):
    """Stands for the process of a run."""

    def __init__(self, job: str) -> None:
        super().__init__(job, pid=0, started=0)

    def sweep(self) -> None:
        """There is nothing to sweep."""

    def reap(self) -> None:
        """There is nothing to reap."""


@dataclass(eq=False)
class _Run:
    """A run that is played.

    Attributes:
        job: What is played.
        number: Of the run.
        outcome: What it comes to.
        limit: Seconds that it may take.
        log: Where its lines go.
        cancelled: Whether its end was asked for.
    """

    job: Submitted
    number: int
    outcome: Outcome
    limit: float
    log: LogWriter
    cancelled: bool = False


class ScriptedRunner(Runner):
    """Plays the jobs of a backend. Its methods belong to the event loop.

    Args:
        repository: The jobs; its times must be those of the clock.
        folder: Of the backend's data.
        script: What jobs come to.
        clock: The time.

    Attributes:
        submitted: What was submitted, oldest first.
    """

    def __init__(self, repository: Repository, folder: Path, script: Script, clock: Clock) -> None:
        super().__init__(repository, folder, external=False, slots=SLOTS, clock=clock, wall=clock)
        self.submitted: list[Submitted] = []
        self._script = script
        self._time = clock
        self._jobs: dict[str, Submitted] = {}
        self._runs: dict[str, _Run] = {}
        self._steps: list[tuple[float, int, _Run, str, Any]] = []
        self._numbers = itertools.count()
        self._playing = asyncio.Lock()

    def check(self, fields: Mapping[str, Any], payload: str | None) -> Awaitable[None] | None:
        """See that it is scripted what the job comes to.

        Raises:
            Refusal: It is not; says how to.
        """
        job = Submitted.read(fields, payload)
        if self._script.find(job) is None:
            raise Refusal("InvalidJob", self._script.describe_missing(job))
        return None

    def kill(self, id_: str) -> None:
        """End a job now."""
        if (run := self._runs.get(id_)) is not None:
            run.cancelled = True
            self._push(self._time.now, run, "end", None)
            self.nudge()

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, and do what is due on the way, in its order."""
        async with self._playing:
            end = self._time.now + seconds
            while (due := await self._catch_up()) is not None and due <= end:
                self._time.now = due
            self._time.now = end

    async def run_all(self) -> None:
        """Let time pass until nothing is left to do."""
        async with self._playing:
            while (due := await self._catch_up()) is not None:
                self._time.now = due

    async def _run_schedule(self) -> None:
        while True:
            self._wanted.clear()
            async with self._playing:
                await self._catch_up()
            await self._wanted.wait()

    async def _catch_up(self) -> float | None:
        """Do all that is due by now; return when more is, or None."""
        while True:
            now = self._time.now
            decision = self._schedule.decide(now)
            await self._carry_out(decision)
            due = []
            while self._steps and self._steps[0][0] <= now:
                due.append(heapq.heappop(self._steps))
            for _, _, run, what, value in due:
                if self._runs.get(run.job.id) is run:
                    await self._PLAYS[what](self, run, value)
            soon = decision.look_at is not None and decision.look_at <= now
            if not (decision.start or decision.end or due or soon):
                times = [decision.look_at, *(step[0] for step in self._steps[:1])]
                return min((time for time in times if time is not None), default=None)

    def _written(self, body: Body) -> None:
        if body["id"] not in self._jobs:
            job = Submitted.read(body, self.repository.payload(body["id"]))
            self._jobs[job.id] = job
            self.submitted.append(job)
        super()._written(body)
        if body["version"] == 1:
            self._time.now += _NEXT

    async def _spawn(self, id_: str) -> dict[str, Any] | None:
        job = self._jobs[id_]
        rule = self._script.find(job)
        ends = Outcome() if rule is None else await _decided(rule.take(), job)
        body = self.repository.get(id_)
        if body is None or body["status"] != "QUEUED":
            return None
        folder, number = self._folder(id_), run_of(body)
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        outcome.forget(folder)
        rules = json.loads(body["rules"] or "{}")
        limit = float(rules.get("timeout") or math.inf)
        run = _Run(job, number, ends, limit, LogWriter(folder / "log", LOG_LIMIT))
        self._runs[id_] = run
        now, runs = self._time.now, int(rules.get("retries") or 0) + 1
        if number > 1:
            run.log.feed("e", f"--- run {number} of {runs} ---\n".encode(), self._now_ms())
        for at, what, value in ends.steps():
            if at <= limit:
                self._push(now + at, run, what, value)
        if (length := min(ends.seconds, limit)) < math.inf:
            self._push(now + length, run, "end", None)
        message = {} if number == 1 else {"message": f"run {number} of {runs}"}
        return {"id": id_, "status": "RUNNING", **message}

    async def _run_again(
        self, id_: str, outcome: Mapping[str, Any], run: str, delay: float
    ) -> None:
        # Code that waits for the job could not let time pass for it.
        await super()._run_again(id_, outcome, run, 0.0)

    def _push(self, at: float, run: _Run, what: str, value: Any) -> None:
        heapq.heappush(self._steps, (at, next(self._numbers), run, what, value))

    async def _print(self, run: _Run, line: str) -> None:
        run.log.feed("o", f"{line}\n".encode(), self._now_ms())

    async def _progress(self, run: _Run, share: float) -> None:
        await self._update({"id": run.job.id, "progress": share})

    async def _end(self, run: _Run, _: None) -> None:
        id_ = run.job.id
        del self._runs[id_]
        folder = self._folder(id_)
        verdict = _verdict(run, folder)
        run.log.close(self._now_ms())
        if verdict is not None:
            told = {} if run.number == 1 else {"run": run.number}
            outcome.write_json(folder / "outcome.json", {**verdict, **told})
        self._schedule.release(id_)
        await self._settle(id_, _Nobody(id_))

    def _now_ms(self) -> int:
        return round(self._time.now * 1000)

    _PLAYS: Mapping[str, Callable[[ScriptedRunner, _Run, Any], Awaitable[None]]] = {
        "prints": _print,
        "progress": _progress,
        "end": _end,
    }


async def _decided(answer: Answer, job: Submitted) -> Outcome:
    """Return what a run comes to; a function of the test's is called on a thread, for it may submit."""
    if isinstance(answer, Outcome):
        return answer
    try:
        value = await asyncio.to_thread(answer, job)
        if inspect.isawaitable(value):
            value = await value
    except Exception as error:
        return Outcome(raises=error)
    return value if isinstance(value, Outcome) else Outcome(returns=value)


def _verdict(run: _Run, folder: Path) -> dict[str, Any] | None:
    """Return what `outcome.json` says of a run, None for one that is lost."""
    ends = run.outcome
    if run.cancelled:
        return {"status": "CANCELLED"}
    if ends.seconds > run.limit:
        return _failed("TIMED_OUT", outcome.describe_timeout(run.limit), run)
    if ends.lost:
        return None
    error = ends.error
    if error is None:
        if run.job.kind is JobKind.COMMAND:
            exited = outcome.describe_exit(int(ends.returns or 0))
            if exited is not None:
                return _failed("FAILED", exited, run)
            return {"status": "SUCCEEDED", "result": 0}
        try:
            return {"status": "SUCCEEDED", **outcome.keep_result(ends.returns, folder)}
        except outcome.Failure as failure:
            return _failed("FAILED", outcome.describe_error(failure), run)
    described = outcome.describe_error(error)
    if run.job.kind is JobKind.FUNCTION and keep_exception(error, folder):
        described["loadable"] = True
    return _failed("FAILED", described, run)


def _failed(status: str, error: dict[str, Any], run: _Run) -> dict[str, Any]:
    return {"status": status, "error": outcome.fit_error(error, run.log.tail)}
