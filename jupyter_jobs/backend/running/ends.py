"""How the end of a run is written down, and kept until it can be.

The outcome of a run is in its folder before anything is known of it here. So an end that the database does not take now,
or that cannot be read for want of a file handle, is tried again for as long as it takes; what has ended stays ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.processes.runs import Shim
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.storage.rules import Rules, describe_error, end_of, in_short, run_of
from jupyter_jobs.backend.trouble import Unstored, delays, passes
from jupyter_jobs.worker.outcome import read_json

__all__ = ["Ends", "Update"]

log = logging.getLogger("jupyter_jobs.backend")

Update = Callable[[dict[str, Any]], Awaitable[bool]]


@dataclass
class Ends:
    """The part of a runner that writes down what runs have come to.

    Args:
        repository: The jobs.
        folder: Of the backend's data; jobs have theirs in `jobs/<id>`.
        wall: What time it is, in seconds since the epoch: to be told, and to be found again by the next backend.
    """

    repository: Repository
    folder: Path
    wall: Callable[[], float] = field(default=time.time, kw_only=True)

    _update: Update = field(init=False, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    def _go_on(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s is not followed any more", task.get_name(), exc_info=error)

    async def _persist_behind(self, what: str, write: Callable[[], Awaitable[None]]) -> None:
        """Do what writes something down now, or else as often as it takes while others go on."""
        try:
            await write()
        except (OSError, Unstored) as error:
            if not passes(error):
                raise
            self._go_on(self._persist(what, write), what)

    async def _persist(self, what: str, write: Callable[[], Awaitable[None]]) -> None:
        """Do what writes something down, as often as it takes; what it raises for a reason that stays is raised."""
        for delay in delays():
            try:
                await write()
            except (OSError, Unstored) as error:
                if not passes(error):
                    raise
                log.warning("%s is kept, and written down later: %s", what, error)
                await asyncio.sleep(delay)
            else:
                return

    async def _settle(self, id_: str, shim: Shim) -> None:
        """Write down how a run ended, once its shim has."""
        outcome = read_json(self._folder(id_) / "outcome.json")
        body = self.repository.get(id_)
        status = None if body is None else body["status"]
        if outcome is None or status == "CANCELLING":
            shim.sweep()  # nobody watches over them any more
        for draft in self._folder(id_).glob("*.part"):
            draft.unlink(missing_ok=True)  # of a process that was killed as it wrote
        if outcome is None:
            shim.reap()
            if status == "CANCELLING":  # before it could tell of it
                await self._write({"id": id_, "status": "CANCELLED"})
            else:
                await self._lost(
                    id_, shim.whereabouts or "the process that watched over it was killed"
                )
            return
        if (
            body is not None
            and status in ("RUNNING", "QUEUED")  # its start could not be written in time
            and outcome["status"] in ("FAILED", "TIMED_OUT")
        ):
            rules, run = Rules.of(body), run_of(body)
            if (delay := rules.delay(run)) is not None:
                shim.sweep()  # what it left behind would be in the next run's way
                shim.reap()
                await self._run_again(id_, outcome, f"run {run + 1} of {rules.retries + 1}", delay)
                return
        shim.reap()
        changes = {"id": id_, **end_of(outcome)}
        if not await self._update(dict(changes)):
            await self._write(in_short(changes))

    async def _run_again(
        self, id_: str, outcome: Mapping[str, Any], run: str, delay: float
    ) -> None:
        failed = {"error": describe_error(outcome.get("error"))}
        message = f"{run} in {delay:g} s"
        self.repository.requeue(id_, failed, self.wall() + delay, message)
        await self._update({"id": id_})

    async def _write(self, changes: dict[str, Any]) -> bool:
        """Write changes, though no event may carry them; tells whether they could follow.

        Raises:
            Unstored: Nothing can be written now.
        """
        if await self._update(dict(changes)):
            return True
        try:
            self.repository.update(changes["id"], changes)
        except Unstored:
            raise
        except Refusal:
            return False
        if (settled := self.repository.settled()) is not None:
            await settled
        return True

    async def _lost(self, id_: str, reason: str) -> None:
        error = json.dumps({"type": "Lost", "message": reason})
        await self._write({"id": id_, "status": "LOST", "error": error})

    def _folder(self, id_: str) -> Path:
        return self.folder / "jobs" / id_
