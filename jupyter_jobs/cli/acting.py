"""`jupyter-jobs cancel` and `retry`: what is done to jobs that are there, by their ids or by what they are."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find_ids, opened
from jupyter_jobs.cli.command import Command, add_ids, add_target
from jupyter_jobs.cli.exits import Exit, Usage, exit_code
from jupyter_jobs.cli.filters import Filter, add_filters, matching
from jupyter_jobs.cli.terminal import complain, one_line, plain
from jupyter_jobs.errors import JobsError
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.bulk import Outcome, cancel_many, retry_many
from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["CANCEL", "RETRY", "confirm"]

_NAMED = 5  # jobs that a question names


def _options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser, many=True, optional=True)
    add_filters(parser)
    parser.add_argument(
        "-y", "--yes", action="store_true", help="do not ask, where the jobs are chosen by options"
    )
    add_target(parser)


def _cancel(args: argparse.Namespace) -> int:
    with opened(args) as api:
        ids = _chosen(api, args, "cancel", lambda job: not job.status.is_terminal)
        outcomes = api.drive_sync(cancel_many(ids, api.profile))
    return _tell(args, ids, outcomes, lambda job: f"{job.id}  {job.status.mark} {job.status.word}")


def _retry(args: argparse.Namespace) -> int:
    with opened(args) as api:
        ids = _chosen(
            api,
            args,
            "retry",
            lambda job: job.status.is_terminal and job.status is not JobStatus.SUCCEEDED,
        )
        outcomes = api.drive_sync(retry_many(ids, api.profile))
    return _tell(args, ids, outcomes, lambda job: job.id)


def _chosen(
    api: JobApi, args: argparse.Namespace, verb: str, fits: Callable[[Job], bool]
) -> list[str]:
    """Return the ids of the jobs that are meant; asks before it takes many by what they are.

    Raises:
        Usage: Nothing says which, or nobody is there to say yes.
    """
    wanted = Filter.of(args)
    if args.ids:
        if (wanted.statuses, wanted.name, wanted.tag, wanted.since) != (frozenset(), *[None] * 3):
            raise Usage(f"{verb} takes ids, or options that choose jobs, but not both")
        return find_ids(api, args.ids, args.group)
    if not wanted.says_something:
        raise Usage(f"{verb} which jobs? Give ids, or choose by --group, --status, --name or --tag")
    jobs = [job for job in api.drive_sync(matching(wanted)) if fits(job)]
    if not jobs:
        complain(f"no job to {verb}")
        return []
    confirm(f"{verb} {_described(jobs)}", is_sure=args.yes)
    return [job.id for job in jobs]


def _described(jobs: Sequence[Job]) -> str:
    names = ", ".join(one_line(job.label) for job in jobs[:_NAMED])
    more = " …" if len(jobs) > _NAMED else ""
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)} ({names}{more})"


def confirm(what: str, *, is_sure: bool) -> None:
    """Ask whether that is to be done, unless the user is sure.

    Raises:
        Usage: No, or nobody can be asked.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise Usage(f"this would {what}: say --yes, for nobody is here to be asked")
    print(f"{what[0].upper()}{what[1:]}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Usage("nothing was done")


def _tell(
    args: argparse.Namespace,
    ids: Sequence[str],
    outcomes: Sequence[Outcome],
    words: Callable[[Job], str],
) -> int:
    """Print what came of each job; returns the exit code of the first that went wrong."""
    code = Exit.OK
    jobs = []
    for id_, outcome in zip(ids, outcomes, strict=True):
        if isinstance(outcome, JobsError):
            code = code or exit_code(outcome)
            complain(f"{one_line(id_[:8])}: {outcome}")
            continue
        jobs.append(Job.from_wire(outcome))
        if not args.json:
            print(plain(words(jobs[-1])))
    if args.json:
        terminal.print_json(jobs)
    return code


CANCEL = Command(
    name="cancel",
    help="ask for the end of jobs",
    description="Ask for the end of jobs, by their ids or by what they are, and print the state that each is in by then. "
    "A job that has ended stays as it is.",
    run=_cancel,
    options=_options,
    examples=(
        "jupyter-jobs cancel 3fa85f64 9c1b22d0",
        "jupyter-jobs cancel --group sweep --status queued --yes",
    ),
    json="an array of the jobs as they then are",
)

RETRY = Command(
    name="retry",
    help="submit the work of jobs that ended again",
    description="Submit the work of jobs that ended again, by their ids or by what they are (those that did not succeed), "
    "and print the new ids in the order of the old ones. A job has one retry: asked again, it is the same.",
    run=_retry,
    options=_options,
    examples=(
        "jupyter-jobs retry 3fa85f64",
        "jupyter-jobs retry --group sweep --status failed,lost --yes",
    ),
    json="an array of the new jobs",
)
