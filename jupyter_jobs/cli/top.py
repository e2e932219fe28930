"""`jupyter-jobs top`: how the backend of this machine is doing, and which jobs take most of it.

On a terminal a picture in place, else one picture, or one JSON object, and the end.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import opened_at
from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.loads import Load, loads
from jupyter_jobs.cli.pages import add_data_dir, ask_page
from jupyter_jobs.cli.spans import seconds
from jupyter_jobs.errors import BackendUnavailable, JobsError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.embedded import EmbeddedBackend, Presence, look, why_not
from jupyter_jobs.jobs.target import Target

__all__ = ["TOP", "Sample", "Watcher", "describe"]

EVERY_S = 2.0  # between pictures
FIRST_S = 1.0  # over which the first rates are taken
_SHOWN = 20  # jobs that are told of, at most


def _options(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)
    parser.add_argument(
        "--every",
        type=seconds,
        default=EVERY_S,
        metavar="SPAN",
        help="between two pictures (default: 2s)",
    )


def _run(args: argparse.Namespace) -> int:
    watcher = _watcher(args.data_dir)
    watcher.take()
    time.sleep(min(args.every, FIRST_S))
    if not terminal.is_live() or args.json:
        told = watcher.describe()
        if args.json:
            terminal.print_json(told)
        else:
            out = terminal.console()
            for line in _frame(told, terminal.width()):
                out.print(line)
        return Exit.OK
    _show(watcher, args)


def _watcher(data_dir: str | None) -> Watcher:
    """Return what measures the backend of a folder.

    Raises:
        BackendUnavailable: There is none, or none that answers here.
    """
    seen = look(data_dir)
    if seen.backend is None or seen.presence is Presence.ABSENT:
        raise BackendUnavailable(
            "no backend is running: JobMonitor() and jupyter-jobs submit start it"
        )
    if seen.presence is not Presence.RUNS:
        raise BackendUnavailable(why_not(seen))
    return Watcher(seen.backend, seen.folder)


def _show(watcher: Watcher, args: argparse.Namespace) -> NoReturn:
    """Draw in place until Ctrl-C.

    Raises:
        BackendUnavailable: There is no backend any more.
    """
    from rich.console import Group
    from rich.live import Live

    console = terminal.console()
    size = console.size
    live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
    with live:
        while True:
            if console.size != size:  # the terminal has broken the lines of the last picture anew
                size = console.size
                live.stop()
                console.clear()
                live.start()
            lines = _frame(watcher.describe(), size.width)
            live.update(Group(*lines[: size.height - 1]), refresh=True)
            time.sleep(args.every)


def _frame(told: Mapping[str, Any], width: int | None) -> list[Any]:
    from jupyter_jobs.cli.dashboard import dashboard

    return list(dashboard(told, width or 100))


class Sample:
    """What was measured at one moment.

    Attributes:
        at: `time.monotonic()`.
        stats: What `/stats` told.
        loads: What each job takes.
    """

    def __init__(self, at: float, stats: Mapping[str, Any], loads: Mapping[str, Load]) -> None:
        self.at = at
        self.stats = stats
        self.loads = loads


class Watcher:
    """Measures a backend again and again, and tells what happened between.

    Args:
        backend: The one.
        folder: Of its data.
    """

    def __init__(self, backend: EmbeddedBackend, folder: Path) -> None:
        self._backend = backend
        self._folder = folder
        self._last: Sample | None = None
        self._names: dict[str, str] = {}
        self._target = Target(
            Endpoint.parse(backend.http, realtime_url=backend.realtime), ApiKeyAuth(backend.key)
        )

    def take(self) -> tuple[Sample | None, Sample]:
        """Measure; what was measured the last time, and now.

        Raises:
            BackendUnavailable: It does not answer any more.
        """
        stats = ask_page(self._backend, "GET", "/stats")
        before = self._last
        self._last = Sample(time.monotonic(), stats, loads(stats.get("processes", {})))
        return before, self._last

    def describe(self) -> dict[str, Any]:
        """Measure, and return what `--json` prints; raises as `take`."""
        before, now = self.take()
        told = describe(before or now, now)
        self._name([job["id"] for job in told["busiest"]])
        for job in told["busiest"]:
            job["name"] = self._names.get(job["id"], "")
        told["storage"]["free"] = None
        with suppress(OSError):
            told["storage"]["free"] = shutil.disk_usage(self._folder).free
        return told

    def _name(self, ids: list[str]) -> None:
        """Find out what jobs are called."""
        unknown = [id_ for id_ in ids if id_ not in self._names]
        if not unknown:
            return
        with suppress(JobsError), opened_at(self._target) as api:
            for body in api.drive_sync(calls.get_many(unknown, api.profile)):
                self._names[body["id"]] = body.get("name") or ""


def describe(before: Sample, now: Sample) -> dict[str, Any]:
    """Return what two samples tell. Pure."""
    stats, old = now.stats, before.stats
    span = max(now.at - before.at, 1e-9)
    is_first = before is now

    def rate(value: float, last: float) -> float:
        return 0.0 if is_first else max(0.0, value - last) / span

    counts = [
        new - last
        for new, last in zip(stats["requests"]["counts"], old["requests"]["counts"], strict=True)
    ]
    bounds = stats["requests"]["bounds"]
    ended, ended_before = (sum(each["ended"].values()) for each in (stats, old))
    busiest: list[dict[str, Any]] = [
        {
            "id": id_,
            "cpu": rate(load.cpu, before.loads.get(id_, load).cpu),
            "memory": load.memory,
            "processes": load.processes,
        }
        for id_, load in now.loads.items()
    ]
    busiest.sort(key=lambda job: (-job["cpu"], -job["memory"], job["id"]))
    return {
        "backend": {
            **{name: stats[name] for name in ("pid", "version", "contract", "since", "memory")},
            "handles": stats["handles"],
            "cpu": rate(stats["cpu"], old["cpu"]),
            "connections": stats["connections"],
            "subscriptions": stats["subscriptions"],
            "draining": stats["draining"],
            "notices": stats["notices"],
        },
        "jobs": stats["jobs"],
        "rates": {
            "submitted": rate(stats["submitted"], old["submitted"]),
            "ended": rate(ended, ended_before),
            "requests": rate(sum(counts), 0),
        },
        "latency": {
            "p50": _quantile(counts, bounds, 0.5),
            "p99": _quantile(counts, bounds, 0.99),
        },
        "storage": {"database": stats["database"], "wal": stats["wal"]},
        "busiest": busiest[:_SHOWN],
    }


def _quantile(counts: list[int], bounds: list[float], part: float) -> float | None:
    """Return within how many seconds that part of requests was done: the upper end of its bucket; None for none."""
    total, below = sum(counts), 0
    for count, bound in zip(counts, [*bounds, bounds[-1]], strict=True):
        below += count
        if total and below >= part * total:
            return bound
    return None


TOP = Command(
    name="top",
    help="show how the backend of this machine is doing",
    description="Show what the backend of this machine does and takes, and the jobs that take most of the machine: on a "
    "terminal in place until Ctrl-C, else once. The processor time of a job is that of all its processes; 100% is one "
    "processor.",
    run=_run,
    options=_options,
    examples=("jupyter-jobs top", "jupyter-jobs top --json | jq .busiest"),
    json="one object, and then end",
)
