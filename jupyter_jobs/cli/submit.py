"""`jupyter-jobs submit`: a request by name, a notebook, or a program."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find_ids, opened_at, target_of
from jupyter_jobs.cli.command import Command as ShellCommand
from jupyter_jobs.cli.command import add_target, whole
from jupyter_jobs.cli.exits import Exit, Usage
from jupyter_jobs.cli.logs import follow_log
from jupyter_jobs.cli.spans import seconds
from jupyter_jobs.cli.terminal import complain
from jupyter_jobs.cli.waiting import outcome, wait_for
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.kinds import Command, Notebook, Request
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.origin import COMMAND_LINE
from jupyter_jobs.jobs.requests import submit_input

__all__ = ["SUBMIT"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "work", nargs="?", help="a request's name, a notebook, or -- program arguments"
    )
    parser.add_argument("--priority", default="MEDIUM", help="HIGH, MEDIUM or LOW")
    parser.add_argument("--name", help="what lists call it")
    parser.add_argument("--params", metavar="JSON", help="for a named request")
    parser.add_argument(
        "-p", action="append", default=[], metavar="NAME=VALUE", help="notebook parameter"
    )
    parser.add_argument(
        "--tag", action="append", default=[], metavar="WORD", help="to find it by; may be repeated"
    )
    parser.add_argument("--cwd", metavar="DIR", help="folder to run in")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="variable to set; may be repeated",
    )
    _rules(parser.add_argument_group("rules"))
    ends = parser.add_argument_group("its end")
    ends.add_argument(
        "--wait", action="store_true", help="wait for it; the exit code tells how it went"
    )
    ends.add_argument(
        "-f", "--follow", action="store_true", help="the same, and print what it prints"
    )
    add_target(parser, group="terminal")


def _rules(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--key",
        help="submit once: while the group has a job of this key that lives or succeeded, it is that one; auto makes "
        "the key of the work",
    )
    group.add_argument(
        "--again",
        action="store_true",
        help="with --key: a new job all the same, which the key then means",
    )
    group.add_argument(
        "--after",
        action="append",
        default=[],
        metavar="ID",
        help="start when this job has succeeded; may be repeated",
    )
    group.add_argument(
        "--timeout", type=seconds, metavar="SPAN", help="let a run take at most so long, 90s or 2h"
    )
    group.add_argument(
        "--queue-timeout",
        type=seconds,
        metavar="SPAN",
        help="let it wait at most so long for a place",
    )
    group.add_argument(
        "--retries",
        type=whole(0),
        default=0,
        metavar="N",
        help="run it again after a failure, so often",
    )
    group.add_argument(
        "--backoff",
        type=seconds,
        metavar="SPAN",
        help="wait so long before the second run, and twice as long before each further one (default: 1s)",
    )
    group.add_argument("--cpus", type=whole(1), metavar="N", help="places it takes (default: 1)")


def _run(args: argparse.Namespace) -> int:
    request, params = _request(args)
    target = target_of(args)
    with opened_at(target) as api:
        body = submit_input(
            request,
            submitted_from=COMMAND_LINE,
            group=args.group,
            runs_here=target.endpoint.is_loopback and target.profile.runs_work,
            params=params,
            after=find_ids(api, args.after, None),
            env=dict(_pair(text, "--env") for text in args.env),
            tags=args.tag,
            **{name: getattr(args, name) for name in _AS_THEY_ARE},
        )
        told = api.run_sync(calls.submit(body))
    job = Job.from_wire(told)
    if args.key and job.id != body["id"] and target.profile.client_ids:
        complain(f"the key {job.key!r} has this job already, submitted at {job.created_at}")
    _tell(args, job)
    if not (args.wait or args.follow):
        return Exit.OK
    if args.follow:
        asyncio.run(follow_log(target, told, as_json=args.json))
    [job] = asyncio.run(wait_for(target, [job.id], None))
    if args.json:
        terminal.print_json(job)
    else:
        print(job.status.word, file=sys.stderr)
    return outcome([job])


_AS_THEY_ARE = (
    *("priority", "name", "cwd", "key", "again"),
    *("timeout", "queue_timeout", "retries", "backoff", "cpus"),
)
"""Options of the command that are options of `submit_input` by the same name."""


def _tell(args: argparse.Namespace, job: Job) -> None:
    """Print the job's id; as JSON the job, unless its end is waited for: then that is the one document."""
    if not args.json:
        print(job.id, flush=True)
    elif args.follow or not args.wait:
        terminal.print_json(job)


def _request(args: argparse.Namespace) -> tuple[Request, Any]:
    params = None
    if args.params is not None:
        try:
            params = json.loads(args.params)
        except ValueError as error:
            raise Usage(f"--params must be JSON: {error}") from None
    if bool(args.program) == (args.work is not None):
        raise Usage(
            "submit takes one thing: a request's name, a notebook, or -- and a program with its arguments"
        )
    if args.program:
        return Command(args.program), params
    if args.work.endswith(".ipynb"):
        return Notebook(args.work, dict(map(_parameter, args.p))), params
    return args.work, params


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Usage(f"{option} takes NAME=VALUE, not {text!r}")
    return name, value


def _parameter(text: str) -> tuple[str, Any]:
    name, value = _pair(text, "-p")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


SUBMIT = ShellCommand(
    name="submit",
    help="submit a job",
    description="Submit a job and print its id. A request by its name, a notebook by its file, or a program after two "
    "dashes. With --wait or --follow the exit code is 0 if it succeeded, else 1; Ctrl-C leaves it alone.",
    usage="%(prog)s [options] (WORK | -- PROGRAM [ARGUMENT ...])",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs submit 'Process data' --params '{\"rows\": 100}'",
        "jupyter-jobs submit report.ipynb -p day=2026-11-22",
        "jupyter-jobs submit --follow -- python train.py --epochs 10",
        "jupyter-jobs submit --key nightly --retries 2 --timeout 1h -- make report",
    ),
    json="the job; with --wait as it ended, with --follow JSON Lines: the job, its lines, the job",
)
