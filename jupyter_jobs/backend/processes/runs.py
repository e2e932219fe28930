"""The process of a run: how it is started, found again by a later backend, and ended.

A run is launched once, whatever this process dies between. Its shim holds the FIFO `reports` from the fork to its
end, and says who it is before the work begins: a FIFO that somebody holds, or a shim that has told its name, is a run
that was launched, though the row of the job may not say so yet.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.processes.nurseries import Fork, Nursery, Unanswered
from jupyter_jobs.jobs.embedded import process_started_at
from jupyter_jobs.worker.marks import is_of, programs_of
from jupyter_jobs.worker.outcome import read_json
from jupyter_jobs.worker.processes import Process, job_processes, kill_all, present_boot

__all__ = ["Shim", "Unanswered", "find", "launch", "prepare", "process_of", "relaunch", "reopen"]

_OF_A_RUN = ("outcome.json", "shim.json", "work.json", "result.pickle", "error.pickle")
_LOOK_S = 0.02
_SWEEPS = 20  # of a tree that grows as it is cut; what was killed may be seen once more
_GONE = -1  # when no process has started


@dataclass
class Shim:
    """A run's shim.

    Attributes:
        job: Id of its job.
        pid: Its process.
        started: Tells it from a later process of the same number.
        process: The same, if this process started it, or had it forked.
        boot: Of the machine that it was started on, see `present_boot`; empty where nobody has noted it.
        unbegun: Why the work was not begun, once it has said so.
    """

    job: str
    pid: int
    started: int
    process: subprocess.Popen[bytes] | Fork | None = None
    boot: str = ""
    unbegun: OSError | None = None

    @property
    def identity(self) -> Process:
        """What tells its process from all others."""
        return Process(self.pid, self.started, self.boot)

    @property
    def whereabouts(self) -> str:
        """Why its process cannot be there any more; empty if it may be."""
        if self.boot in ("", present_boot()):
            return ""
        there, here = self.boot.partition(" ")[2], present_boot().partition(" ")[2]
        if there == here:
            return "the machine was restarted"
        return f"it was started on {there}, which cannot be seen from {here}"

    def ask_to_end(self) -> None:
        """Let it end the work, and then itself."""
        if self._is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that is left of its work, without asking."""
        if self._is_alive:
            kill_all([self.pid])
        self.sweep()

    @property
    def _is_alive(self) -> bool:
        return not self.whereabouts and process_started_at(self.pid) == self.started

    def sweep(self) -> None:
        """End what is left of the work, and what that has started meanwhile."""
        for _ in range(0 if self.whereabouts else _SWEEPS):
            if not (left := self._left()):
                return
            kill_all(left)

    def _left(self) -> set[int]:
        left = job_processes(self.job, self.pid)
        if self.process is None or self.process.returncode is not None:
            # Nobody has kept the number from being given to a stranger's session.
            left = {pid for pid in left if is_of(self.job, pid)}
        return left | programs_of(self.job)

    def reap(self) -> None:
        """Take note of its end, which is near when its reports have ended."""
        if self.process is not None:
            self.process.wait()


def prepare(folder: Path, work: Mapping[str, Any], payload: str | None) -> str:
    """Write down what the next run is to do, and return the interpreter that is to do it.

    Args:
        folder: Of the job.
        work: `job.json` without the payload.
        payload: As it was submitted.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        # The number of the run follows: until then it is not launched, whatever was left by the one before.
        for name in _OF_A_RUN:
            (folder / name).unlink(missing_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(folder / "reports", 0o600)
    part = folder / "job.part"
    head = json.dumps(work).removesuffix("}")
    with open(part, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(f'{head}, "payload": {payload or "{}"}}}')
    os.replace(part, folder / "job.json")
    python = json.loads(payload).get("python") if payload else None
    return str(python or sys.executable)


def launch(folder: Path, job: str, python: str, nursery: Nursery | None = None) -> tuple[Shim, int]:
    """Start what was prepared; returns its shim, and where its reports come from.

    Args:
        folder: Of the job.
        job: Its id.
        python: The interpreter.
        nursery: What forks the shim; without one it is started as a program.

    Raises:
        OSError: There is no such interpreter, or no room for another process.
        Unanswered: The nursery may have forked one or not; `relaunch` finds out.
    """
    writer = os.open(folder / "reports", os.O_RDWR)
    try:
        reader = os.open(folder / "reports", os.O_RDONLY | os.O_NONBLOCK)
        try:
            process = (
                _start(folder, python, writer) if nursery is None else nursery.fork(folder, writer)
            )
        except BaseException:
            os.close(reader)
            raise
    finally:
        os.close(writer)
    started = process_started_at(process.pid) or 0
    return Shim(job, process.pid, started, process, present_boot()), reader


async def relaunch(folder: Path, job: str, run: int, python: str) -> tuple[Shim, int]:
    """Do what `launch` does for a run that a nursery may have launched before it died.

    Raises:
        OSError: As `launch`.
    """
    if (process := await find(folder, run)) is None:
        return launch(folder, job, python)
    return Shim(job, process.pid, process.started, boot=process.boot), reopen(folder)


def _start(folder: Path, python: str, reports: int) -> subprocess.Popen[bytes]:
    with open(folder / "shim.log", "ab") as errors:
        return subprocess.Popen(
            [python, "-m", "jupyter_jobs.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=reports,
            stderr=errors,
            cwd=folder,
            start_new_session=True,
        )


async def find(folder: Path, run: int) -> Process | None:
    """Return the process that an earlier backend launched for a run.

    None if it launched none, or one that did not come as far as to begin.
    """
    job = read_json(folder / "job.json")
    if job is None or job.get("run", 1) != run:
        return None
    # A moment at most, and only if that backend died in the one before: no event tells it.
    while (found := process_of(folder, job["id"])) is None and _is_held(folder / "reports"):  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    return found


def process_of(folder: Path, job: str) -> Process | None:
    """Return the process that says of itself that it works, or has worked, for a job; None if none does."""
    shim = read_json(folder / "shim.json")
    if shim is None:
        return None
    if "boot" in shim:
        return Process(shim["pid"], shim["started"], shim["boot"])
    # One of an earlier release: it can be told from a stranger as long as it runs.
    started = process_started_at(shim["pid"]) if is_of(job, shim["pid"]) else None
    return Process(shim["pid"], _GONE if started is None else started)


def reopen(folder: Path) -> int:
    """Return where the reports of a run come from that an earlier backend launched.

    Raises:
        OSError: The folder is gone.
    """
    reader = os.open(folder / "reports", os.O_RDONLY | os.O_NONBLOCK)
    # A FIFO that nobody has written to since it was opened never tells that it has ended (poll(2), POLLHUP):
    # if the shim is gone, this makes it tell.
    os.close(os.open(folder / "reports", os.O_WRONLY | os.O_NONBLOCK))
    return reader


def _is_held(fifo: Path) -> bool:
    """Whether some process has the FIFO open for reading, as a shim does."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise
    return True
