"""What a job is: the record, its states, and which state may follow which.

Pure values: no clock, no sockets. The record mirrors `type Job` of `schema.graphql` name by name (snake case here,
camel case there); `WIRE_NAMES` is the one place where the two meet.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeVar

__all__ = [
    "OWN_ERRORS",
    "SUBMITTED",
    "TRANSITIONS",
    "WIRE_NAMES",
    "Job",
    "JobKind",
    "JobStatus",
    "Priority",
    "reason_of",
]

E = TypeVar("E", bound=StrEnum)


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    LOST = "LOST"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return not TRANSITIONS[self]

    @property
    def is_failure(self) -> bool:
        """Whether the job ended without being asked to, and not well."""
        return self in (JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.LOST)

    @property
    def word(self) -> str:
        """The status as a reader sees it: `timed out`."""
        return self.value.lower().replace("_", " ")

    @property
    def mark(self) -> str:
        """The shape that stands for the status where there is only text: no two are alike."""
        return _MARKS[self]


_S = JobStatus
_ENDED = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.TIMED_OUT, _S.LOST})

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.CANCELLING}) | _ENDED,
    _S.RUNNING: frozenset({_S.CANCELLING, _S.QUEUED}) | _ENDED,  # queued for another run
    _S.CANCELLING: _ENDED,  # work that ends well before the signal arrives has still succeeded
    **{status: frozenset() for status in _ENDED},
}
"""Which states may follow a state, besides itself. A status that is not listed is refused."""

_MARKS = {
    _S.QUEUED: "◌",
    _S.RUNNING: "◔",
    _S.CANCELLING: "⊖",
    _S.SUCCEEDED: "✔",
    _S.FAILED: "✖",
    _S.CANCELLED: "⊘",
    _S.TIMED_OUT: "⧗",
    _S.LOST: "⚡",
}


class Priority(StrEnum):
    """Which of the waiting jobs starts first; among equals, the oldest."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class JobKind(StrEnum):
    """What the work is."""

    REQUEST = "REQUEST"
    FUNCTION = "FUNCTION"
    COMMAND = "COMMAND"
    NOTEBOOK = "NOTEBOOK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the server last told it.

    Attributes:
        id: Unique; made by the client that submitted it, or by the server.
        group: The jobs that one monitor shows together.
        name: What people call it.
        kind: What the work is.
        request: The work in words: a request's name, a function's, a command line, a notebook's file name.
        params: The request's parameters, decoded from JSON.
        priority: Which of the waiting jobs starts first.
        tags: Words of the submitter's, to find and group jobs by.
        submitted_from: Where it was submitted, for people: `train.ipynb, cell 5`.
        retry_of: Id of the job that this one is a retry of; that one is superseded.
        attempt: 1, and one more at each retry.
        key: What the submit is once by.
        batch: The `map` call that it was submitted by, the same for all of its jobs.
        after: Ids of the jobs that must succeed before it starts.
        rules: What its run is bound by: `timeout`, `queueTimeout`, `backoff` (seconds), `retries`, `cpus`.
        history: The runs that failed and were followed by another: `startedAt`, `finishedAt`, `error`; oldest first.
        status: Where it is in its life.
        progress: From 0 to 1, or None when the job does not say.
        done: Steps done, when the job counts them.
        total: Steps to be done, when the job counts them.
        message: The last thing the job reported.
        metrics: What the work measures, by name: `last`, and `spark`, the series thinned out to at most 24 numbers.
        usual: Seconds that earlier jobs of the name took: `count`, `median`, `p90`; None where there are none.
        result: The value, decoded from JSON; None also when `result_size` is set.
        result_size: Bytes of a result that must be asked for, else None.
        error: `type`, `message`, and where known `traceback`, `exitCode`, `signal`, `log`; None unless it failed.
        version: Raised by one at each write; newer wins.
        created_at: When the server accepted it; ISO 8601 in UTC, as all times.
        started_at: When its process started, or None.
        finished_at: When it ended, or None.
        updated_at: When it was last written.
    """

    id: str
    group: str | None = None
    name: str | None = None
    kind: JobKind | None = None
    request: str | None = None
    params: Any = None
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    submitted_from: str | None = None
    retry_of: str | None = None
    attempt: int = 1
    key: str | None = None
    batch: str | None = None
    after: tuple[str, ...] = ()
    rules: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    status: JobStatus = JobStatus.QUEUED
    progress: float | None = None
    done: float | None = None
    total: float | None = None
    message: str | None = None
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usual: Mapping[str, float] | None = None
    result: Any = None
    result_size: int | None = None
    error: Mapping[str, Any] | None = None
    version: int = 0
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> Self:
        """Read a job from a GraphQL answer or event.

        Args:
            body: `type Job` as JSON, camel case, `AWSJSON` fields as JSON strings. Unknown fields are left out.

        Raises:
            ValueError: It has no id, no status or no version that can be understood: ask the server again.
        """
        id_, status, version = body.get("id"), body.get("status"), body.get("version")
        if not id_ or not status or not isinstance(version, int):
            raise ValueError("a job without id, status or version")
        get = body.get
        return cls(
            id=id_,
            group=get("group"),
            name=get("name"),
            kind=_member(JobKind, get("kind")),
            request=get("request"),
            params=_decode(get("params")),
            priority=_member(Priority, get("priority")),
            tags=_words(get("tags")),
            submitted_from=get("submittedFrom"),
            retry_of=get("retryOf"),
            attempt=get("attempt") or 1,
            key=get("key"),
            batch=get("batch"),
            after=_words(get("after")),
            rules=_object(get("rules")) or {},
            history=_objects(get("history")),
            status=JobStatus(status),
            progress=get("progress"),
            done=get("done"),
            total=get("total"),
            message=get("message"),
            metrics=_metrics(get("metrics")),
            usual=_object(get("usual")),
            result=_decode(get("result")),
            result_size=get("resultSize"),
            error=_error(_decode(get("error"))),
            version=version,
            created_at=get("createdAt"),
            started_at=get("startedAt"),
            finished_at=get("finishedAt"),
            updated_at=get("updatedAt"),
        )

    @property
    def label(self) -> str:
        """What to call it in a sentence: the name, else the request, else the id."""
        return self.name or self.request or self.id

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, or None while it has not done both."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (
            datetime.fromisoformat(self.finished_at) - datetime.fromisoformat(self.started_at)
        ).total_seconds()

    @property
    def reason(self) -> str:
        """Why it ended badly, as `reason_of` says it."""
        return reason_of(self.error)

    def __repr__(self) -> str:
        return f"Job({self.label!r}, {self.status.word})"


SUBMITTED = (
    "request",
    "name",
    "group",
    "kind",
    "priority",
    "params",
    "tags",
    "submittedFrom",
    "key",
    "batch",
    "after",
    "rules",
)
"""What a submission says of a job and the job keeps, by the names of `schema.graphql`."""

OWN_ERRORS = frozenset({"DependencyFailed", "ExitCode", "Lost", "Signal", "TimedOut"})
"""Types of errors that are this package's; their messages are sentences that need no type before them."""


