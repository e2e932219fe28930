"""What is known of a job without asking: the record, under the names that people use of a handle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.jobs.estimates import Estimate, estimate, waiting
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore

__all__ = ["JobFacts"]


class JobFacts:
    """The readable side of a handle. Each answer is as new as the last event, and costs no request."""

    id: str

    @property
    def _store(self) -> JobStore:
        raise AttributeError("whoever has facts says where they are")

    @property
    def record(self) -> Job:
        """The job as last heard of: all of its fields."""
        job = self._store.get(self.id)
        assert job is not None  # a handle is made for jobs of the store, which forgets none
        return job

    @property
    def name(self) -> str:
        """What people call it."""
        return self.record.label

    @property
    def status(self) -> JobStatus:
        """Where it is in its life."""
        return self._store.status(self.id)

    @property
    def progress(self) -> float | None:
        """From 0 to 1, or None when the job does not say."""
        return self.record.progress

    @property
    def message(self) -> str | None:
        """The last thing it reported."""
        return self.record.message

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that it was submitted with, to find and group jobs by."""
        return self.record.tags

    @property
    def submitted_from(self) -> str | None:
        """Where it was submitted, `train.ipynb, cell 5`, or None when nothing is known."""
        return self.record.submitted_from

    @property
    def attempt(self) -> int:
        """1, and one more at each retry by hand; the runs that its rules make are in `history`."""
        return self.record.attempt

    @property
    def key(self) -> str | None:
        """What the submit was once by, or None."""
        return self.record.key

    @property
    def after(self) -> tuple[str, ...]:
        """Ids of the jobs that must succeed before it starts."""
        return self.record.after

    @property
    def rules(self) -> Mapping[str, float]:
        """What its run is bound by, as far as that was said: `timeout`, `queueTimeout`, `retries`, `backoff`, `cpus`."""
        return self.record.rules

    @property
    def history(self) -> tuple[Mapping[str, Any], ...]:
        """The runs that failed and were followed by another, oldest first: `startedAt`, `finishedAt`, `error`."""
        return self.record.history

    @property
    def usual(self) -> Mapping[str, float] | None:
        """Seconds that earlier jobs of its name took, `count`, `median` and `p90`, or None where there are none."""
        return self.record.usual

    @property
    def estimate(self) -> Estimate:
        """What may be expected of it: when it starts and ends, and whether it is slow; in words by its `text`.

        From how far it is and from how long jobs of its name took; see `jobs.estimates` for how. For a job that waits,
        from the jobs that are known here; `queue()` asks the server, which knows all.
        """
        job, now, store = self.record, datetime.now(UTC), self._store
        place = None
        if job.status is JobStatus.QUEUED:
            live = [each for id_ in store.live() if (each := store.get(id_)) is not None]
            place = waiting(job, live, now, store.pace)
        return estimate(job, now, store.pace(self.id), place)

    @property
    def eta(self) -> datetime | None:
        """When it will have ended, about, in UTC; None when nothing tells, and once it has ended."""
        return self.estimate.ends_at

    def running(self) -> bool:
        """Whether its process is at work, a cancelled one not yet gone included."""
        return self.status in (JobStatus.RUNNING, JobStatus.CANCELLING)

    def __repr__(self) -> str:
        return f"<Job {self.name!r}: {self.status.word}>"
