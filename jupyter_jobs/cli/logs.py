"""`jupyter-jobs logs`: what a job has printed, and on request what it goes on to print."""

# a terminal program prints

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find_ids, find_many, opened
from jupyter_jobs.cli.command import Command, add_ids, add_target
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.spans import moment
from jupyter_jobs.cli.waiting import outcome
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.model import Job

__all__ = ["LOGS", "follow", "print_line"]

RHYTHM_S = 0.5  # between two questions for lines, of which there are no events


def _options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on until the job's output ends; the exit code is then 0 if the job succeeded, else 1",
    )
    parser.add_argument("--tail", type=int, metavar="N", help="only so many of the last lines")
    parser.add_argument(
        "--since",
        type=lambda text: moment(text, datetime.now(UTC)),
        metavar="WHEN",
        help="only lines since then: 10m ago, or a date",
    )
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    with opened(args) as api:
        [id_] = find_ids(api, [args.id], args.group)
        lines = _wanted(api.drive_sync(calls.read_log(id_, args.tail)), args.since)
        if not args.follow:
            if args.json:
                terminal.print_json(lines)
            for line in () if args.json else lines:
                print_line(line)
            return Exit.OK
        for line in lines:
            print_line(line, as_json=args.json)
        for line in follow(api, id_, after=lines[-1]["seq"] if lines else 0):
            print_line(line, as_json=args.json)
        return outcome([_ended(api, id_)])


def follow(api: JobApi, id_: str, after: int = 0) -> Iterator[Body]:
    """Yield the lines of a job's output as they come, until it ends.

    Args:
        api: Asks for them.
        id_: The job.
        after: The last line that is known; 0 for none.
    """
    while True:
        page = api.run_sync(calls.logs(id_, after=after, limit=calls.LOG_PAGE))
        lines = page["lines"] or []
        yield from lines
        if lines:
            after = lines[-1]["seq"]
        elif page["ended"]:
            return
        else:
            time.sleep(RHYTHM_S)


def _ended(api: JobApi, id_: str) -> Job:
    """Return the job once it has ended too: its output may end a moment before."""
    while True:
        [job] = find_many(api, [id_], None)
        if job.status.is_terminal:
            return job
        time.sleep(RHYTHM_S)


def print_line(line: Body, *, as_json: bool = False) -> None:
    """Print a line, what the job wrote to its standard error on ours; colours only where somebody looks."""
    if as_json:
        terminal.print_json(line)
        return
    stream = sys.stderr if line["stream"] == "stderr" else sys.stdout
    looks = terminal.is_live(stream) and not os.environ.get("NO_COLOR")
    text = terminal.coloured(line["text"]) if looks else terminal.plain(line["text"])
    print(text, file=stream, flush=True)


def _wanted(lines: list[Body], since: datetime | None) -> list[Body]:
    if since is None:
        return lines
    return [line for line in lines if datetime.fromisoformat(line["time"]) >= since]


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
