"""`jupyter-jobs prune`: makes the backend forget jobs that ended long ago, or delete their files."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import opened
from jupyter_jobs.cli.command import Command, add_target
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.spans import moment
from jupyter_jobs.jobs.calls import Call

__all__ = ["PRUNE"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        required=True,
        type=_before,
        metavar="SPAN",
        help="jobs that ended longer ago than this, 30d, or before a date",
    )
    parser.add_argument(
        "--files-only",
        action="store_true",
        help="delete their files, logs and results, keep the jobs",
    )
    add_target(parser)


def _before(text: str) -> datetime:
    """Read a moment as `moment` does, but no bare number: seconds are not what a reader of days means by it."""
    if text.strip().isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text} of what? Nothing was forgotten; write {text}d for days, or {text}h, {text}m, {text}s"
        )
    return moment(text, datetime.now(UTC))


def _run(args: argparse.Namespace) -> int:
    before: datetime = args.older_than
    variables: dict[str, Any] = {"before": before.isoformat(timespec="milliseconds")}
    if args.group is not None:
        variables["group"] = args.group
    if args.files_only:
        variables["filesOnly"] = True
    with opened(args) as api:
        count = api.run_sync(Call("pruneJobs", variables, lambda told, _: int(told)))
    if args.json:
        terminal.print_json({"pruned": count})
        return Exit.OK
    jobs = f"{count:,} job{'s' * (count != 1)}"
    print(f"deleted the files of {jobs}" if args.files_only else f"forgot {jobs}")
    return Exit.OK


PRUNE = Command(
    name="prune",
    help="forget jobs that ended long ago, or delete their files",
    description="Forget jobs that ended long ago, with their logs, results and files; or delete those alone. Jobs that have "
    "not ended, and those that such jobs wait for, stay.",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs prune --older-than 30d",
        "jupyter-jobs prune --older-than 7d --files-only --group sweep",
    ),
    json="an object of `pruned`: how many",
)