def reason_of(error: Mapping[str, Any] | None) -> str:
    """Return an error as people read it: `ValueError: bad day`, `ended with exit code 2`, or an empty string."""
    type_, message = ((error or {}).get(name) for name in ("type", "message"))
    parts = [message] if message and type_ in OWN_ERRORS else [type_, message]
    return ": ".join(str(part) for part in parts if part)


WIRE_NAMES: Mapping[str, str] = {
    field.name: re.sub(r"_([a-z])", lambda match: match[1].upper(), field.name)
    for field in dataclasses.fields(Job)
}
"""The name of each field of `Job` in `schema.graphql`, in the order of the schema."""


def _member(names: type[E], value: Any) -> E | None:
    """Return the member of that value; None for a word of another schema's."""
    return names(value) if value in names.__members__ else None


def _error(value: Any) -> Mapping[str, Any] | None:
    """Return an error as an object; a worker of somebody else's may say no more than a sentence."""
    return value if isinstance(value, Mapping) or value is None else {"message": str(value)}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, (list, tuple)) else ()


def _object(value: Any) -> Mapping[str, Any] | None:
    """Read an AWSJSON field that holds an object; of another schema's it may hold anything."""
    decoded = _decode(value)
    return decoded if isinstance(decoded, Mapping) else None


def _objects(value: Any) -> tuple[Mapping[str, Any], ...]:
    decoded = _decode(value)
    return (
        tuple(entry for entry in decoded if isinstance(entry, Mapping))
        if isinstance(decoded, list)
        else ()
    )


def _metrics(value: Any) -> Mapping[str, Mapping[str, Any]]:
    return {
        name: told for name, told in (_object(value) or {}).items() if isinstance(told, Mapping)
    }


def _decode(value: Any) -> Any:
    """Read an AWSJSON field: a string of JSON on the wire. A string that is not JSON stands for itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
