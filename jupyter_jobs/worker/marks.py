"""How the processes of a job are told from strangers when nobody has kept their numbers.

A program has the job's id in the environment that it was started with. A fork has that of the process that it was
forked from, which may be none of the job's (see `nursery`): it holds the job's `job.json` open instead, as do its own
forks, until it ends or becomes a program.

A backend that the work starts is nobody's, and has a mark that says so: it serves others, and outlives the job with
all that it has started.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jupyter_jobs.worker.job import ID_VARIABLE

__all__ = ["OUTSIDE_VARIABLE", "hold_mark", "is_of", "is_outside", "programs_of"]

OUTSIDE_VARIABLE = "JUPYTER_JOBS_OUTSIDE"
"""Ids of the jobs that a process does not belong to, though their work has started it, between blanks."""

_MARK = "job.json"


def hold_mark(folder: Path) -> None:
    """Let this process be told as one of the job of that folder."""
    with contextlib.suppress(OSError):  # no handles left: it works all the same
        os.open(folder / _MARK, os.O_RDONLY)


def is_of(job: str, pid: int) -> bool:
    """Whether a process was started or forked for a job; False where the system has no `/proc`."""
    return _has_variable(job, pid) or _holds_mark(job, pid)


def is_outside(job: str, pid: int) -> bool:
    """Whether a process that descends from a job does not belong to it: a backend, and what that has started."""
    told = _variables(pid).get(OUTSIDE_VARIABLE.encode(), b"")
    return job.encode() in told.split()


def programs_of(job: str) -> set[int]:
    """Return the processes that were started with a job's environment, in whatever session they are."""
    if os.environ.get(ID_VARIABLE) == job:
        return set()  # its work has started this process, which has started all others
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return set()
    return {pid for pid in pids if _has_variable(job, pid)}


def _has_variable(job: str, pid: int) -> bool:
    return _variables(pid).get(ID_VARIABLE.encode()) == job.encode()


def _variables(pid: int) -> dict[bytes, bytes]:
    """Return the environment that a process was started with; nothing where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (variable.partition(b"=") for variable in told.split(b"\0"))
    return {name: value for name, _, value in pairs}


def _holds_mark(job: str, pid: int) -> bool:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}").endswith(f"/{job}/{_MARK}"):
                    return True
    return False
