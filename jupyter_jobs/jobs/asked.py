"""What handles ask the server: output from a time on, series, files, a place in the queue, a value in full.

As `calls` otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Mapping
from typing import Any

from jupyter_jobs.jobs.calls import LOG_PAGE, Body, Call
from jupyter_jobs.jobs.reader import Reader

__all__ = ["POINTS", "files", "log_page", "metrics", "queue", "read_lines", "read_points"]

POINTS = 5000  # of a series, a page


def log_page(
    id_: str,
    *,
    after: int | None = None,
    since: str | None = None,
    tail: int | None = None,
    limit: int = LOG_PAGE,
) -> Call[Body]:
    """Ask for lines of a job's output: those after a number, from a time on, or the last `tail`."""
    window = {"after": after, "since": since, "tail": tail, "limit": limit}
    variables = {"id": id_} | {name: value for name, value in window.items() if value is not None}
    return Call("jobLogs", variables, _log_page, job_id=id_)


def read_lines(
    id_: str, *, tail: int | None = None, since: str | None = None
) -> Generator[Call[Any], Any, list[Body]]:
    """Yield the calls that read a job's output: all that was kept, from a time on, or its last lines; return the lines.

    A page may be short before the end: where the size limit dropped lines, and where lines are long. An API that knows
    no `since` is asked for all; the caller looks at the times.
    """
    if tail is not None and tail <= LOG_PAGE:
        page = yield log_page(id_, tail=tail, since=since, limit=max(tail, 1))
        return page["lines"][-tail:] if tail > 0 else []
    lines: list[Body] = []
    while True:
        after = lines[-1]["seq"] if lines else None
        page = yield log_page(id_, after=after, since=None if lines else since)
        lines += page["lines"]
        if page["ended"] or not page["lines"]:
            return lines if tail is None else lines[-tail:]


def metrics(id_: str, *, after: int | None = None, limit: int = POINTS) -> Call[Body]:
    """Ask for points of what a job measures, those after a number."""
    variables = {"id": id_, "limit": limit} | ({} if after is None else {"after": after})
    return Call("jobMetrics", variables, _metric_page, job_id=id_)


def read_points(id_: str) -> Generator[Call[Any], Any, tuple[list[Body], int]]:
    """Yield the calls that read what a job measured so far; return the points, and how many the size limit dropped."""
    points: list[Body] = []
    dropped = 0
    while True:
        page = yield metrics(id_, after=points[-1]["seq"] if points else None)
        dropped += page["dropped"]
        points += page["points"]
        if page["ended"] or not page["points"]:
            return points, dropped


def files(id_: str) -> Call[list[Body]]:
    """Ask for the files that a job left in its folder."""
    return Call("jobFiles", {"id": id_}, lambda told, _: list(filter(None, told or ())), job_id=id_)


def queue(id_: str) -> Call[Body | None]:
    """Ask for a job's place among those that wait; the answer is None unless it waits."""
    return Call("jobQueue", {"id": id_}, lambda told, _: told, job_id=id_)


def _log_page(told: Mapping[str, Any], _: Reader) -> Body:
    return {"lines": list(told.get("lines") or ()), "ended": bool(told.get("ended"))}


def _metric_page(told: Mapping[str, Any], _: Reader) -> Body:
    points = [{**point, "values": _values(point["values"])} for point in told.get("points") or ()]
    return {
        "points": points,
        "ended": bool(told.get("ended")),
        "dropped": told.get("dropped") or 0,
    }


def _values(value: Any) -> Mapping[str, float]:
    """Return numbers by name; null is what JSON has for those that are none (NaN, infinity)."""
    told = json.loads(value) if isinstance(value, str) else value or {}
    return {name: math.nan if number is None else float(number) for name, number in told.items()}
