"""Which of the waiting jobs start now, which end without having started, and when to look again.

A job may start when the jobs that it waits for have succeeded and its time has come. Of those, HIGH starts before
MEDIUM before LOW, then the oldest, as long as the CPUs they say they need are free. One that needs more than are free
is passed by smaller ones behind it, or the machine would idle; but once it could have started for `PATIENCE_S`, no
more of them start until it does. That is the rule of PBS for starving jobs, counted by eligible time (PBS
Professional, Administrator's Guide, "Starving Jobs"); it needs no guess of how long a job will run.

Pure: time is an argument, in seconds. No call costs more than the logarithm of how many jobs wait, but `place`.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PATIENCE_S", "Decision", "Ending", "Place", "Schedule", "Waiting"]

PATIENCE_S = 60.0
"""How long a job that could start is passed by others that need less."""

_ENDINGS = 50  # at a time, so that starts do not wait for thousands of them
_RANKS: Mapping[str | None, int] = {"HIGH": 0, "LOW": 2}  # others between


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that waits.

    Attributes:
        id: The job's.
        number: Lower for older ones.
        priority: `HIGH`, `MEDIUM` or `LOW`.
        cpus: What it takes of the machine.
        since: When it may start at the earliest, apart from the jobs it waits for.
        queue_timeout: Seconds that it waits for its start, once it may; None for as long as it takes.
        usual: Seconds that its like takes; None where nobody knows.
        elsewhere: Whether somebody else starts it.
    """

    id: str
    number: int
    priority: str | None = "MEDIUM"
    cpus: int = 1
    since: float = 0.0
    queue_timeout: float | None = None
    usual: float | None = None
    elsewhere: bool = False

    @property
    def turn(self) -> tuple[int, int]:
        """Its place among those that may start: lower is earlier."""
        return _RANKS.get(self.priority, 1), self.number


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that ends without having started.

    Attributes:
        id: The job's.
        reason: The message of the dependency that failed; None if it waited too long.
        waited: The seconds that were too long, else None.
    """

    id: str
    reason: str | None = None
    waited: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done.

    Attributes:
        start: Jobs to start, in this order; they have their CPUs already.
        end: Jobs to end; they wait no more.
        look_at: When there may be more to do, if nothing else happens; None for never.
    """

    start: tuple[Waiting, ...] = ()
    end: tuple[Ending, ...] = ()
    look_at: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place among those that wait.

    Attributes:
        ahead: Jobs that start before it.
        seconds: Until it may start; None where nobody knows.
    """

    ahead: int
    seconds: float | None


@dataclass(slots=True, eq=False)
class _Entry:
    """A job that waits, and for which others it does; `since` is known when those have succeeded."""

    job: Waiting
    since: float
    unmet: set[str]


@dataclass(frozen=True, slots=True)
class _Run:
    cpus: int
    since: float
    usual: float | None


class _Heap:
    """Entries by a key, the lowest first; one that waits no more is passed over when its turn comes."""

    def __init__(self, waiting: Mapping[str, _Entry]) -> None:
        self._waiting = waiting
        self._heap: list[tuple[Any, int, _Entry]] = []
        self._serial = itertools.count()

    def push(self, key: Any, entry: _Entry) -> None:
        heapq.heappush(self._heap, (key, next(self._serial), entry))

    def first(self) -> tuple[Any, _Entry] | None:
        while self._heap:
            key, _, entry = self._heap[0]
            if self._waiting.get(entry.job.id) is entry:
                return key, entry
            heapq.heappop(self._heap)
        return None

    def pop(self) -> None:
        heapq.heappop(self._heap)

    def until(self, now: float) -> Iterator[_Entry]:
        """Take out the entries whose key is a time that has come."""
        while (first := self.first()) is not None and first[0] <= now:
            self.pop()
            yield first[1]

    def __iter__(self) -> Iterator[tuple[Any, _Entry]]:
        """Yield all of them, in no order."""
        for key, _, entry in self._heap:
            if self._waiting.get(entry.job.id) is entry:
                yield key, entry


class Schedule:
    """The jobs that wait, and what those that run take.

    Args:
        slots: CPUs that running jobs may take together.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._waiting: dict[str, _Entry] = {}
        self._running: dict[str, _Run] = {}
        self._dependents: dict[str, dict[str, None]] = {}  # a set that keeps its order
        self._free = slots
        self._coming = _Heap(self._waiting)  # by the time from which they may start
        self._deadlines = _Heap(self._waiting)
        self._ready: dict[int, _Heap] = {}  # by CPUs, each in the order of turns
        self._ending: deque[Ending] = deque()

    def __contains__(self, id_: object) -> bool:
        """Whether a job waits, or runs, or is about to."""
        return id_ in self._waiting or id_ in self._running

    def waits(self, id_: str) -> bool:
        """Whether a job waits: its end, whatever it is, will still be told."""
        return id_ in self._waiting

    @property
    def live(self) -> int:
        """Jobs that run or wait to be started here."""
        return len(self._running) + sum(not e.job.elsewhere for e in self._waiting.values())

    def add(self, job: Waiting, unmet: Iterable[str] = (), failed: str | None = None) -> None:
        """Let a job wait.

        Args:
            job: It takes no more CPUs than there are.
            unmet: Jobs that must succeed first, whose ends will be told to `ended`.
            failed: Why it can never start: a job that it waits for did not succeed.
        """
        entry = _Entry(job, job.since, set(unmet))
        self._waiting[job.id] = entry
        for dependency in entry.unmet:
            self._dependents.setdefault(dependency, {})[job.id] = None
        if failed is not None:
            self._give_up(entry, failed)
        elif not entry.unmet:
            self._coming.push(entry.since, entry)

    def remove(self, id_: str) -> None:
        """Let a job wait no more; nothing if it does not."""
        if (entry := self._waiting.pop(id_, None)) is not None:
            for dependency in entry.unmet:
                self._dependents.get(dependency, {}).pop(id_, None)

    def occupy(self, job: Waiting, since: float) -> None:
        """Note a job that runs already; it may take more than there is."""
        self.remove(job.id)
        self._run(job, since)

    def release(self, id_: str) -> None:
        """Give back what a job took; nothing if it took nothing."""
        if (run := self._running.pop(id_, None)) is not None:
            self._free += run.cpus

    def ended(self, id_: str, now: float, failure: str | None) -> None:
        """Tell those that wait for a job that it has ended.

        Args:
            id_: The job's.
            now: When.
            failure: Why it did not succeed; None if it did.
        """
        self.remove(id_)
        for dependent in self._dependents.pop(id_, {}):
            entry = self._waiting[dependent]
            entry.unmet.discard(id_)
            if failure is not None:
                self._give_up(entry, failure)
                continue
            entry.since = max(entry.since, now)
            if not entry.unmet:
                self._coming.push(entry.since, entry)

    def decide(self, now: float) -> Decision:
        """Return what is to be done now; it is not told again."""
        for entry in self._coming.until(now):
            if not entry.job.elsewhere:
                self._ready.setdefault(entry.job.cpus, _Heap(self._waiting)).push(
                    entry.job.turn, entry
                )
            if entry.job.queue_timeout is not None:
                self._deadlines.push(entry.since + entry.job.queue_timeout, entry)
        for entry in self._deadlines.until(now):
            self.remove(entry.job.id)
            self._ending.append(Ending(entry.job.id, waited=entry.job.queue_timeout))
        started = []
        while (job := self._next(now)) is not None:
            self.remove(job.id)
            self._run(job, now)
            started.append(job)
        ending = [self._ending.popleft() for _ in range(min(_ENDINGS, len(self._ending)))]
        due = [now] if self._ending else []
        due += [first[0] for heap in (self._coming, self._deadlines) if (first := heap.first())]
        return Decision(tuple(started), tuple(ending), min(due, default=None))

    def place(self, id_: str, now: float) -> Place | None:
        """Return a job's place if those that may start do so in their order; None if it does not wait."""
        if (mine := self._waiting.get(id_)) is None or mine.job.elsewhere:
            return None
        turn = mine.job.turn
        ready = [found for heap in self._ready.values() for found in heap]
        ready += [(e.job.turn, e) for key, e in self._coming if key <= now and not e.job.elsewhere]
        ahead = [entry.job for at, entry in sorted(ready, key=lambda found: found[0]) if at < turn]
        seconds = None if mine.unmet else self._until_free(mine.job.cpus, ahead, now)
        if seconds is not None:
            seconds = round(max(seconds, mine.since - now), 3)
        return Place(len(ahead), seconds)

    def _next(self, now: float) -> Waiting | None:
        """Return the job that starts next, if one may."""
        firsts = [first for heap in self._ready.values() if (first := heap.first())]
        turn, entry = min(
            (first for first in firsts if first[1].job.cpus <= self._free),
            key=lambda first: first[0],
            default=(None, None),
        )
        if entry is None or any(
            other < turn and starving.job.cpus > self._free and now - starving.since >= PATIENCE_S
            for other, starving in firsts
        ):
            return None
        return entry.job

    def _run(self, job: Waiting, since: float) -> None:
        self._running[job.id] = _Run(job.cpus, since, job.usual)
        self._free -= job.cpus

    def _give_up(self, entry: _Entry, failure: str) -> None:
        self.remove(entry.job.id)
        self._ending.append(Ending(entry.job.id, reason=failure))

    def _until_free(self, cpus: int, ahead: Iterable[Waiting], now: float) -> float | None:
        """Return the seconds until `cpus` are free when those ahead have been started; None if nobody knows."""
        free_at = [now] * max(self._free, 0)
        for run in self._running.values():
            if run.usual is None:
                return None
            free_at += [max(run.since + run.usual, now)] * run.cpus
        heapq.heapify(free_at)
        for job in ahead:
            if job.usual is None:
                return None
            taken = [heapq.heappop(free_at) for _ in range(job.cpus)]
            for _ in taken:
                heapq.heappush(free_at, taken[-1] + job.usual)
        return heapq.nsmallest(cpus, free_at)[-1] - now
