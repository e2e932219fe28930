"""What each command of `jupyter-jobs` does. The functions return exit codes."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import InvalidJob, JobNotFound, JobsError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.bulk import retry_many
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.origin import COMMAND_LINE
from jupyter_jobs.jobs.requests import Command, Notebook, Request, submit_input
from jupyter_jobs.jobs.target import find_target

__all__ = ["cancel", "demo", "doctor", "list_jobs", "logs", "retry", "serve", "show", "submit"]

_POLL = 0.5  # seconds between questions of --wait


def demo(args: argparse.Namespace) -> int:
    """Run the sample jobs, or open the quickstart notebook."""
    from jupyter_jobs.cli import demo

    return demo.open_lab() if args.lab else demo.run()


def doctor(args: argparse.Namespace) -> int:
    """Tell what is used and whether it works."""
    from jupyter_jobs.cli.doctor import doctor

    return doctor(args)


def serve(args: argparse.Namespace) -> int:
    """Run a backend until TERM or Ctrl-C."""
    from jupyter_jobs.backend.server import Options
    from jupyter_jobs.backend.server import serve as run
    from jupyter_jobs.backend.session import Timing

    timeout_s = args.connection_timeout
    limits = {
        "keep_alive_s": args.keep_alive,
        "connection_timeout_ms": None if timeout_s is None else round(timeout_s * 1000),
        "max_age_s": args.max_age,
        "max_subscriptions": args.max_subscriptions,
    }
    return run(
        Options(
            host=args.host,
            port=args.port,
            data_dir=Path(args.data_dir).expanduser() if args.data_dir else None,
            external=args.external,
            timing=Timing(**{name: value for name, value in limits.items() if value is not None}),
            auth=args.auth,
            faults=args.faults,
        )
    )


def submit(args: argparse.Namespace) -> int:
    """Submit a job and print its id."""
    request, params = _request(args)
    with _api(args) as api:
        body = submit_input(
            request,
            priority=args.priority,
            name=args.name,
            params=params,
            tags=args.tag,
            submitted_from=COMMAND_LINE,
            group=args.group,
            runs_here=api.wire.endpoint.is_loopback and api.profile.runs_work,
        )
        job = Job.from_wire(api.run_sync(calls.submit(body)))
        print(job.id, flush=True)
        return _wait(api, job) if args.wait else 0


def list_jobs(args: argparse.Namespace) -> int:
    """Print jobs, newest first; of a job that was retried only the newest attempt, unless all are asked for."""
    if args.status and args.status.upper() not in JobStatus.__members__:
        raise InvalidJob(
            f"there is no status {args.status!r}; choose one of {', '.join(JobStatus)}"
        )
    status = JobStatus(args.status.upper()) if args.status else None
    limit = max(1, min(args.limit, calls.PAGE))
    with _api(args) as api:
        if args.all:
            bodies = api.run_sync(calls.page(args.group, status=status, limit=limit))["items"]
        else:
            bodies = api.drive_sync(calls.newest(args.group, status=status, limit=limit))
    if args.json:
        for body in bodies:
            print(json.dumps(body))
        return 0
    from rich.console import Console

    from jupyter_jobs.cli.table import jobs_table

    Console().print(jobs_table([Job.from_wire(body) for body in bodies], ids=True))
    return 0


def show(args: argparse.Namespace) -> int:
    """Print all about one job."""
    with _api(args) as api:
        body = _find(api, args.job, args.group)
    if args.json:
        print(json.dumps(body))
        return 0
    job = Job.from_wire(body)
    facts: Mapping[str, Any] = {
        "id": job.id,
        "name": job.name,
        "status": job.status.word,
        "request": job.request,
        "group": job.group,
        "priority": job.priority,
        "tags": ", ".join(job.tags) or None,
        "from": job.submitted_from,
        "attempt": f"{job.attempt}, a retry of {job.retry_of}" if job.retry_of else None,
        "progress": None if job.progress is None else f"{job.progress:.0%}",
        "message": job.message,
        "params": None if job.params is None else json.dumps(job.params),
        "result": None if job.result is None else json.dumps(job.result),
        "submitted": job.created_at,
        "started": job.started_at,
        "ended": job.finished_at,
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<10} {_plain(str(value))}")
    if job.error:
        print(f"{'error':<10} {_plain(job.reason)}")
        if job.error.get("traceback"):
            print("\n" + _plain(str(job.error["traceback"])))
    return 0


def logs(args: argparse.Namespace) -> int:
    """Print what a job has printed, its standard error on ours."""
    with _api(args) as api:
        lines = api.drive_sync(calls.read_log(_id(api, args.job, args.group), args.tail))
    for line in lines:
        stream = sys.stderr if line["stream"] == "stderr" else sys.stdout
        print(_plain(line["text"]), file=stream)
    return 0


def cancel(args: argparse.Namespace) -> int:
    """Ask for a job's end and print the state it is in."""
    with _api(args) as api:
        job = Job.from_wire(api.run_sync(calls.cancel(_id(api, args.job, args.group))))
    print(job.status.word)
    return 0


