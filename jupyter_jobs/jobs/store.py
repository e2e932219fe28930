"""The jobs as this process knows them: newer versions in, everything else out.

Pure: no clock, no sockets, no threads of its own. A job may arrive many times and in any order, by event, by query
and by mutation; whatever the order, the store ends with the newest version of each.

A job that was retried is superseded by its retry, also in whatever order the two arrive. It stays, and is only left
out where a line of attempts counts once: by its newest. A job of another group, which somebody asked for, is kept
current as any other, and is not among the group's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from jupyter_jobs.jobs.model import TRANSITIONS, Job, JobStatus

__all__ = ["JobStore", "Observer"]

Observer = Callable[[str, JobStatus], None]

_STATUS: Mapping[str, JobStatus] = {status.value: status for status in JobStatus}
_PACE = 64  # places that are kept of a run
_ENDED = frozenset(status.value for status, followers in TRANSITIONS.items() if not followers)


class JobStore:
    """Jobs by id, merged by version.

    Bodies are kept as they came and read into a `Job` when somebody looks: a burst of updates costs one comparison
    each.

    Args:
        lock: Guards a merge where several threads share the store.
        group: Whose jobs are counted and iterated over; None for all.
    """

    def __init__(
        self, lock: AbstractContextManager[Any] | None = None, *, group: str | None = None
    ) -> None:
        self._group = group
        self._elsewhere: set[str] = set()  # those of other groups
        self._lock = lock if lock is not None else nullcontext()
        self._bodies: dict[str, Mapping[str, Any]] = {}
        self._jobs: dict[str, Job] = {}
        self._counts: Counter[JobStatus] = Counter()
        self._unlisted: Counter[JobStatus] = Counter()  # those of `_counts` that are not listed
        self._retries: dict[str, str] = {}
        self._paces: dict[str, list[tuple[str, float]]] = {}
        self._observers: list[Observer] = []

    def merge(self, body: Mapping[str, Any]) -> bool:
        """Take in one job as GraphQL told it; newer versions win, equal or older ones are dropped.

        A job that has ended stays as it ended, whatever arrives later.

        Args:
            body: A complete `type Job`, never a part of one.

        Returns:
            Whether the store changed. Observers have been called by then, outside the lock; also for the job that
            this one, new here, supersedes.

        Raises:
            ValueError: No id, no integer version, or a status of no known name: ask the server again.
        """
        try:
            id_, version, status = body["id"], body["version"], _STATUS[body["status"]]
        except KeyError as error:
            raise ValueError(f"unusable job: {error}") from None
        if not id_ or type(version) is not int:
            raise ValueError("unusable job: no id or no integer version")
        retried: Any = body.get("retryOf")
        former = None
        with self._lock:
            known = self._bodies.get(id_)
            if known is not None:
                if version <= known["version"] or known["status"] in _ENDED:
                    return False
                if known["status"] != status:
                    self._count(id_, _STATUS[known["status"]], -1)
                    self._count(id_, status, 1)
            else:
                if self._group is not None and body.get("group") not in (None, self._group):
                    self._elsewhere.add(id_)
                self._count(id_, status, 1)
            self._bodies[id_] = body
            self._jobs.pop(id_, None)
            self._note_pace(id_, body)
            if retried is not None:
                former = self._supersede(retried, id_)
        observers = tuple(self._observers)  # other threads come and go
        for observer in observers:
            observer(id_, status)
        if former is not None:
            for observer in observers:
                observer(retried, former)
        return True

    def _note_pace(self, id_: str, body: Mapping[str, Any]) -> None:
        """Keep how far a running job was when, ever more sparsely: of a long run as much as of a short one."""
        if body["status"] != "RUNNING":
            self._paces.pop(id_, None)
        elif (progress := body.get("progress")) is not None and (time := body.get("updatedAt")):
            pace = self._paces.setdefault(id_, [])
            if pace and progress < pace[-1][1]:  # it began something anew
                pace.clear()
            if not pace or progress > pace[-1][1]:
                pace.append((time, progress))
            if len(pace) > _PACE:
                del pace[1:-1:2]

    def pace(self, id_: str) -> Sequence[tuple[str, float]]:
        """Return when a running job was how far, oldest first, as far as that was seen: times in ISO 8601 and shares."""
        return tuple(self._paces.get(id_, ()))

    def _count(self, id_: str, status: JobStatus, n: int) -> None:
        self._counts[status] += n
        if not self.is_listed(id_):
            self._unlisted[status] += n

    def _supersede(self, id_: str, retry: str) -> JobStatus | None:
        """Note the retry of a job; return the job's status if it is here and was not superseded before."""
        before = self._retries.get(id_)
        if before == retry or id_ == retry:
            return None
        if (
            before is not None
        ):  # an API that lets a job be retried twice: the newer one is its successor
            self._retries[id_] = max(before, retry, key=self._age)
            return None
        self._retries[id_] = retry
        if (body := self._bodies.get(id_)) is None:
            return None
        status = _STATUS[body["status"]]
        if id_ not in self._elsewhere:
            self._unlisted[status] += 1
        return status

    def _age(self, id_: str) -> tuple[str, str]:
        return (self._bodies[id_].get("createdAt") or "", id_)

    def superseded(self, id_: str) -> bool:
        """Whether a job was retried, so that the retry stands for both."""
        return id_ in self._retries

    def is_listed(self, id_: str) -> bool:
        """Whether a job is one of the group's that no retry stands for."""
        return id_ not in self._retries and id_ not in self._elsewhere

    def successor(self, id_: str) -> str | None:
        """Return the id of a job's retry, or None."""
        return self._retries.get(id_)

    def attempts(self, id_: str) -> list[str]:
        """Return the ids of all attempts at a job's work that are here, the first one first, this one among them."""
        line = [id_] if id_ in self._bodies else []
        while line and (former := self._bodies[line[0]].get("retryOf")) in self._bodies:
            if former in line:  # an API that tells a circle
                return line
            line.insert(0, former)
        while line and (later := self._retries.get(line[-1])) is not None and later not in line:
            line.append(later)
        return line

    def get(self, id_: str) -> Job | None:
        """Return the newest version of a job, or None."""
        job = self._jobs.get(id_)
        if job is None and (body := self._bodies.get(id_)) is not None:
            job = self._jobs[id_] = Job.from_wire(body)
            if self._bodies[id_] is not body:  # a merge came between: keep nothing old
                self._jobs.pop(id_, None)
        return job

    def status(self, id_: str) -> JobStatus:
        """Return where a job of the store is in its life, at a tenth of what its `Job` costs.

        Raises:
            KeyError: There is no such job.
        """
        return _STATUS[self._bodies[id_]["status"]]

    def version(self, id_: str) -> int:
        """Return the version known of a job; 0 if it is unknown."""
        body = self._bodies.get(id_)
        return body["version"] if body is not None else 0

    def counts(self) -> dict[JobStatus, int]:
        """Return the number of jobs in each state that has any; a line of attempts counts as its newest."""
        with self._lock:
            counts = self._counts - self._unlisted
        return {status: counts[status] for status in JobStatus if counts[status]}

    def live(self) -> list[str]:
        """Return the ids of the jobs that have not ended."""
        with self._lock:
            return [id_ for id_, body in self._bodies.items() if body["status"] not in _ENDED]

    @property
    def has_live(self) -> bool:
        """Whether any job has not ended; a superseded one has, but that may not have been heard here."""
        with self._lock:
            return any(n for status, n in self._counts.items() if status.value not in _ENDED)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer(id, status)` after each change, on the thread that merged; return what ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer) if observer in self._observers else None

    def __iter__(self) -> Iterator[Job]:
        return self._read(id_ for id_ in list(self._bodies) if id_ not in self._elsewhere)

    def _read(self, ids: Iterable[str]) -> Iterator[Job]:
        for id_ in ids:
            job = self.get(id_)
            assert job is not None  # jobs are never removed
            yield job

    def current(self) -> Iterator[Job]:
        """Iterate over the jobs that are not superseded: of each line of attempts the newest."""
        return self._read(id_ for id_ in list(self._bodies) if self.is_listed(id_))

    @property
    def bodies(self) -> Mapping[str, Mapping[str, Any]]:
        """Each job by its id, as GraphQL told it: a `Job` costs ten times as much to read as one line of it."""
        return self._bodies

    def __len__(self) -> int:
        return len(self._bodies)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._bodies
