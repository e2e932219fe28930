"""`jupyter-jobs logs`: what a job has printed, and on request what it goes on to print."""

# a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
from datetime import UTC, datetime

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find, find_ids, opened_at, target_of
from jupyter_jobs.cli.command import Command, add_ids, add_target, whole
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.follow import follow_jobs
from jupyter_jobs.cli.spans import moment
from jupyter_jobs.cli.waiting import outcome, until_ended
from jupyter_jobs.jobs import asked
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.logs import LogLine, numbered
from jupyter_jobs.jobs.target import Target

__all__ = ["LOGS", "follow_log", "print_line"]


def _options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on until the job's output ends; the exit code is then 0 if the job succeeded, else 1",
    )
    parser.add_argument("--tail", type=whole(0), metavar="N", help="only so many of the last lines")
    parser.add_argument(
        "--since",
        type=lambda text: moment(text, datetime.now(UTC)),
        metavar="WHEN",
        help="only lines since then: 10m ago, or a date",
    )
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    target = target_of(args)
    since: datetime | None = args.since
    with opened_at(target) as api:
        if args.follow:
            body = api.drive_sync(find([args.id], args.group, api.profile))[0]
            return asyncio.run(
                follow_log(target, body, tail=args.tail, since=since, as_json=args.json)
            )
        [id_] = find_ids(api, [args.id], args.group)
        said = None if since is None else since.isoformat(timespec="milliseconds")
        told = api.drive_sync(asked.read_lines(id_, tail=args.tail, since=said))
    lines = list(numbered(told, None, since))
    if args.json:
        terminal.print_json(map(dataclasses.asdict, lines))
        return Exit.OK
    for line in lines:
        print_line(line)
    return Exit.OK


async def follow_log(
    target: Target,
    body: Body,
    *,
    tail: int | None = None,
    since: datetime | None = None,
    as_json: bool = False,
) -> Exit:
    """Print the lines of a job as they come, until its log ends; returns 0 if the job succeeded, else 1.

    Args:
        target: Where it is.
        body: The job.
        tail: Begin with so many of the last lines.
        since: Only lines from then on.
        as_json: Each line as JSON.
    """
    async with follow_jobs(target, [body]) as client:
        job = client.handle(body["id"])
        async for line in job.logs(tail, since, follow=True):
            print_line(line, as_json=as_json)
        await until_ended(client, [job.id])
        return outcome([job.record])


def print_line(line: LogLine, *, as_json: bool = False) -> None:
    """Print a line, what the job wrote to its standard error on ours; colours only where somebody looks."""
    if as_json:
        terminal.print_json(dataclasses.asdict(line))
        return
    stream = sys.stdout if line.stream == "stdout" else sys.stderr
    looks = terminal.is_live(stream) and not os.environ.get("NO_COLOR")
    text = terminal.coloured(line.text) if looks else terminal.plain(line.text)
    print(text, file=stream, flush=True)


LOGS = Command(
    name="logs",
    help="print what a job has printed",
    description="Print what a job has printed; its standard error goes to the standard error. With -f, go on until the "
    "output ends: the exit code is then 0 if the job succeeded, else 1. Ctrl-C leaves the job alone.",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs logs 3fa85f64 --tail 20",
        "jupyter-jobs logs -f 3fa85f64 && echo well done",
        "jupyter-jobs logs 3fa85f64 --since 10m --json | jq -r '.[].text'",
    ),
    json="an array of lines; with -f each line, JSON Lines",
)
