"""`jupyter-jobs show`: all about one job."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_jobs.cli import cells, terminal
from jupyter_jobs.cli.access import find_one, opened
from jupyter_jobs.cli.command import Command, add_ids, add_target
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.terminal import one_line, plain
from jupyter_jobs.jobs.estimates import duration
from jupyter_jobs.jobs.model import Job

__all__ = ["SHOW", "facts"]


def _options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    add_target(parser)


def _run(args: argparse.Namespace) -> int:
    with opened(args) as api:
        job = find_one(api, args.id, args.group)
    if args.json:
        terminal.print_json(job)
        return Exit.OK
    for name, value in facts(job):
        print(f"{name:<10} {one_line(value)}")
    if job.error and job.error.get("traceback"):
        print("\n" + plain(str(job.error["traceback"])))
    return Exit.OK


def facts(job: Job) -> Iterator[tuple[str, str]]:
    """Yield what is known of a job, as names and words; some come more than once."""
    part = cells.fraction(job)
    told: Mapping[str, Any] = {
        "id": job.id,
        "name": job.name,
        "status": job.status.word,
        "request": job.request,
        "group": job.group,
        "priority": job.priority,
        "tags": ", ".join(job.tags),
        "key": job.key,
        "from": job.submitted_from,
        "attempt": f"{job.attempt}, a retry of {job.retry_of}" if job.retry_of else None,
        "after": ", ".join(job.after),
        "rules": ", ".join(_rule(name, value) for name, value in job.rules.items()),
        "progress": None if part is None else f"{cells.percent(part)} {cells.steps(job)}".strip(),
        "message": job.message,
        "params": None if job.params is None else json.dumps(job.params),
        "result": None if job.result is None else json.dumps(job.result),
        "size": None if job.result_size is None else f"{job.result_size:,} bytes of result",
        "submitted": job.created_at,
        "started": job.started_at,
        "ended": job.finished_at,
        "took": None if job.duration is None else duration(job.duration),
        "usually": _usually(job),
    }
    yield from ((name, str(value)) for name, value in told.items() if value)
    for name, series in job.metrics.items():
        yield "metric", f"{name} {series.get('last')}"
    for number, run in enumerate(job.history, start=1):
        yield "earlier", f"run {number}: {run.get('error')}"
    if job.error:
        yield "error", job.reason


def _rule(name: str, value: Any) -> str:
    words = {"queueTimeout": "queue timeout"}.get(name, name)
    is_span = name in ("timeout", "queueTimeout", "backoff") and isinstance(value, (int, float))
    return f"{words} {duration(value, tenths=False) if is_span else value}"


def _usually(job: Job) -> str | None:
    usual = job.usual or {}
    median, p90 = usual.get("median"), usual.get("p90")
    if not isinstance(median, (int, float)) or not isinstance(p90, (int, float)):
        return None
    return f"{duration(median)}, 9 of 10 within {duration(p90)}"


SHOW = Command(
    name="show",
    help="tell all about one job",
    run=_run,
    options=_options,
    examples=("jupyter-jobs show 3fa85f64", "jupyter-jobs show 3fa85f64 --json | jq .error"),
    json="as the job that it is, by the names of the schema",
)
