"""When a job will start and end, from how far it is and from how long jobs of its name usually take. Pure.

**From progress.** The rate is that of the last third of the time that the job has run, and of no less than 10 s. So it
follows when the work becomes faster or slower, and one slow step in a long run changes little; the average since the
start, which most bars show, would be wrong for as long again as the work has already run. Between two steps the
estimated end stands still; once a step takes longer than any in that third did, the time it takes counts too, and the
end moves away.

**From earlier runs.** The median of their durations, until the job has run so long; then their p90, until it has run
so long too; then nothing, and the job is slow. It is called so only where at least three runs are known and it has run
a quarter longer than the median, for the p90 of runs that were all alike is no limit.

**From both.** At its beginning progress says little: up to 30 % the two ends are mixed, by how much is done.

**Its turn.** The jobs ahead take the places of those that run as these end, each for as long as its name usually does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from jupyter_jobs.jobs.model import Job, JobStatus, Priority

__all__ = ["Estimate", "Queue", "Sample", "about", "duration", "estimate", "usual_span", "waiting"]

SHARE = 1 / 3  # of the time that a job has run, which its rate is taken from
SHORTEST = 10.0  # seconds, the same at least
TRUSTED = 0.3  # of the work done, from where on progress alone counts
KNOWN_RUNS = 3  # before a job is called slow
SLOWER = 1.25  # times the median, before a job is called slow

Sample = tuple[str, float]
"""When a job was as far, ISO 8601, and how far, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A job's place among those that wait.

    Attributes:
        ahead: Jobs that start before it.
        seconds: Until it may start, about; None when that is unknown.
    """

    ahead: int
    seconds: float | None

    @property
    def text(self) -> str:
        """For people: `2 ahead, starts in about 40 s`."""
        place = f"{self.ahead:,} ahead" if self.ahead else "next"
        return place if self.seconds is None else f"{place}, starts in about {about(self.seconds)}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What may be expected of a live job; of one that has ended nothing.

    Attributes:
        starts_at: When it will start; None when it has, or when that is unknown.
        ends_at: When it will end, or None when that is unknown.
        usual: How long jobs of its name take, `usually 50 s to 70 s`; empty when no earlier one is known.
        is_slow: Whether it has run longer than they do.
        text: The most useful of it for people: `about 3 min left`; empty when nothing is known.
    """

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    usual: str = ""
    is_slow: bool = False
    text: str = ""


def estimate(
    job: Job, now: datetime, samples: Sequence[Sample] = (), queue: Queue | None = None
) -> Estimate:
    """Return what may be expected of a job.

    Args:
        job: As it is.
        now: The time, with a zone.
        samples: How far it was when, oldest first, as `JobStore.pace` has them.
        queue: Its place, when it waits and that is known.
    """
    if job.status.is_terminal:
        return Estimate(usual=_usually(job))
    median, p90 = _usual(job)
    if job.status is JobStatus.QUEUED or job.started_at is None:
        seconds = queue.seconds if queue is not None else None
        starts = None if seconds is None else now + timedelta(seconds=seconds)
        ends = None if starts is None or median is None else starts + timedelta(seconds=median)
        return Estimate(starts, ends, _usually(job), text=queue.text if queue is not None else "")
    started = datetime.fromisoformat(job.started_at)
    run = max(0.0, (now - started).total_seconds())
    is_slow = _is_slow(job, run)
    total = _total(job, run, started, samples, median, p90)
    ends = None if total is None else started + timedelta(seconds=total)
    if is_slow:
        text = f"slow: {_usually(job)}"
    elif total is None or job.status is JobStatus.CANCELLING:
        text = ""
    else:
        text = f"about {about(total - run)} left"
    return Estimate(None, ends, _usually(job), is_slow, text)


def waiting(
    job: Job, jobs: Iterable[Job], now: datetime, pace: Callable[[str], Sequence[Sample]]
) -> Queue:
    """Return the place of a waiting job among those that are known here, as a server does that is asked for it.

    Args:
        job: Which waits.
        jobs: All that are known; of those that others wait for, or that wait for another machine, nothing is known.
        now: The time, with a zone.
        pace: Returns of a running job, by its id, how far it was when.
    """
    live = [other for other in jobs if not other.status.is_terminal and other.id != job.id]
    ahead = sorted(
        (other for other in live if other.status is JobStatus.QUEUED and _turn(other) < _turn(job)),
        key=_turn,
    )
    running = [other for other in live if other.status is not JobStatus.QUEUED]
    if not running:  # a free place, or a machine that nothing is known of
        return Queue(len(ahead), None if ahead else 0.0)
    ends = [estimate(other, now, pace(other.id)).ends_at for other in running]
    spans = [_usual(other)[0] for other in ahead]
    if any(end is None for end in ends) or any(span is None for span in spans):
        return Queue(len(ahead), None)
    places = [max(0.0, (end - now).total_seconds()) for end in ends if end is not None]
    heapq.heapify(places)
    for span in spans:
        heapq.heapreplace(places, places[0] + (span or 0.0))
    return Queue(len(ahead), places[0])


