"""What a notebook keeps of its jobs: few lines, the most urgent first, however many jobs there are.

Pure: the clock is an argument. Failures that are alike share a line, then comes what is live, then what is done in a
line each. Lines come in the same order after another run of the same work, and hold nothing that `scrub` takes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from jupyter_jobs.jobs.estimates import duration
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.widget.failures import signature
from jupyter_jobs.widget.scrub import own_frame, scrub

__all__ = ["ORDER", "Line", "Snapshot", "duration", "take", "take_slowly"]

ORDER = (
    JobStatus.FAILED,
    JobStatus.LOST,
    JobStatus.TIMED_OUT,
    JobStatus.RUNNING,
    JobStatus.CANCELLING,
    JobStatus.QUEUED,
    JobStatus.SUCCEEDED,
    JobStatus.CANCELLED,
)
"""The states as a reader wants them: trouble, work, what waits, what is done."""

_MOST = {JobStatus.FAILED: 6, JobStatus.RUNNING: 5}  # lines of a state; the rest is counted
_FEW = 2  # lines of other states that have more than one
_TIMES = "\N{MULTIPLICATION SIGN}"
_STEP = 16  # jobs that are looked at without a pause
_NAMES = 4  # names in a line of many jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the picture.

    Attributes:
        status: The state of all jobs in it.
        title: What it is about: a job's name, a failure, a number of jobs.
        detail: What there is to say of it, or empty.
        where: Where in the user's code it failed, or empty.
        progress: From 0 to 1, of a job that says so.
        time: How long it took or has taken, or empty.
    """

    status: JobStatus
    title: str
    detail: str = ""
    where: str = ""
    progress: float | None = None
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The jobs at one time. Two are equal if a reader sees the same in them, apart from when they were taken.

    Attributes:
        counts: The number of jobs in each state that has any, in the order of `ORDER`.
        lines: The most urgent first.
        as_of: When the jobs were like this, `2026-11-22 14:31 UTC`, or empty.
    """

    counts: tuple[tuple[JobStatus, int], ...]
    lines: tuple[Line, ...]
    as_of: str = field(default="", compare=False)


def take(jobs: Iterable[Job], now: float | None, kinds: dict[str, str] | None = None) -> Snapshot:
    """Return the picture of some jobs.

    Args:
        jobs: In any order.
        now: Seconds since 1970; None leaves out every time, date and duration, so that another run gives the same.
        kinds: Kept by the caller from one picture to the next, for speed: what failed stays as it failed.
    """
    *_, snapshot = take_slowly(jobs, now, kinds)
    assert snapshot is not None  # the last one is the picture
    return snapshot


def take_slowly(
    jobs: Iterable[Job], now: float | None, kinds: dict[str, str] | None = None
) -> Iterator[Snapshot | None]:
    """Return the picture of many jobs after some times None, for a loop that has other things to do every few ms."""
    known = {} if kinds is None else kinds
    piles = {status: _Pile(status, now, known) for status in ORDER}
    for number, job in enumerate(jobs, start=1):
        piles[job.status].add(job)
        if number % _STEP == 0:
            yield None
    lines: list[Line] = []
    for status, pile in piles.items():
        if pile.total:
            yield None
            lines += _LINES[status](pile)
    yield Snapshot(
        counts=tuple((status, pile.total) for status, pile in piles.items() if pile.total),
        lines=tuple(lines),
        as_of="" if now is None else f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC",
    )


class _Pile:
    """The jobs of one state, by what they have in common: failures by their kind, others by their name."""

    def __init__(self, status: JobStatus, now: float | None, known: dict[str, str]) -> None:
        self.status = status
        self.now = now
        self._known = known
        self.most = _MOST.get(status, _FEW)
        self.kinds: dict[str, list[Job]] = {}
        self.total = 0

    def add(self, job: Job) -> None:
        self.total += 1
        kind = self._failure(job) if job.status.is_failure else job.label
        self.kinds.setdefault(kind, []).append(job)

    def _failure(self, job: Job) -> str:
        kind = self._known.get(job.id)
        if kind is None:
            kind = self._known[job.id] = signature(job) or ""
        return kind

    def line(self, title: str, **more: Any) -> Line:
        return Line(status=self.status, title=title, **more)

    def took(self, jobs: Iterable[Job]) -> str:
        if self.now is None:
            return ""
        times = sorted(seconds for job in jobs if (seconds := job.duration) is not None)
        if len(times) < 2:
            return duration(times[0]) if times else ""
        last = len(times) - 1
        return f"median {duration(times[last // 2])} · p90 {duration(times[round(last * 0.9)])}"

    def so_far(self, job: Job) -> str:
        if self.now is None or job.started_at is None:
            return ""
        return f"{duration(self.now - datetime.fromisoformat(job.started_at).timestamp())} so far"


def _failures(pile: _Pile) -> list[Line]:
    """Return a line for each kind of failure, the most frequent first."""
    kinds = sorted(pile.kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    lines = [_failure(pile, kind, jobs) for kind, jobs in kinds[: pile.most]]
    if rest := len(kinds) - len(lines):
        others = sum(len(jobs) for _, jobs in kinds[pile.most :])
        lines.append(pile.line(f"{others:,} more, of {rest:,} other kind{'s'[: rest > 1]}"))
    return lines


def _failure(pile: _Pile, kind: str, jobs: Sequence[Job]) -> Line:
    job = max(jobs, key=_age)
    where = own_frame(job)
    if len(jobs) == 1:
        said = scrub(job.reason, job)
        return pile.line(_label(job), detail=said, where=where, time=pile.took(jobs))
    message = scrub((job.error or {}).get("message") or "", job)
    example = f"e.g. {_label(job)}: {message}" if message else f"e.g. {_label(job)}"
    title = f"{len(jobs):,} {_TIMES} {scrub(kind)}"
    return pile.line(title, detail=example, where=where, time=pile.took(jobs))


def _at_work(pile: _Pile) -> list[Line]:
    """Return a line for each job, those that have run longest first."""
    jobs = sorted(chain(*pile.kinds.values()), key=lambda job: (job.started_at or "~", _age(job)))
    lines = [
        pile.line(
            _label(job),
            detail=scrub(job.message or "", job),
            progress=_fraction(job),
            time=pile.so_far(job),
        )
        for job in jobs[: pile.most]
    ]
    if rest := pile.total - len(lines):
        lines.append(pile.line(f"{rest:,} more"))
    return lines


def _together(pile: _Pile) -> list[Line]:
    """Return one line for all: their names if these are few, else their number and some names."""
    named = sorted(
        ((min(map(_age, jobs)), jobs) for jobs in pile.kinds.values()), key=lambda pair: pair[0]
    )
    names = ", ".join(
        f"{len(jobs):,} {_TIMES} {_label(jobs[0])}" if len(jobs) > 1 else _label(jobs[0])
        for _, jobs in named[:_NAMES]
    )
    title, detail = names, ""
    if len(named) > _NAMES:
        title, detail = f"{pile.total:,} jobs", f"{names}, …"
    return [pile.line(title, detail=detail, time=pile.took(chain(*pile.kinds.values())))]


def _label(job: Job) -> str:
    return scrub(job.name or job.request or "a job", job)


def _age(job: Job) -> tuple[str, str]:
    """Sorts jobs as they were submitted, and what was submitted at once by what it is called."""
    return (job.created_at or "", job.label)


_LINES: Mapping[JobStatus, Callable[[_Pile], list[Line]]] = {
    JobStatus.FAILED: _failures,
    JobStatus.LOST: _failures,
    JobStatus.TIMED_OUT: _failures,
    JobStatus.RUNNING: _at_work,
    JobStatus.CANCELLING: _at_work,
    JobStatus.QUEUED: _together,
    JobStatus.SUCCEEDED: _together,
    JobStatus.CANCELLED: _together,
}


def _fraction(job: Job) -> float | None:
    part = job.progress
    if part is None and job.total and job.done is not None:
        part = job.done / job.total
    return None if part is None else min(1.0, max(0.0, part))
