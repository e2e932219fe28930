"""`jupyter-jobs metrics`, `files` and `result`: what a job leaves behind besides its log."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import base64
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.access import find_ids, find_one, opened
from jupyter_jobs.cli.command import Command, add_ids, add_target
from jupyter_jobs.cli.exits import Exit, Usage
from jupyter_jobs.cli.terminal import one_line, plain
from jupyter_jobs.errors import ResultUnavailable
from jupyter_jobs.jobs import asked, calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.files import JobFile
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.results import value_of
from jupyter_jobs.jobs.unsuccessful import unsuccessful

__all__ = ["FILES", "METRICS", "RESULT", "spark"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK = 24  # characters of a series


def _job_options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    add_target(parser)


def _metrics(args: argparse.Namespace) -> int:
    with opened(args) as api:
        [id_] = find_ids(api, [args.id], args.group)
        points, dropped = api.drive_sync(asked.read_points(id_))
    if args.json:
        told = [{**point, "values": _finite(point["values"])} for point in points]
        terminal.print_json({"points": told, "dropped": dropped})
        return Exit.OK
    series: dict[str, list[float]] = {}
    for point in points:
        for name, value in point["values"].items():
            series.setdefault(name, []).append(value)
    _print_table(
        ("name", "last", "least", "most", "points", ""),
        (
            (name, _short(values[-1]), *_range(values), f"{len(values):,}", spark(values))
            for name, values in series.items()
        ),
    )
    return Exit.OK


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return numbers as JSON has them, which knows no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _range(values: Sequence[float]) -> tuple[str, str]:
    finite = [value for value in values if math.isfinite(value)]
    return (_short(min(finite)), _short(max(finite))) if finite else ("", "")


def _short(value: float) -> str:
    return f"{value:.6g}"


def spark(values: Sequence[float]) -> str:
    """Return a series as a line of blocks, thinned out to at most 24 of them."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    count = min(_SPARK, len(finite))
    picked = [finite[round(n * (len(finite) - 1) / max(1, count - 1))] for n in range(count)]
    low, span = min(picked), max(picked) - min(picked)
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - low) / span * steps) if span else 0] for value in picked)


def _files_options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    parser.add_argument(
        "--copy-to", metavar="DIR", type=Path, help="copy them into this folder, made if need be"
    )
    add_target(parser)


def _files(args: argparse.Namespace) -> int:
    with opened(args) as api:
        [id_] = find_ids(api, [args.id], args.group)
        told = api.run_sync(asked.files(id_))
        endpoint = api.wire.endpoint
    host = "" if endpoint.is_loopback else endpoint.host
    if args.copy_to is not None:
        for file in told:
            _copy(JobFile.read(file, id_, host), args.copy_to)
    if args.json:
        terminal.print_json(told)
        return Exit.OK
    _print_table(
        ("size", "modified", "name"),
        ((f"{file['size']:,.0f}", file["modifiedAt"] or "", file["name"]) for file in told),
    )
    return Exit.OK


def _copy(file: JobFile, folder: Path) -> None:
    target = folder / file.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise ResultUnavailable(f"{file.name!r} is no name of a file below {folder}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, target)


def _result_options(parser: argparse.ArgumentParser) -> None:
    add_ids(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="write it to this file, as it was kept: JSON, or what Python pickled",
    )
    add_target(parser)


def _result(args: argparse.Namespace) -> int:
    with opened(args) as api:
        job = find_one(api, args.id, args.group)
        _check_succeeded(job)
        if args.out is not None:
            return _write(api, job, args)
        value = job.result if job.result_size is None else value_of(job, api)
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        if args.json:
            raise Usage(
                f"the value of {job.label} is no JSON but of type {type(value).__name__}; --out FILE saves it"
            ) from None
        text = repr(value)
    is_word = isinstance(value, str) and not args.json
    print(plain(value if is_word else text))
    return Exit.OK


def _check_succeeded(job: Job) -> None:
    if not job.status.is_terminal:
        raise ResultUnavailable(
            f"{job.label} is {job.status.word}; wait for its end: jupyter-jobs wait {job.id[:8]}"
        )
    if job.status is JobStatus.CANCELLED:
        raise ResultUnavailable(f"{job.label} was cancelled, so it has no result")
    if job.status is not JobStatus.SUCCEEDED:
        raise unsuccessful(job)


def _write(api: JobApi, job: Job, args: argparse.Namespace) -> int:
    """Write a value to a file as it was kept; nothing of it is loaded, so that no code runs."""
    encoding = "json"
    if job.result_size is None:
        args.out.write_text(json.dumps(job.result) + "\n", encoding="utf-8")
    else:
        told = api.run_sync(calls.result(job.id))
        encoding = told["encoding"]
        if told.get("path"):
            shutil.copyfile(told["path"], args.out)
        else:
            args.out.write_bytes(base64.b64decode(told["data"]))
    if args.json:
        size = args.out.stat().st_size
        terminal.print_json({"file": str(args.out), "encoding": encoding, "size": size})
    return Exit.OK


def _print_table(titles: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    """Print rows below their titles, each column as wide as it needs; nothing without rows."""
    safe = [tuple(one_line(cell) for cell in row) for row in rows]
    if not safe:
        return
    widths = [max(map(len, column)) for column in zip(titles, *safe, strict=True)]
    for row in (titles, *safe):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


METRICS = Command(
    name="metrics",
    help="tell what a job measures",
    description="Tell what a job measures, each series in a line: its last value, least and most, and how it went.",
    run=_metrics,
    options=_job_options,
    examples=(
        "jupyter-jobs metrics 3fa85f64",
        "jupyter-jobs metrics 3fa85f64 --json | jq '.points[].values.loss'",
    ),
    json="an object of `points` and `dropped`",
)

FILES = Command(
    name="files",
    help="list the files that a job left, or copy them",
    run=_files,
    options=_files_options,
    examples=("jupyter-jobs files 3fa85f64", "jupyter-jobs files 3fa85f64 --copy-to results"),
    json="an array of files",
)

RESULT = Command(
    name="result",
    help="print the value of a job that succeeded",
    description="Print the value of a job that succeeded: a string as it is, what is JSON as JSON, all else as Python "
    "shows it. The exit code is 1 if the job has not succeeded.",
    run=_result,
    options=_result_options,
    examples=("jupyter-jobs result 3fa85f64", "jupyter-jobs result 3fa85f64 --out model.pickle"),
    json="the value; with --out an object of `file`, `encoding` and `size`",
)
