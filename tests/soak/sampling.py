"""What is measured of a running backend, from outside and by its own word."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_jobs.jobs.embedded import EmbeddedBackend
from tests.crash.processes import open_files
from tests.crash.world import World
from tests.soak.growth import Sample

__all__ = ["sample", "stats_of"]

_MB = 1e6


def sample(world: World, backend: EmbeddedBackend, begun: float) -> Sample:
    """Measure once. Blocks for some hundredths of a second.

    Args:
        world: Where the backend works.
        backend: The one that serves.
        begun: `time.monotonic()` of the beginning.
    """
    told, table = stats_of(backend), world.table()
    status = _status(backend.pid)
    folder = world.data_dir
    measured = {
        "at": time.monotonic() - begun,
        "memory": status["VmRSS"] * 1024 / _MB,
        "threads": status["Threads"],
        "handles": len(open_files(backend.pid)),
        "wal": _size(folder / "jobs.sqlite-wal") / _MB,
        "database": _size(folder / "jobs.sqlite") / _MB,
        "log": sum(_size(path) for path in folder.glob("backend.log*")) / _MB,
        "jobs": sum(told["jobs"].values()),
        "folders": sum(1 for _ in (folder / "jobs").glob("*")),
        "nurseries": len(table.nurseries),
        "shims": len(table.shims),
    }
    if "tasks" in told:
        measured["tasks"] = told["tasks"]
    return measured


def stats_of(backend: EmbeddedBackend) -> dict[str, Any]:
    """Return what `/stats` tells."""
    url = backend.http.removesuffix("/graphql") + "/stats"
    request = urllib.request.Request(url, headers={"x-api-key": backend.key})
    with urllib.request.urlopen(request, timeout=30.0) as response:
        told: dict[str, Any] = json.load(response)
        return told


def _status(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "Threads")}


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
