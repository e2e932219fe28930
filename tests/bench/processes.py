"""What other processes cost, to the microsecond, and a bare peer to compare them with."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.backend import KEY, RunningBackend

__all__ = ["Bare", "bare_peer", "cpu_s", "memory", "started", "switches"]


@dataclass(frozen=True)
class Bare:
    """The baseline.

    Attributes:
        pid: Its process.
        http: Port of the starlette application.
        sockets: Port of websockets' own server.
        tell: Port that takes what is to be broadcast, a line each.
    """

    pid: int
    http: int
    sockets: int
    tell: int


@contextlib.contextmanager
def bare_peer() -> Iterator[Bare]:
    """Run `tests.bench.bare` for a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Bare(process.pid, *json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def started(folder: Path) -> Iterator[RunningBackend]:
    """Run a backend for a block as clients start it; what it runs ends with it."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_jobs.backend", "--quiet"),
            *("--data-dir", str(folder), "--idle-exit", "600"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_JOBS_API_KEY": KEY,
        },
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield RunningBackend(ready["http"], ready["realtime"], KEY, folder, process)
    finally:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            each.kill()
        process.wait()
        process.stdout.close()


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a process: its clock, as clock_getcpuclockid(3) names it on Linux."""
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> int:
    """Bytes that would be free again if the process ended."""
    size: int = psutil.Process(pid).memory_full_info().uss
    return size


def switches(*pids: int) -> int:
    """How often threads of these processes have gone to sleep so far."""
    return sum(
        int(line.split()[1])
        for pid in pids
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )
