"""`jupyter-jobs`: the jobs of this machine, or of an AppSync endpoint, from a shell.

Each command is a function of `commands` and its words in `_parser`; what is slow to import is imported when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_jobs.cli import commands
from jupyter_jobs.errors import JobsError

__all__ = ["main"]

_ENDPOINT = "GraphQL URL; default JUPYTER_JOBS_ENDPOINT, else the embedded backend"
_PROFILE = "what the API calls things, as seed; default JUPYTER_JOBS_PROFILE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 refused or failed, 2 not understood, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    # argparse drops the dashes: `submit -- nproc` would be a request of that name
    end = words.index("--") if words[:1] == ["submit"] and "--" in words else len(words)
    args = _parser().parse_args(words[:end], argparse.Namespace(program=words[end + 1 :]))
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except (JobsError, TypeError) as error:
        print(f"jupyter-jobs: {error}", file=sys.stderr)  # noqa: T201  # what a terminal program does
        return 1
    except BrokenPipeError:  # the reader has seen enough; Python would complain at its own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jupyter-jobs", description="Jobs, from a shell.")
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = groups.add_parser("demo", help="run four sample jobs and watch them")
    demo.add_argument(
        "--lab", action="store_true", help="open the quickstart notebook in JupyterLab"
    )
    demo.set_defaults(run=commands.demo)

    _add_serve(groups)

    submit = groups.add_parser(
        "submit",
        usage="%(prog)s [options] (WORK | -- PROGRAM [ARGUMENT ...])",
        help="submit a job",
        description='A request by name: submit "Process data" --params \'{"rows": 100}\'. A notebook: submit '
        "report.ipynb -p day=2026-11-22. A program, after two dashes: submit -- python train.py",
    )
    submit.add_argument(
        "work", nargs="?", help="a request's name, a notebook, or -- program arguments"
    )
    submit.add_argument("--priority", default="MEDIUM", help="HIGH, MEDIUM or LOW")
    submit.add_argument("--name", help="what lists call it")
    submit.add_argument("--params", help="JSON for a named request")
    submit.add_argument(
        "--tag", action="append", default=[], metavar="WORD", help="to find it by; may be repeated"
    )
    submit.add_argument(
        "-p", action="append", default=[], metavar="NAME=VALUE", help="notebook parameter"
    )
    submit.add_argument(
        "--wait", action="store_true", help="wait for its end; the exit code tells how it went"
    )
    _target(submit, group="terminal")
    submit.set_defaults(run=commands.submit)

    list_ = groups.add_parser("list", help="list jobs, newest first")
    list_.add_argument("--status", help="only those in this state")
    list_.add_argument(
        "--limit", type=int, default=50, help="at most so many (default: %(default)s)"
    )
    list_.add_argument(
        "--all",
        action="store_true",
        help="also those that were retried, beside their newest attempt",
    )
    list_.add_argument("--json", action="store_true", help="one JSON object a line")
    _target(list_, group=None)
    list_.set_defaults(run=commands.list_jobs)

    for name, run, text in (
        ("show", commands.show, "tell all about one job"),
        ("logs", commands.logs, "print what a job has printed"),
        ("cancel", commands.cancel, "ask for a job's end"),
    ):
        command = groups.add_parser(name, help=text)
        command.add_argument("job", help="its id, or enough of the beginning")
        if name == "show":
            command.add_argument("--json", action="store_true", help="as one JSON object")
        if name == "logs":
            command.add_argument("--tail", type=int, help="only so many of the last lines")
        _target(command, group=None)
        command.set_defaults(run=run)

    retry = groups.add_parser("retry", help="submit the work of jobs that ended again")
    retry.add_argument("jobs", nargs="+", metavar="job", help="its id, or enough of the beginning")
    _target(retry, group=None)
    retry.set_defaults(run=commands.retry)

    doctor = groups.add_parser(
        "doctor",
        help="tell what is used, where it comes from, and what is wrong",
        description="Look at versions and settings, then try host, authorization, schema, socket and subscription.",
    )
    doctor.add_argument("--endpoint", help=_ENDPOINT)
    doctor.add_argument("--profile", help=_PROFILE)
    doctor.add_argument("--amplify", metavar="FILE", help="a file that Amplify wrote")
    doctor.add_argument("--json", action="store_true", help="as one JSON object")
    doctor.set_defaults(run=commands.doctor)
    return parser


def _add_serve(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = groups.add_parser(
        "serve",
        help="run a backend in the foreground",
        description="Run an AppSync-compatible backend. The key is taken from JUPYTER_JOBS_API_KEY, else generated "
        "and kept in the data folder.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    serve.add_argument("--port", type=int, default=0, help="port to bind (default: any free one)")
    serve.add_argument("--data-dir", help="folder for jobs, logs and results")
    serve.add_argument(
        "--external",
        action="store_true",
        help="accept every named request and leave it to workers that call updateJob",
    )
    serve.add_argument(
        "--auth",
        metavar="FILE",
        type=Path,
        help="JSON of who is let in besides the holder of the key: api_keys, jwks, issuer, audience, tokens, iam, region",
    )
    limits = serve.add_argument_group(
        "limits", "What clients are told and allowed; AppSync's own by default."
    )
    limits.add_argument(
        "--keep-alive", type=float, metavar="SECONDS", help="between two ka frames (default: 60)"
    )
    limits.add_argument(
        "--connection-timeout",
        type=float,
        metavar="SECONDS",
        help="of silence after which a client shall give up (default: 300)",
    )
    limits.add_argument(
        "--max-subscriptions", type=int, metavar="N", help="of one connection (default: 100)"
    )
    limits.add_argument(
        "--max-age", type=float, metavar="SECONDS", help="of one connection (default: 86400)"
    )
    serve.add_argument(
        "--faults",
        metavar="FILE",
        type=Path,
        help="JSON of faults to do on purpose, for tests of clients; POST /faults changes them",
    )
    serve.set_defaults(run=commands.serve)


def _target(parser: argparse.ArgumentParser, *, group: str | None) -> None:
    parser.add_argument("--endpoint", help=_ENDPOINT)
    parser.add_argument("--profile", help=_PROFILE)
    parser.add_argument(
        "--group", default=group, help="only jobs of this group" if group is None else None
    )