def retry(args: argparse.Namespace) -> int:
    """Submit the work of jobs again; prints the new ids in the order of the old ones, and what could not be done."""
    failed = False
    with _api(args) as api:
        ids = [_id(api, job, args.group) for job in args.jobs]
        for id_, outcome in zip(ids, api.drive_sync(retry_many(ids, api.profile)), strict=True):
            if isinstance(outcome, JobsError):
                failed = True
                print(f"jupyter-jobs: {id_[:8]}: {outcome}", file=sys.stderr)
            else:
                print(outcome["id"])
    return 1 if failed else 0


@contextmanager
def _api(args: argparse.Namespace) -> Iterator[JobApi]:
    target = find_target(args.endpoint, profile=args.profile)
    wire = AppSyncClient(target.endpoint, target.auth)
    try:
        yield JobApi(wire, profile=target.profile)
    finally:
        asyncio.run(wire.aclose())


def _request(args: argparse.Namespace) -> tuple[Request, Any]:
    params = None
    if args.params is not None:
        try:
            params = json.loads(args.params)
        except ValueError as error:
            raise InvalidJob(f"--params must be JSON: {error}") from None
    if bool(args.program) == (args.work is not None):
        raise InvalidJob(
            "submit takes one thing: a request's name, a notebook, or -- and a program with its arguments"
        )
    if args.program:
        return Command(args.program), params
    if args.work.endswith(".ipynb"):
        return Notebook(args.work, parameters=dict(map(_parameter, args.p))), params
    return args.work, params


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidJob(f"-p takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _id(api: JobApi, beginning: str, group: str | None) -> str:
    """Return the id that is meant; the word itself where the API cannot be asked."""
    return str(_find(api, beginning, group)["id"]) if api.profile.has("getJob") else beginning


def _find(api: JobApi, beginning: str, group: str | None) -> calls.Body:
    if (body := api.run_sync(calls.get(beginning))) is not None:
        return body
    found: list[calls.Body] = []
    token = None
    while len(found) < 2:
        page = api.run_sync(calls.page(group, token))
        found += [body for body in page["items"] or () if body and body["id"].startswith(beginning)]
        if not (token := page.get("nextToken")):
            break
    if len(found) == 1:
        return found[0]
    raise JobNotFound(
        f"several jobs begin with {beginning!r}; give more of the id"
        if found
        else f"there is no job {beginning!r}; see: jupyter-jobs list",
        job_id=beginning,
    )


def _wait(api: JobApi, job: Job) -> int:
    import time

    while not job.status.is_terminal:
        time.sleep(_POLL)
        body = api.run_sync(calls.get(job.id))
        if body is None:
            raise JobNotFound(f"the job {job.id} is gone", job_id=job.id)
        job = Job.from_wire(body)
    print(job.status.word, file=sys.stderr)
    return 0 if job.status is JobStatus.SUCCEEDED else 1


def _plain(text: str) -> str:
    """Take out what would steer the terminal: a job's text must not."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
