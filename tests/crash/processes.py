"""The processes of one data folder: who is backend, nursery, shim and work, and how to end or freeze them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "Table", "freeze", "open_files", "send"]

_DATA_DIR = "JUPYTER_JOBS_DATA_DIR"


@dataclass(frozen=True)
class Process:
    """One that runs.

    Attributes:
        pid: Its number.
        parent: Of the process that it belongs to now.
        session: Its session's number.
        command: Program and arguments.
        folder: That it runs in.
    """

    pid: int
    parent: int
    session: int
    command: tuple[str, ...]
    folder: Path

    def __str__(self) -> str:
        return f"{self.pid} (child of {self.parent}, session {self.session}): {' '.join(self.command)[:120]}"


class Table:
    """What runs for a data folder at this moment: all that has inherited its variable, and no zombies.

    Attributes:
        all: Every process.
        backends: Those that serve.
        nurseries: Those that fork shims.
        shims: Job -> its shim.
        works: Job -> the child of its shim.
        jobs: All that are neither backend nor nursery.
    """

    def __init__(self, data_dir: Path) -> None:
        self.all = list(_processes(f"{_DATA_DIR}={data_dir}".encode(), os.getpid()))
        self.backends = [p for p in self.all if "jupyter_jobs.backend" in p.command]
        serving = {p.pid for p in self.backends}
        # Forks of a nursery have its command line; a shim runs in its job's folder and leads a session.
        self.shims = {
            p.folder.name: p
            for p in self.all
            if p.folder.parent == data_dir / "jobs" and p.session == p.pid
        }
        self.nurseries = [
            p
            for p in self.all
            if "--nursery" in p.command
            and p.session == p.pid
            and p.folder == data_dir
            and p.pid not in serving
        ]
        youngest_first = sorted(
            self.all, key=lambda p: -p.pid
        )  # orphans that the shim has taken in
        jobs = {shim.pid: job for job, shim in self.shims.items()}
        self.works = {jobs[p.parent]: p for p in youngest_first if p.parent in jobs}
        others = serving | {p.pid for p in self.nurseries}
        self.jobs = [p for p in self.all if p.pid not in others]


def send(process: Process, number: int) -> bool:
    """Send a signal to a process; whether it was still there."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)
        return True
    return False


def freeze(process: Process, seconds: float) -> None:
    """Let a process stand still for a while; blocks for as long."""
    if send(process, signal.SIGSTOP):
        time.sleep(seconds)
        send(process, signal.SIGCONT)


def open_files(pid: int) -> list[str]:
    """Return where the descriptors of a process lead."""
    found = []
    with suppress(FileNotFoundError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _processes(mark: bytes, without: int) -> Iterator[Process]:
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if (
                mark not in (path / "environ").read_bytes().split(b"\0")
                or int(path.name) == without
            ):
                continue
            command = (path / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
            state, parent, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
            if state not in "ZX":
                folder = Path(os.readlink(path / "cwd"))
                yield Process(
                    int(path.name), int(parent), int(session), tuple(command.split("\0")), folder
                )
