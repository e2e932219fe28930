"""`jupyter-jobs list`: the jobs there are, newest first."""

from __future__ import annotations

import argparse
import time

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import opened
from jupyter_jobs.cli.command import Command, add_target, whole
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.filters import Filter, add_filters, matching

__all__ = ["LIST"]


def _options(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument(
        "--limit",
        type=whole(1),
        default=50,
        metavar="N",
        help="at most so many (default: %(default)s)",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also those that were retried, beside their newest attempt",
    )
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    wanted = Filter.of(args)
    with opened(args) as api:
        jobs = api.drive_sync(matching(wanted, limit=args.limit, every=args.all))
    if args.json:
        terminal.print_json(jobs)
        return Exit.OK
    from jupyter_jobs.cli.table import job_lines

    out = terminal.console()
    for line in job_lines(jobs, now=time.time(), width=terminal.width()):
        out.print(line)
    return Exit.OK


LIST = Command(
    name="list",
    help="list jobs, newest first",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs list --status running,queued",
        "jupyter-jobs list --group sweep --status failed --since 1d --json | jq -r '.[].id'",
    ),
    json="an array of jobs",
)
