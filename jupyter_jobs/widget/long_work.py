"""What a line of the panel says of long work: what it measures, when it will end, whether it is slow. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jupyter_jobs.jobs.estimates import KNOWN_RUNS, SLOWER, estimate, usual_span
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore

__all__ = ["Prospects", "chart", "charts", "first_chart", "slow_from"]

WIDTH, HEIGHT = 48, 14  # of a sparkline, which the page draws as it is
RENEWAL_MS = 2_000  # an end is estimated no more often
ESTIMATES = 25  # a message: each costs as much as ten rows

Chart = tuple[str, str]
"""A label, `loss 0.21`, and the points of an SVG polyline in a view box of 48 x 14."""


def chart(name: str, told: Mapping[str, Any]) -> Chart | None:
    """Return what a job measures as a sparkline, or None where there is nothing to draw.

    Args:
        name: Of the series.
        told: Its `last` and `spark`, as `Job.metrics` has them; what is no number is left out.
    """
    last = told.get("last")
    spark = [y for y in told.get("spark") or () if isinstance(y, (int, float))]
    label = f"{name} {last:.4g}" if isinstance(last, (int, float)) else name
    if not spark:
        return None
    low, high = min(spark), max(spark)
    across, up = WIDTH / max(len(spark) - 1, 1), (HEIGHT - 2) / (high - low or 1)
    points = [f"{x * across:.3g},{HEIGHT - 1 - (y - low) * up:.3g}" for x, y in enumerate(spark)]
    if len(points) == 1:  # a point is no line
        points.append(f"{WIDTH},{points[0].partition(',')[2]}")
    return label, " ".join(points)


@lru_cache(maxsize=1024)  # most changes of a job leave what it measures as it is
def charts(metrics: str | None) -> tuple[Chart, ...]:
    """Return all that a job measures, from the field `metrics` of the schema; a loss first."""
    told = json.loads(metrics) if metrics else {}
    found = [(name, chart(name, each)) for name, each in told.items() if isinstance(each, Mapping)]
    drawn = [(name, each) for name, each in found if each is not None]
    return tuple(each for _, each in sorted(drawn, key=lambda pair: "loss" not in pair[0].lower()))


def first_chart(metrics: str | None) -> Chart | None:
    """Return the one that a line has room for."""
    return charts(metrics)[0] if metrics and charts(metrics) else None


def slow_from(usual: str | None, started_ms: int | None) -> tuple[int, str] | None:
    """Return from when on a run is slower than usual, and what is usual; None where too few earlier runs are known."""
    if not usual or started_ms is None or (limit := _limit(usual)) is None:
        return None
    return started_ms + round(1000 * limit[0]), limit[1]


@lru_cache(maxsize=1024)
def _limit(usual: str) -> tuple[float, str] | None:
    told = json.loads(usual)
    if not isinstance(told, dict) or told.get("count", 0) < KNOWN_RUNS or not told.get("median"):
        return None
    limit = max(told.get("p90") or 0.0, SLOWER * told["median"])
    return limit, f"usually {usual_span(told)}"


class Prospects:
    """When the jobs of a store will likely end.

    An end is looked at again when its job changes, but not before some seconds have passed, and for some jobs of a message
    only: what lies some minutes ahead does not move with each step, and nobody reads a thousand of them.

    Args:
        store: The jobs.
        attached: Ids of those that were submitted again, and were there.
    """

    def __init__(self, store: JobStore, attached: Container[str] = ()) -> None:
        self._store = store
        self._attached = attached
        self._ends: dict[str, tuple[int, int | None]] = {}
        self._left = ESTIMATES

    def begin_message(self) -> None:
        """Note that what is asked from here on is for another message."""
        self._left = ESTIMATES

    def ends_at(self, body: Mapping[str, Any], updated_ms: int | None) -> int | None:
        """Return when a running job will end, epoch milliseconds to the second, or None.

        Args:
            body: The job.
            updated_ms: When that was told.
        """
        id_ = body["id"]
        if body["status"] != JobStatus.RUNNING or updated_ms is None:
            self._ends.pop(id_, None)
            return None
        known = self._ends.get(id_)
        if self._left and (known is None or updated_ms - known[0] >= RENEWAL_MS):
            self._left -= 1
            known = self._ends[id_] = updated_ms, self._estimated(id_, body["updatedAt"])
        return None if known is None else known[1]

    def is_attached(self, id_: str) -> bool:
        """Return whether the job was there already when it was submitted."""
        return id_ in self._attached

    def waits_for(self, body: Mapping[str, Any]) -> str | None:
        """Return what a queued job waits for, `after prepare, clean`; None when it says something itself, or waits for a place."""
        if body["status"] != JobStatus.QUEUED or not (after := body.get("after")):
            return None
        former = [known for id_ in after if (known := self._store.bodies.get(id_)) is not None]
        waiting = [job for job in former if job["status"] != JobStatus.SUCCEEDED]
        names = dict.fromkeys(str(job.get("name") or job["id"]) for job in waiting)
        return f"after {', '.join(names)}" if names else None

    def _estimated(self, id_: str, updated_at: str) -> int | None:
        job = self._store.get(id_)
        if job is None:
            return None
        ends = estimate(job, datetime.fromisoformat(updated_at), self._store.pace(id_)).ends_at
        return None if ends is None else round(ends.timestamp()) * 1000
