"""The backend's end of the processes that fork shims, one for each interpreter; see `jupyter_jobs.worker.nursery`.

They only save time. Where there is none, or it does not answer, a shim is started as a program of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_jobs.backend.trouble import passes
from jupyter_jobs.worker.nursery import FORK, READY, REAP

__all__ = ["Fork", "Nurseries", "Nursery", "Unanswered"]

log = logging.getLogger("jupyter_jobs.backend")

_READY_S = 10.0  # that one may take to import
_ANSWER_S = 3.0  # that one may take to fork; the backend waits
_ANSWER_LIMIT = 32  # bytes, more than any
_AGAIN_S = 600.0  # until an interpreter with which it did not work is asked again
_SOON_S = 10.0  # the same if it was the system that had no more to give


class Unanswered(Exception):
    """A nursery was asked for a shim and did not say whether it forked one; it is dead now."""


@dataclass
class Fork:
    """A shim that a nursery has forked; what `subprocess.Popen` is to one that this process has started.

    Attributes:
        pid: Its process.
        nursery: Its parent, which keeps its number from being given to others until it is told to let go.
    """

    pid: int
    nursery: Nursery
    _reaped: bool = False

    @property
    def returncode(self) -> int | None:
        """None as long as the number is kept."""
        return 0 if self._reaped or not self.nursery.is_alive else None

    def wait(self) -> None:
        """Let go of the number; its end is near or there."""
        if not self._reaped:
            self._reaped = True
            self.nursery.reap(self.pid)


class Nursery:
    """One that is ready."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._connection.settimeout(_ANSWER_S)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not died, as far as the system tells."""
        return self._process.poll() is None

    def fork(self, folder: Path, reports: int) -> Fork:
        """Have a shim forked for the run that a folder is prepared for.

        Args:
            folder: Of the job.
            reports: A descriptor of its FIFO.

        Raises:
            Unanswered: Nobody knows whether there is one now; there will be none later.
        """
        line = FORK + json.dumps(str(folder)).encode() + b"\n"
        try:
            socket.send_fds(self._connection, [line], [reports])
            return Fork(int(self._connection.recv(_ANSWER_LIMIT)), self)
        except (OSError, ValueError):
            self.close()
            raise Unanswered from None

    def reap(self, pid: int) -> None:
        """Let a fork that has ended be forgotten."""
        with suppress(OSError):  # it is dead: they are
            self._connection.sendall(REAP + b"%d\n" % pid)

    def close(self) -> None:
        """End it; what it has forked goes on."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class Nurseries:
    """Those of this backend, started when they are first needed and again when they have died.

    Args:
        folder: Where they run: one in which nobody keeps modules.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: dict[str, Nursery] = {}
        self._not_before: dict[str, float] = {}

    async def get(self, python: str) -> Nursery | None:
        """Return the nursery of an interpreter, or None if there can be none."""
        if (nursery := self._ready.get(python)) is not None:
            if nursery.is_alive:
                return nursery
            self._ready.pop(python).close()
        if time.monotonic() < self._not_before.get(python, 0.0):
            return None
        try:
            nursery = self._ready[python] = await _start(python, self._folder)
        except (OSError, EOFError) as error:
            log.info("%s forks no jobs, they are started one by one: %s", python, error)
            again = _SOON_S if passes(error) else _AGAIN_S
            self._not_before[python] = time.monotonic() + again
            return None
        return nursery

    def close(self) -> None:
        """End all of them; what they have forked goes on."""
        while self._ready:
            self._ready.popitem()[1].close()


async def _start(python: str, folder: Path) -> Nursery:
    """Start a nursery and wait until it is ready.

    Raises:
        OSError: There is no such interpreter, or it took too long.
        EOFError: It cannot fork.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220  # asyncio's are waited for by asyncio alone
                [python, "-m", "jupyter_jobs.worker", "--nursery"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=folder,
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    try:
        ours.setblocking(False)
        async with asyncio.timeout(_READY_S):
            if await asyncio.get_running_loop().sock_recv(ours, len(READY)) != READY:
                raise EOFError("its process ended at once")
        return Nursery(process, ours)
    except BaseException:
        ours.close()
        process.kill()
        process.wait()
        raise