def about(seconds: float) -> str:
    """Return a span of time as people say it, no finer than it can be known: `40 s`, `3 min`, `1 h 20 min`, `2 d 4 h`."""
    seconds = max(0.0, seconds)
    if seconds < 9.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 115:
        step = 5 if seconds < 58 else 10
        return f"{step * round(seconds / step)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    minutes = 5 * round(minutes / 5)
    if minutes < 24 * 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def duration(seconds: float, *, tenths: bool = True) -> str:
    """Return how long something took in at most two units, as the panel does: `8.2s`, `41s`, `3m12s`, `2h05m`, `3d04h`.

    Args:
        seconds: The span; a negative one is none.
        tenths: Whether one below 10 s has them.
    """
    seconds = max(0.0, seconds)
    if tenths and seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, part, smaller in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // part:02}{smaller}"
    return f"{whole}s"


def usual_span(usual: Mapping[str, float] | None) -> str:
    """Return how long earlier runs took, `50 s to 70 s`, from their median to their p90; empty where there are none."""
    if not usual or not usual.get("median"):
        return ""
    median = about(usual["median"])
    p90 = about(usual.get("p90") or usual["median"])
    return median if median == p90 else f"{median} to {p90}"


def _usually(job: Job) -> str:
    span = usual_span(job.usual)
    return f"usually {span}" if span else ""


def _usual(job: Job) -> tuple[float | None, float | None]:
    usual = job.usual or {}
    median = usual.get("median") or None
    return median, usual.get("p90") or median


def _is_slow(job: Job, run: float) -> bool:
    median, p90 = _usual(job)
    if median is None or p90 is None or (job.usual or {}).get("count", 0) < KNOWN_RUNS:
        return False
    return run > p90 and run > SLOWER * median


def _total(
    job: Job,
    run: float,
    started: datetime,
    samples: Sequence[Sample],
    median: float | None,
    p90: float | None,
) -> float | None:
    """Return the seconds that a run will take in all, or None when nothing tells."""
    usual = next((span for span in (median, p90) if span is not None and span > run), None)
    done = min(job.progress, 1.0) if job.progress else 0.0
    if not done:
        return usual
    points = _points(started, run, samples, done)
    told = _by_rate(points, run)
    if told is None:
        return usual
    if usual is None or done >= TRUSTED:
        return max(told, run)
    weight = done / TRUSTED
    return max(weight * told + (1 - weight) * usual, run)


def _points(
    started: datetime, run: float, samples: Sequence[Sample], done: float
) -> list[tuple[float, float]]:
    """Return how far the run was after how many seconds, from its start on."""
    points = [(0.0, 0.0)]
    for time, progress in samples:
        at = (datetime.fromisoformat(time) - started).total_seconds()
        if at > points[-1][0] and progress >= points[-1][1]:
            points.append((at, progress))
    if done > points[-1][1]:  # nobody was there to see when
        points.append((max(run, points[-1][0]), done))
    return points


def _by_rate(points: list[tuple[float, float]], run: float) -> float | None:
    """Return the seconds of the whole run from the rate of its last part; None when it did not move in that."""
    last, done = points[-1]
    begin = max(0.0, last - max(SHORTEST, SHARE * last))
    then = _at(points, begin)
    steps = [begin, *(at for at, _ in points if at > begin)]
    longest = max((after - before for before, after in pairwise(steps)), default=0.0)
    until = last + max(0.0, run - last - longest)
    if done <= then or until <= begin:
        return None
    return until + (1 - done) * (until - begin) / (done - then)


def _at(points: list[tuple[float, float]], moment: float) -> float:
    """Return how far the run was at a moment, between two points as on a straight line."""
    for (before, low), (after, high) in pairwise(points):
        if before <= moment <= after and before < after:
            return low + (high - low) * (moment - before) / (after - before)
    return points[-1][1]


def _turn(job: Job) -> tuple[int, str, str]:
    priority = job.priority or Priority.MEDIUM
    return (_ORDER.index(priority), job.created_at or "", job.id)


_ORDER = tuple(Priority)
