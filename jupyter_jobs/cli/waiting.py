"""`jupyter-jobs wait`, and how other commands wait for jobs: by their events."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable, Sequence

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find, target_of
from jupyter_jobs.cli.command import Command, add_ids, add_target
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.follow import News, follow_jobs
from jupyter_jobs.cli.spans import seconds
from jupyter_jobs.cli.terminal import complain, one_line
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.target import Target

__all__ = ["WAIT", "outcome", "until_ended", "wait_for"]


def _options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser, many=True)
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SPAN",
        help="wait at most so long, 90s or 10m; then the exit code is 124, and the jobs go on",
    )
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    return asyncio.run(_wait(args))


async def _wait(args: argparse.Namespace) -> int:
    target = await asyncio.to_thread(target_of, args)
    told = None if args.json else _tell
    jobs = await wait_for(target, args.ids, args.group, within=args.timeout, on_end=told)
    if args.json:
        terminal.print_json(jobs)
    if left := sum(not job.status.is_terminal for job in jobs):
        complain(f"time is up; {left} of {len(jobs)} jobs have not ended and go on")
    return outcome(jobs)


async def wait_for(
    target: Target,
    ids: Sequence[str],
    group: str | None,
    *,
    within: float | None = None,
    on_end: Callable[[Job], None] | None = None,
) -> list[Job]:
    """Wait until jobs have ended or the time is up; return them as they then are, in the order of their ids.

    Args:
        target: Where they are.
        ids: Theirs, or the beginnings of those.
        group: Where beginnings are looked for.
        within: Seconds.
        on_end: Takes each job once it has ended.

    Raises:
        JobNotFound: There is no such job.
    """
    bodies: list[Body] = await _found(target, ids, group)
    async with follow_jobs(target, bodies) as client:
        kept = list(dict.fromkeys(body["id"] for body in bodies))
        try:
            async with asyncio.timeout(within):
                await until_ended(client, kept, on_end)
        except TimeoutError:
            pass
        return [client.handle(id_).record for id_ in kept]


async def until_ended(
    client: JobClient, ids: Iterable[str], on_end: Callable[[Job], None] | None = None
) -> None:
    """Wait until these jobs of a client have ended; what keeps it from hearing of them is told once."""
    news, live, told = News(client), list(ids), ""
    while True:
        records = {id_: client.handle(id_).record for id_ in live}
        for job in records.values():
            if job.status.is_terminal and on_end is not None:
                on_end(job)
        live = [id_ for id_ in live if not records[id_].status.is_terminal]
        if not live:
            return
        problem = client.feed.problem if client.feed is not None else ""
        if problem and problem != told:
            complain(f"{problem}; still waiting")
        told = problem
        await news.wait()


def outcome(jobs: Iterable[Job]) -> Exit:
    """Return 0 if all have succeeded, 124 if one has not ended, else 1."""
    states = {job.status for job in jobs}
    if any(not status.is_terminal for status in states):
        return Exit.TIMED_OUT
    return Exit.OK if states <= {JobStatus.SUCCEEDED} else Exit.FAILED


async def _found(target: Target, ids: Sequence[str], group: str | None) -> list[Body]:
    from jupyter_jobs.appsync.client import AppSyncClient

    async with AppSyncClient(target.endpoint, target.auth) as wire:
        api = JobApi(wire, revive=target.revive, profile=target.profile)
        return await api.drive(find(ids, group, target.profile))


def _tell(job: Job) -> None:
    why = f"  {one_line(job.reason)}" if job.reason else ""
    print(f"{one_line(job.id)}  {job.status.mark} {job.status.word}{why}", flush=True)


WAIT = Command(
    name="wait",
    help="wait until jobs have ended",
    description="Wait until jobs have ended, and print each as it does. The exit code is 0 if all have succeeded, "
    "1 if one has not, 124 if the time was up; Ctrl-C leaves the jobs alone.",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs wait 3fa85f64 9c1b22d0 --timeout 1h",
        'jupyter-jobs wait "$(jupyter-jobs submit -- make all)" && echo built',
    ),
    json="an array of the jobs as they then are",
)
