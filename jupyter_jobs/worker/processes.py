"""The processes of a job: finding them all, and ending them."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import signal
import subprocess
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jupyter_jobs.worker.marks import is_outside

__all__ = [
    "Process",
    "adopt_orphans",
    "job_processes",
    "kill_all",
    "present_boot",
    "present_process",
]

_PR_SET_CHILD_SUBREAPER = 36


class Process(NamedTuple):
    """A process that can be told from all others, before and after.

    Attributes:
        pid: Its number, given to another one once it has ended.
        started: When it started, in clock ticks since boot.
        boot: Of the machine, see `present_boot`; empty where it was not noted.
    """

    pid: int
    started: int
    boot: str = ""


@functools.cache
def present_boot() -> str:
    """Return what tells this run of this machine's system from others: `<id of the boot> <name of the machine>`."""
    boot = "-"
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:  # random(4)
        boot = file.read().strip()
    return f"{boot} {platform.node()}"


def present_process() -> Process:
    """Return this process."""
    started = 0
    with contextlib.suppress(OSError), open("/proc/self/stat") as file:
        started = int(file.read().rpartition(")")[2].split()[19])  # field 22 of proc(5)
    return Process(os.getpid(), started, present_boot())


def adopt_orphans() -> None:
    """Make processes whose parent has ended children of this one, so that none escapes `job_processes` (Linux)."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def job_processes(job: str, shim: int, group: int | None = None) -> set[int]:
    """Return the living processes of a job, without the shim, and without those that are marked as none of it.

    Args:
        job: Its id.
        shim: Process id of the shim, which is its session's id too; it may be gone.
        group: The work's process group.
    """
    parents: dict[int, int] = {}
    found: set[int] = set()
    for pid, parent, process_group, session in _table():
        parents[pid] = parent
        if session == shim or (group is not None and process_group == group):
            found.add(pid)
    known = found | {shim}
    outside: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in known} - known - outside:
        outside |= {pid for pid in more if is_outside(job, pid)}
        known |= more - outside
    return known - {shim, os.getpid()}


def kill_all(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _table() -> Iterator[tuple[int, int, int, int]]:
    """Yield process id, parent, process group and session of what is running, without zombies."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        yield from _table_of_ps()
        return
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The second field is the program's name in brackets; it may hold blanks and brackets (proc(5)).
                state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
        except OSError:  # it has ended meanwhile
            continue
        if state not in b"ZX":
            yield int(name), int(parent), int(group), int(session)


def _table_of_ps() -> Iterator[tuple[int, int, int, int]]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=False
    )
    for line in listing.stdout.splitlines():
        pid, parent, group, state = line.split()[:4]
        if not state.startswith("Z"):
            yield int(pid), int(parent), int(group), 0
