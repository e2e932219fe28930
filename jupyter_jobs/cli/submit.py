"""`jupyter-jobs submit`: a request by name, a notebook, or a program."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import opened_at, target_of
from jupyter_jobs.cli.command import Command as ShellCommand
from jupyter_jobs.cli.command import add_target
from jupyter_jobs.cli.exits import Exit, Usage
from jupyter_jobs.cli.logs import follow, print_line
from jupyter_jobs.cli.waiting import outcome, wait_for
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.origin import COMMAND_LINE
from jupyter_jobs.jobs.requests import Command, Notebook, Request, submit_input

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
    parser.add_argument(
        "--wait", action="store_true", help="wait for its end; the exit code tells how it went"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="the same, and print what it prints"
    )
    add_target(parser, group="terminal")


def _run(args: argparse.Namespace) -> int:
    request, params = _request(args)
    target = target_of(args)
    with opened_at(target) as api:
        body = submit_input(
            request,
            priority=args.priority,
            name=args.name,
            params=params,
            tags=args.tag,
            submitted_from=COMMAND_LINE,
            group=args.group,
            runs_here=target.endpoint.is_loopback and target.profile.runs_work,
        )
        job = Job.from_wire(api.run_sync(calls.submit(body)))
        _tell(args, job)
        if args.follow:
            for line in follow(api, job.id):
                print_line(line, as_json=args.json)
        if not (args.wait or args.follow):
            return Exit.OK
    [job] = asyncio.run(wait_for(target, [job.id], None))
    if args.json:
        terminal.print_json(job)
    else:
        print(job.status.word, file=sys.stderr)
    return outcome([job])


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
        return Command(args.program, cwd=args.cwd, env=_environment(args)), params
    if args.work.endswith(".ipynb"):
        return Notebook(args.work, dict(map(_parameter, args.p)), cwd=args.cwd), params
    return args.work, params


def _environment(args: argparse.Namespace) -> dict[str, str]:
    return dict(_pair(text, "--env") for text in args.env)


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
    ),
    json="the job; with --wait as it ended, with --follow JSON Lines: the job, its lines, the job",
)
