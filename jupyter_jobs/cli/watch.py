"""`jupyter-jobs watch`: jobs as they go, in place on a terminal, else a line for each thing that is new.

Whoever interrupts it leaves the jobs alone.
"""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import target_of
from jupyter_jobs.cli.command import Command, add_target, whole
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.filters import Filter, add_filters
from jupyter_jobs.cli.follow import News, follow_group
from jupyter_jobs.cli.spans import seconds
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import Job, JobStatus

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["WATCH", "Watched"]

RECENT_S = 3600.0  # since when jobs that are over are shown, where nobody says
TICK_S = 1.0  # between pictures in which only the time has changed
BREATH_S = 0.1  # between any two pictures
QUIET_S = 10.0  # between two lines of progress of one job, where nobody looks


def _options(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument(
        "--until-done",
        action="store_true",
        help="end when all of them have; exit code 1 if one that ended meanwhile did not succeed",
    )
    parser.add_argument(
        "--timeout", type=seconds, metavar="SPAN", help="end after so long, 10m, with exit code 124"
    )
    parser.add_argument(
        "--limit", type=whole(1), metavar="N", help="at most so many lines of jobs on the terminal"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also jobs that were over an hour ago, and those that were retried",
    )
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    return asyncio.run(_watch(args))


class Watched:
    """Which jobs of a client are shown. Pure but for the client's store.

    Args:
        client: Knows the jobs.
        wanted: What they must be.
        every: Also those that were over long before, and those that were retried.
        began: `time.time()` when the watch began.
    """

    def __init__(self, client: JobClient, wanted: Filter, *, every: bool, began: float) -> None:
        self._client = client
        self._wanted = wanted
        self._every = every or wanted.since is not None
        self._all = every
        self._recent = _iso(began - RECENT_S)
        self._began = _iso(began)
        self._seen_live: set[str] = set()

    def jobs(self) -> list[Job]:
        """Return those to show."""
        found = []
        for job in self._client.store if self._all else self._client.store.current():
            if self.shows(job):
                found.append(job)
                if not job.status.is_terminal:
                    self._seen_live.add(job.id)
        return found

    def shows(self, job: Job) -> bool:
        """Whether a job is one of them."""
        is_old = job.status.is_terminal and (job.finished_at or job.created_at or "") < self._recent
        return self._wanted.takes(job) and (self._every or not is_old or job.id in self._seen_live)

    @property
    def all_ended(self) -> bool:
        """Whether none is at work or waits."""
        return all(job.status.is_terminal for job in self.jobs())

    def outcome(self) -> Exit:
        """Return what those came to that ended while they were watched."""
        ended = [
            job
            for job in self.jobs()
            if job.id in self._seen_live or (job.created_at or "") >= self._began
        ]
        is_well = all(job.status is JobStatus.SUCCEEDED for job in ended)
        return Exit.OK if is_well else Exit.FAILED


class _Shower(Protocol):
    """Shows what is new."""

    def show(self, jobs: list[Job], news: set[str]) -> None:
        """Show the jobs, of which these are new or changed."""


async def _watch(args: argparse.Namespace) -> int:
    wanted, began = Filter.of(args), time.time()
    async with follow_group(target_of(args), args.group) as client:
        watched = Watched(client, wanted, every=args.all, began=began)
        news = News(client)
        is_drawn = terminal.is_live() and not args.json
        with (
            _Drawn(client, args.limit)
            if is_drawn
            else nullcontext(_Told(as_json=args.json)) as shower
        ):
            try:
                async with asyncio.timeout(args.timeout):
                    await _follow(watched, news, shower, ticks=is_drawn, ends=args.until_done)
            except TimeoutError:
                return Exit.TIMED_OUT
        return watched.outcome()


async def _follow(
    watched: Watched, news: News, shower: _Shower, *, ticks: bool, ends: bool
) -> None:
    changed: set[str] | None = None
    while True:
        jobs = watched.jobs()
        shower.show(jobs, {job.id for job in jobs} if changed is None else changed)
        if ends and watched.all_ended:
            return
        if await news.wait(TICK_S if ticks else None):
            await asyncio.sleep(BREATH_S)  # what comes together is shown together
        changed = set(news.take())


class _Drawn:
    """Draws the table in place; the last picture stays."""

    def __init__(self, client: JobClient, limit: int | None) -> None:
        self._client = client
        self._limit = limit
        self._console = terminal.console()
        self._size = self._console.size
        self._live = self._begin()

    def _begin(self) -> Live:
        from rich.live import Live

        return Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> _Drawn:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, jobs: list[Job], news: set[str]) -> None:
        from rich.console import Group

        from jupyter_jobs.cli import frame

        size, now, feed = self._console.size, time.time(), self._client.feed
        if size != self._size:  # the terminal has broken the lines of the last picture anew
            self._size = size
            self._live.stop()
            self._console.clear()
            self._live = self._begin()
            self._live.start()
        status = self._client.connection
        problem = status.error if status.attempt > 1 else feed.problem if feed else ""
        lines = frame.frame(
            jobs,
            frame.Size(size.width, size.height),
            now=now,
            place=self._client.target.name,
            presence=frame.presence(status, now),
            notice=problem,
            limit=self._limit,
            pace=self._client.store.pace,
        )
        self._live.update(Group(*lines), refresh=True)


class _Told:
    """Prints a line, or a JSON document, for each thing that is new."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, tuple[JobStatus, float]] = {}

    def show(self, jobs: list[Job], news: set[str]) -> None:
        for job in sorted(jobs, key=lambda job: job.updated_at or ""):
            if job.id not in news:
                continue
            if self._as_json:
                terminal.print_json(job)
            elif self._is_due(job):
                print(_words(job), flush=True)

    def _is_due(self, job: Job) -> bool:
        status, at = self._told.get(job.id, (None, 0.0))
        now = time.monotonic()
        if job.status is status and now - at < QUIET_S:
            return False
        self._told[job.id] = (job.status, now)
        return True


def _words(job: Job) -> str:
    from jupyter_jobs.cli import cells

    now = time.time()
    part = cells.fraction(job)
    progress = cells.steps(job) or (cells.percent(part) if part is not None else "")
    facts = (
        f"{datetime.now():%H:%M:%S}",
        terminal.one_line(job.id[:8]),
        f"{job.status.mark} {job.status.word}",
        cells.name(job),
        progress,
        cells.time(job, now),
        f"{left} left" if (left := cells.left(job, now)) else "",
        cells.says(job, now),
    )
    return "  ".join(filter(None, facts))


def _iso(moment: float) -> str:
    told = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


WATCH = Command(
    name="watch",
    help="watch jobs as they go",
    description="Watch jobs as they go: on a terminal a table in place, else a line for each change. Jobs that were "
    "over an hour ago are left out unless --since or --all is said. Ctrl-C ends the watch and leaves the jobs alone.",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs watch --group sweep --until-done",
        "jupyter-jobs watch --status failed --json | jq -r .error.message",
    ),
    json="each change as a job, JSON Lines",
)
