"""Spans of what a client submits, for those who use OpenTelemetry; see `_tracing`.

A submission is a span of its own, and its context travels with the job. A run is a span that the job's own process
makes if it can, for its times are exact and the user's spans are its children. Those that it does not make, as of a
program, of work that was killed, or of a backend elsewhere, are made here from the record when the job has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_jobs import _tracing
from jupyter_jobs.errors import JobsError
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["Submits", "Traces"]


@dataclass(frozen=True)
class _Followed:
    """A job whose runs are to have spans.

    Attributes:
        carrier: What the span of its submission carried.
        mark: The file that tells which runs have theirs; None where no such file can be.
    """

    carrier: Mapping[str, str]
    mark: Path | None


class Traces:
    """The spans of one client's jobs. From any thread.

    Args:
        store: What is known of the jobs.
        find_folder: Returns the folder of the backend's data; None for a backend whose files cannot be read here.
    """

    def __init__(self, store: JobStore, find_folder: Callable[[], Path] | None) -> None:
        self.runs_here = find_folder is not None
        self._store = store
        self._find_folder = find_folder
        self._followed: dict[str, _Followed] = {}
        self._observes = False

    def submits(self) -> Submits:
        """Return what makes the spans of one exchange."""
        return Submits(self)

    def follow(self, id_: str, carrier: Mapping[str, str]) -> None:
        """Make the spans of a job's runs when it has ended, as far as there are none."""
        mark = None
        if self._find_folder is not None:
            mark = self._find_folder() / "jobs" / id_ / _tracing.MARK
        self._followed[id_] = _Followed(carrier, mark)
        if not self._observes:
            self._observes = True
            self._store.observe(self._job_changed)
        job = self._store.get(id_)
        if job is not None:
            self._job_changed(id_, job.status)

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        if not status.is_terminal or (followed := self._followed.pop(id_, None)) is None:
            return
        if (job := self._store.get(id_)) is not None:
            _make_runs(job, followed)


class Submits:
    """The spans of the submissions of one exchange; those that were not answered end with the error that ends it."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._open: dict[str, tuple[Span, Mapping[str, str]]] = {}

    def begin(self, fields: Mapping[str, Any]) -> _tracing.Trace | None:
        """Begin the span of a `SubmitJobInput`, and return what its payload is to carry; None where nothing is traced."""
        if not _tracing.is_used():
            return None
        from opentelemetry.trace import SpanKind

        facts = {name: fields.get(name) for name in ("id", "name", "kind", "group")}
        span = _tracing.tracer().start_span(
            f"jupyter_jobs submit {fields['name']}",
            kind=SpanKind.PRODUCER,
            attributes=_tracing.attributes(**facts),
        )
        carrier = _tracing.carried(span)
        if not carrier:  # there is no provider, and no span around us
            return None
        self._open[fields["id"]] = span, carrier
        return {"name": fields["name"], "context": carrier, "runs": self._traces.runs_here}

    def answered(self, asked: Mapping[str, Any], told: Mapping[str, Any] | JobsError) -> None:
        """End the span of a submission."""
        found = self._open.pop(str(asked.get("id")), None)
        if found is None:
            return
        span, carrier = found
        if isinstance(told, JobsError):
            _tracing.fail(span, type(told).__name__)
        elif told["id"] != asked["id"] and "key" in asked:
            span.set_attributes(_tracing.attributes(attached=told["id"]))
        span.end()
        if not isinstance(told, JobsError) and ("key" not in asked or told["id"] == asked["id"]):
            self._traces.follow(told["id"], carrier)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for span, _carrier in self._open.values():
            if kind is not None:
                _tracing.fail(span, kind.__name__)
            span.end()
        self._open.clear()


def _make_runs(job: Job, followed: _Followed) -> None:
    from opentelemetry.trace import SpanKind

    told = _told(followed.mark)
    for number, (started, finished, error_type) in enumerate(_runs(job), start=1):
        if number in told:
            continue
        span = _tracing.tracer().start_span(
            f"jupyter_jobs run {job.label}",
            _tracing.parent(followed.carrier),
            SpanKind.CONSUMER,
            _tracing.attributes(
                id=job.id,
                name=job.label,
                kind=job.kind and job.kind.value,
                group=job.group,
                run=number,
                status="FAILED" if number <= len(job.history) else job.status.value,
            ),
            start_time=started,
        )
        if error_type:
            _tracing.fail(span, error_type)
        span.end(finished)


def _runs(job: Job) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of each run, in nanoseconds since the epoch, and the type of its error."""
    runs = [
        (run.get("startedAt"), run.get("finishedAt"), str(run.get("error")).partition(":")[0])
        for run in job.history
    ]
    error_type = job.status.value if job.status.is_failure else ""
    if error_type and job.error:
        error_type = str(job.error.get("type") or error_type)
    for started, finished, kind in [*runs, (job.started_at, job.finished_at, error_type)]:
        if started and finished:  # one that was cancelled may never have begun
            yield _nanoseconds(started), _nanoseconds(finished), kind


def _told(mark: Path | None) -> set[int]:
    if mark is not None:
        with suppress(OSError, ValueError):
            return {int(line) for line in mark.read_text().split()}
    return set()


def _nanoseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000
