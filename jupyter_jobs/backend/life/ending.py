"""How a backend comes to its end, other than by a signal.

idle        nobody has been inside for some time and no job is live
drained     it was asked to: it takes nothing new, and ends when the live jobs have
cancelled   it was asked to: the same, and it cancels them
culled      the JupyterHub server that it belongs to is gone: it cancels them, unless the user wants them kept

In each case the gate is shut first and the clients' file taken away, so whoever comes then waits for the next backend.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from jupyter_jobs.backend.life.gate import Gate
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.runner import Runner, Update
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.embedded import process_started_at
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["CULL_VARIABLE", "Ending", "is_culled"]

log = logging.getLogger("jupyter_jobs.backend")

CULL_VARIABLE = "JUPYTER_JOBS_CULL"
GRACE_S = 5.0  # in which the kernels of a server that is gone have noticed it
AGAIN_S = 5.0  # after which what could not be written is tried again
_PROCESS_LOOK_S = 2.0  # between looks for a process, where the system does not tell of its end
_NAMED = 5  # jobs that are told by name

_CLOSING = (
    "The backend of this machine is about to end: it takes no new jobs and waits for those that are live. "
    "Submit again when it has ended, which starts the next one; to have it end now, and its jobs go on, run: "
    "jupyter-jobs stop"
)


class Ending:
    """What may end a backend. Belongs to the event loop.

    Args:
        repository: The jobs.
        runner: Runs them.
        gate: Knows who is inside.
        update: Writes changes of a job and publishes them, see `server.updates`.
        end: Ends the process, soon; what is live then goes on.
    """

    def __init__(
        self,
        repository: Repository,
        runner: Runner,
        gate: Gate,
        update: Update,
        end: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._runner = runner
        self._gate = gate
        self._update = update
        self._end = end
        self._changed = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None
        repository.observe(self._written)

    @property
    def is_draining(self) -> bool:
        """Whether nothing new is taken."""
        return self._draining is not None

    def drain(self, cancel: str | None = None) -> None:
        """Take nothing new, and end when the live jobs have.

        Args:
            cancel: Why they are cancelled; None lets them go on to their own ends.
        """
        what = "ending" if cancel is None else f"cancelling them ({cancel}) and ending"
        log.info("taking no new jobs, %d are live: %s when those have", self._runner.live, what)
        self._runner.closing = _CLOSING
        if self._draining is not None:
            self._draining.cancel()
        self._draining = asyncio.create_task(self._until_drained(cancel), name="draining")

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._draining is not None:
            self._draining.cancel()

    def told(self) -> dict[str, Any]:
        """Return what is waited for: whether it drains, how many jobs are live, and some of them."""
        told: dict[str, Any] = {"draining": self.is_draining, "live": self._runner.live}
        if self.is_draining:
            told["waitsFor"] = [
                {name: body[name] for name in ("id", "name", "status")}
                for body in self._repository.live()[:_NAMED]
            ]
        return told

    async def when_idle(self, seconds: float) -> None:
        """End when nobody has been inside for so long, no job was written and none is live.

        It sleeps for as long as that cannot be, and so does the machine.
        """
        while True:
            await asyncio.sleep(seconds - self._gate.idle_s())
            if self._runner.live:
                self._gate.touch()
            elif self._gate.idle_s() >= seconds:
                # Nothing is awaited between this look and the shut gate: nobody comes in between.
                log.info("nobody has asked for %g s: ending", seconds)
                self._end()
                return

    async def with_server(self, pid: int) -> None:
        """End when a process has, and cancel the live jobs; not if somebody is still connected then."""
        await _gone(pid)
        await asyncio.sleep(GRACE_S)
        if self._gate.inside:
            log.warning(
                "the Jupyter server %d is gone; others are connected, so this backend stays", pid
            )
            return
        log.warning("the Jupyter server %d is gone: cancelling the live jobs and ending", pid)
        self.drain("the Jupyter server that its backend belonged to has ended")

    def _written(self, _: object) -> None:
        self._changed.set()
        self._gate.touch()

    async def _until_drained(self, cancel: str | None) -> None:
        while True:
            self._changed.clear()
            try:
                if not (self._runner.live or self._is_unwritten()):
                    break
                if cancel is not None:
                    await self._cancel_all(cancel)
            except Refusal as refusal:  # of storage: it may be well again soon
                log.warning("the end has to wait: %s", refusal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), AGAIN_S)
        log.info("no job is live any more: ending")
        self._end()

    def _is_unwritten(self) -> bool:
        """Whether a job has ended whose end is not written yet."""
        return any(not JobStatus(status).is_terminal for status in self._repository.counts())

    async def _cancel_all(self, reason: str) -> None:
        error = json.dumps({"message": reason})
        for id_ in [body["id"] for body in self._repository.live()]:
            if (body := self._repository.get(id_)) is None:
                continue
            # Of that very version: one that has just begun to run must be killed, too.
            told = {"id": id_, "expectedVersion": body["version"], "error": error}
            if body["status"] == "QUEUED":
                await self._update({**told, "status": "CANCELLED"})
            elif body["status"] == "RUNNING":
                if await self._update({**told, "status": "CANCELLING"}):
                    self._runner.kill(id_)
            await asyncio.sleep(0)  # others want the loop, too


def is_culled(environment: Mapping[str, str]) -> bool:
    """Whether a backend ends with the JupyterHub server that it belongs to, as `JUPYTER_JOBS_CULL` says.

    Raises:
        ConfigurationError: It says something else.
    """
    word = environment.get(CULL_VARIABLE, "").strip() or "cancel"
    if word not in ("cancel", "keep"):
        raise ConfigurationError(
            f"{CULL_VARIABLE} takes cancel, to end with the JupyterHub server, or keep, not {word!r}"
        )
    return word == "cancel"


async def _gone(pid: int) -> None:
    """Wait for the end of a process that is no child of this one."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # neither macOS nor a Linux before 5.3 has it
        started = process_started_at(pid)
        while started is not None and process_started_at(pid) == started:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(_PROCESS_LOOK_S)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
