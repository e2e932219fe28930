"""What is counted while a backend works, and what is measured when somebody asks: for `/stats`, `/metrics` and `top`."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.api.resolvers import Api
from jupyter_jobs.backend.life.metrics import (
    BOUNDS,
    Family,
    Histogram,
    Sample,
    counter,
    gauge,
)
from jupyter_jobs.backend.storage.repository import Body, Repository
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.runtime import CONTRACT

__all__ = ["DOOR", "CountingApi", "Process", "Vitals", "operation_of"]

_FIELD = re.compile(r"\{\s*(?:\w+\s*:\s*)?(\w+)")
_BEGINNING = 1000  # characters of a document in which its first field is looked for
_OTHER = "other"  # what is asked for besides the fields of the schema: there may be any number of names for it
DOOR = {
    "connections": "WebSockets that are open.",
    "newcomers": "Connections that have not said a whole head of a request yet.",
    "subscriptions": "Subscriptions that are live.",
    "events_sent_total": "Events, counted once for each subscriber.",
    "events_dropped_total": "Events that were larger than one may be.",
    "clients_cut_total": "Clients that were cut off because they read too slowly.",
    "draining": "1 while nothing new is taken and the backend ends when the live jobs have.",
}
"""What is told of those who are connected, and of the door."""

_TERMINAL = [status.value for status in JobStatus if status.is_terminal]


class Process:
    """What the system tells of this process. Without `/proc` only what POSIX has."""

    @staticmethod
    def memory() -> int:
        """Return the bytes that it has in memory."""
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return pages * resource.getpagesize()

    @staticmethod
    def cpu() -> float:
        """Return the seconds of processor time that it took."""
        times = os.times()
        return times.user + times.system

    @staticmethod
    def handles() -> int:
        """Return how many files, sockets and pipes it has open."""
        with suppress(OSError):
            return len(os.listdir("/proc/self/fd"))
        return 0

    @staticmethod
    def tasks() -> int:
        """Return how many tasks its event loop has; 0 outside of it."""
        with suppress(RuntimeError):
            return len(asyncio.all_tasks())
        return 0


class Vitals:
    """Counts what happens. What is counted costs an addition; what is measured costs when it is asked for.

    Attributes:
        since: `time.time()` at the start.
        submitted: Jobs that were taken.
        ended: Jobs that ended, by status.
        operations: Seconds that queries and mutations took, by their first field.
    """

    def __init__(self, repository: Repository, database: Path) -> None:
        self._repository = repository
        self._database = database
        self.since = time.time()
        self.submitted = 0
        self.ended: Counter[str] = Counter()
        self.operations: defaultdict[str, Histogram] = defaultdict(Histogram)
        repository.observe(self._written)

    def _written(self, body: Body) -> None:
        if body["version"] == 1:
            self.submitted += 1
        elif JobStatus(body["status"]).is_terminal:
            self.ended[body["status"]] += 1

    def stats(self) -> dict[str, Any]:
        """Return what `/stats` tells of process, jobs and requests."""
        every = [
            sum(counts)
            for counts in zip(*(each.counts for each in self.operations.values()), strict=True)
        ]
        return {
            "pid": os.getpid(),
            "version": importlib.metadata.version("jupyter_jobs"),
            "contract": CONTRACT,
            "since": self.since,
            "jobs": self._repository.counts(),
            "submitted": self.submitted,
            "ended": dict(self.ended),
            "memory": Process.memory(),
            "cpu": Process.cpu(),
            "handles": Process.handles(),
            "tasks": Process.tasks(),
            "database": _size(self._database),
            "wal": _size(self._database.with_name(f"{self._database.name}-wal")),
            "requests": {"bounds": BOUNDS, "counts": every or [0] * (len(BOUNDS) + 1)},
        }

    def families(self, door: Mapping[str, float]) -> Iterator[Family]:
        """Yield what `/metrics` tells.

        Args:
            door: What is told of those who are connected, by the names of `DOOR`.
        """
        stats = self.stats()
        jobs = stats["jobs"]
        prefix = "jupyter_jobs_"
        version = stats["version"]
        yield gauge(
            f"{prefix}info", "The release that runs.", 1, version=version, contract=str(CONTRACT)
        )
        yield gauge(f"{prefix}uptime_seconds", "Since its start.", time.time() - self.since)
        yield Family(
            f"{prefix}jobs",
            "gauge",
            "Jobs that are kept, by status.",
            [Sample(jobs.get(status, 0), {"status": status}) for status in JobStatus],
        )
        yield gauge(f"{prefix}queue_length", "Jobs that wait.", jobs.get("QUEUED", 0))
        yield gauge(
            f"{prefix}running",
            "Jobs that run.",
            jobs.get("RUNNING", 0) + jobs.get("CANCELLING", 0),
        )
        yield counter(f"{prefix}submitted_total", "Jobs that were taken.", self.submitted)
        yield Family(
            f"{prefix}ended_total",
            "counter",
            "Jobs that ended, by status.",
            [Sample(self.ended[status], {"status": status}) for status in _TERMINAL],
        )
        yield Family(
            f"{prefix}operation_duration_seconds",
            "histogram",
            "Queries and mutations, by their first field.",
            [
                sample
                for name, histogram in sorted(self.operations.items())
                for sample in histogram.samples({"operation": name})
            ],
        )
        for name, value in door.items():
            family = counter if name.endswith("_total") else gauge
            yield family(f"{prefix}{name}", DOOR[name], value)
        yield gauge(f"{prefix}database_bytes", "Of jobs.sqlite.", stats["database"])
        yield gauge(f"{prefix}wal_bytes", "Of its write-ahead log.", stats["wal"])
        yield gauge("process_resident_memory_bytes", "In memory.", stats["memory"])
        yield counter("process_cpu_seconds_total", "Processor time.", stats["cpu"])
        yield gauge("process_open_fds", "Open files, sockets and pipes.", stats["handles"])
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield gauge("process_max_fds", "How many there may be.", limit)
        yield gauge("process_start_time_seconds", "Since the epoch.", self.since)


class CountingApi(Api):
    """An API that counts what it is asked, and how long that took."""

    def __init__(self, *args: Any, vitals: Vitals, **options: Any) -> None:
        super().__init__(*args, **options)
        roots = (self._schema.query_type, self._schema.mutation_type)
        self._names = frozenset(name for root in roots if root for name in root.fields)
        self._operations = vitals.operations

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Run one document; see `Api.execute`."""
        began = time.perf_counter()
        try:
            return await super().execute(query, variables, operation_name, **options)
        finally:
            name = operation_of(query, self._names)
            self._operations[name].observe(time.perf_counter() - began)


def operation_of(query: str, known: frozenset[str]) -> str:
    """Return the first field that a document asks for, if it is one of these, else `other`.

    It is not parsed for that: this is asked of every request, and what is no query at all is asked, too.
    """
    found = _FIELD.search(query, 0, _BEGINNING)
    return found[1] if found is not None and found[1] in known else _OTHER


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
