"""The jobs as this process knows them: newer versions in, everything else out.

Pure: no clock, no sockets, no threads of its own. A job may arrive many times and in any order, by event, by query
and by mutation; whatever the order, the store ends with the newest version of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from jupyter_jobs.jobs.model import TRANSITIONS, Job, JobStatus

__all__ = ["JobStore", "Observer"]

Observer = Callable[[str, JobStatus], None]

_STATUS: Mapping[str, JobStatus] = {status.value: status for status in JobStatus}
_ENDED = frozenset(status.value for status, followers in TRANSITIONS.items() if not followers)


class JobStore:
    """Jobs by id, merged by version.

    Bodies are kept as they came and read into a `Job` when somebody looks: a burst of updates costs one comparison
    each.

    Args:
        lock: Guards a merge where several threads share the store.
    """

    def __init__(self, lock: AbstractContextManager[Any] | None = None) -> None:
        self._lock = lock if lock is not None else nullcontext()
        self._bodies: dict[str, Mapping[str, Any]] = {}
        self._jobs: dict[str, Job] = {}
        self._counts: Counter[JobStatus] = Counter()
        self._observers: list[Observer] = []

    def merge(self, body: Mapping[str, Any]) -> bool:
        """Take in one job as GraphQL told it; newer versions win, equal or older ones are dropped.

        A job that has ended stays as it ended, whatever arrives later.

        Args:
            body: A complete `type Job`, never a part of one.

        Returns:
            Whether the store changed. Observers have been called by then, outside the lock.

        Raises:
            ValueError: No id, no integer version, or a status of no known name: ask the server again.
        """
        try:
            id_, version, status = body["id"], body["version"], _STATUS[body["status"]]
        except KeyError as error:
            raise ValueError(f"unusable job: {error}") from None
        if not id_ or type(version) is not int:
            raise ValueError("unusable job: no id or no integer version")
        with self._lock:
            known = self._bodies.get(id_)
            if known is not None:
                if version <= known["version"] or known["status"] in _ENDED:
                    return False
                if known["status"] != status:
                    self._counts[_STATUS[known["status"]]] -= 1
                    self._counts[status] += 1
            else:
                self._counts[status] += 1
            self._bodies[id_] = body
            self._jobs.pop(id_, None)
        for observer in self._observers:
            observer(id_, status)
        return True

    def get(self, id_: str) -> Job | None:
        """Return the newest version of a job, or None."""
        job = self._jobs.get(id_)
        if job is None and (body := self._bodies.get(id_)) is not None:
            job = self._jobs[id_] = Job.from_wire(body)
            if self._bodies[id_] is not body:  # a merge came between: keep nothing old
                self._jobs.pop(id_, None)
        return job

    def version(self, id_: str) -> int:
        """Return the version known of a job; 0 if it is unknown."""
        body = self._bodies.get(id_)
        return body["version"] if body is not None else 0

    def counts(self) -> dict[JobStatus, int]:
        """Return the number of jobs in each state that has any."""
        return {status: self._counts[status] for status in JobStatus if self._counts[status]}

    def live(self) -> list[str]:
        """Return the ids of the jobs that have not ended."""
        return [id_ for id_, body in list(self._bodies.items()) if body["status"] not in _ENDED]

    @property
    def has_live(self) -> bool:
        """Whether any job has not ended."""
        return any(n for status, n in self._counts.items() if status.value not in _ENDED)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer(id, status)` after each change, on the thread that merged; return what ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer) if observer in self._observers else None

    def __iter__(self) -> Iterator[Job]:
        for id_ in list(self._bodies):
            job = self.get(id_)
            assert job is not None  # jobs are never removed
            yield job

    def __len__(self) -> int:
        return len(self._bodies)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._bodies
