"""What the columns say of a job, in the words of the panel. Pure; the present is an argument, texts are made safe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from jupyter_jobs.cli.spans import roughly
from jupyter_jobs.cli.terminal import one_line
from jupyter_jobs.jobs.estimates import Estimate, Sample, duration, estimate
from jupyter_jobs.jobs.model import Job, JobStatus, Priority

__all__ = ["elapsed", "fraction", "left", "name", "percent", "rank", "says", "steps", "time"]

_LEAST_PART, _LEAST_SECONDS = 0.03, 5.0  # before which a pace is a guess

_RANKS = {
    JobStatus.FAILED: 0,
    JobStatus.TIMED_OUT: 0,
    JobStatus.LOST: 0,
    JobStatus.RUNNING: 1,
    JobStatus.CANCELLING: 2,
    JobStatus.QUEUED: 3,
    JobStatus.SUCCEEDED: 4,
    JobStatus.CANCELLED: 4,
}
_URGENCY = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2, None: 1}


def rank(job: Job) -> tuple[float, ...]:
    """Return where a job stands: newest trouble first, then what runs longest, what waits, and what is over."""
    created, started, finished = map(_epoch, (job.created_at, job.started_at, job.finished_at))
    place = _RANKS[job.status]
    if job.status is JobStatus.QUEUED:
        return place, _URGENCY[job.priority], created or 0
    if not job.status.is_terminal:
        return place, 0, started or created or 0
    return place, 0, -(finished or created or 0)


def name(job: Job) -> str:
    """Return what to call a job, and which attempt or run of the work it is."""
    told = one_line(job.label)
    if job.attempt > 1:
        told += f" (attempt {job.attempt})"
    if job.history and not job.status.is_terminal:
        told += f" (run {len(job.history) + 1})"
    return told


def fraction(job: Job) -> float | None:
    """Return how far the job says it is, from 0 to 1; None when it does not say."""
    told = job.progress
    if told is None and job.total and job.done is not None:
        told = job.done / job.total
    return None if told is None or not math.isfinite(told) else min(1.0, max(0.0, told))


def percent(part: float) -> str:
    """Return whole percent, rounded down, so that 100 is only said when all is done."""
    return f"{math.floor(part * 100 + 1e-9)}%"


def steps(job: Job) -> str:
    """Return `5.8k/10k`; empty when the job does not count its steps."""
    if job.done is None:
        return ""
    return _compact(job.done) + ("" if job.total is None else f"/{_compact(job.total)}")


def elapsed(job: Job, now: float) -> float | None:
    """Return how long a job has waited, run, or took, in seconds; None when its times do not tell."""
    since = _epoch(job.created_at if job.status is JobStatus.QUEUED else job.started_at)
    until = _epoch(job.finished_at) if job.status.is_terminal else now
    return None if since is None or until is None else max(0.0, until - since)


def time(job: Job, now: float) -> str:
    """Return the same in words."""
    span = elapsed(job, now)
    return "" if span is None else duration(span, tenths=job.status.is_terminal)


def left(job: Job, now: float, samples: Sequence[Sample] = ()) -> str:
    """Return what a running job may still need; empty while that would be a guess.

    Args:
        job: As it is.
        now: The time.
        samples: How far it was when, as `JobStore.pace` has them.
    """
    part, so_far = fraction(job), elapsed(job, now)
    if job.status is not JobStatus.RUNNING or so_far is None:
        return ""
    if not job.usual and (part is None or part < _LEAST_PART or so_far < _LEAST_SECONDS):
        return ""
    ends = _expected(job, now, samples).ends_at
    return "" if ends is None or part == 1 else roughly(ends.timestamp() - now)


def says(job: Job, now: float) -> str:
    """Return why a job ended badly, or the last thing it said; of one that waits or is slow, that."""
    message = one_line(job.message or "")
    if job.status.is_failure or job.error:
        message = one_line(job.reason) or message
    if job.status is JobStatus.QUEUED:
        urgent = "high priority" if job.priority is Priority.HIGH else ""
        waits = f"after {len(job.after)} other{'s' * (len(job.after) > 1)}" if job.after else ""
        return " · ".join(filter(None, (urgent, waits, message)))
    if job.status is JobStatus.RUNNING and (expected := _expected(job, now)).is_slow:
        return " · ".join(filter(None, (f"▲ {expected.text}", message)))
    return message


def _expected(job: Job, now: float, samples: Sequence[Sample] = ()) -> Estimate:
    try:
        return estimate(job, datetime.fromtimestamp(now, UTC), samples)
    except (TypeError, ValueError):  # times of somebody else's schema
        return Estimate()


def _compact(value: float) -> str:
    """Return a count in at most four characters and a unit: `5.8k`, `10k`, `1.3M`."""
    unit = 0
    while abs(value) >= 999.5 and unit < 4:
        value /= 1000
        unit += 1
    short = f"{value:.2g}" if abs(value) < 99.5 else f"{round(value)}"
    return short + ("", "k", "M", "B", "T")[unit]


def _epoch(told: str | None) -> float | None:
    try:
        return None if told is None else datetime.fromisoformat(told).timestamp()
    except ValueError:  # of somebody else's schema
        return None
