"""How the processes of a job are told from strangers when nobody has kept their numbers.

A program has the job's id in the environment that it was started with. A fork has that of the process that it was
forked from, which may be none of the job's (see `nursery`): it holds the job's `job.json` open instead, as do its own
forks, until it ends or becomes a program.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jupyter_jobs.worker.job import ID_VARIABLE

__all__ = ["hold_mark", "is_of", "programs_of"]

_MARK = "job.json"


def hold_mark(folder: Path) -> None:
    """Let this process be told as one of the job of that folder."""
    with contextlib.suppress(OSError):  # no handles left: it works all the same
        os.open(folder / _MARK, os.O_RDONLY)


def is_of(job: str, pid: int) -> bool:
    """Whether a process was started or forked for a job; False where the system has no `/proc`."""
    return _has_variable(job, pid) or _holds_mark(job, pid)


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
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{ID_VARIABLE}={job}".encode() in variables


def _holds_mark(job: str, pid: int) -> bool:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}").endswith(f"/{job}/{_MARK}"):
                    return True
    return False
