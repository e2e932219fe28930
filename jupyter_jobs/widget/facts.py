"""What a reader finds about one job besides its outcome, worded: terms and what they are. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.estimates import Queue, duration, usual_span
from jupyter_jobs.jobs.model import Job, JobKind, Priority
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.rows import epoch_ms

__all__ = ["Asked", "facts"]

_PREVIEW = 500  # characters of parameters and result
_FILES = 20
_UNITS = ("B", "KB", "MB", "GB", "TB")

Value = str | int | Mapping[str, str] | list[tuple[str, str | None]]
"""A line; a time in epoch milliseconds; `{"code": text}`; or lines, each with what there is of it to copy."""


@dataclass(frozen=True)
class Asked:
    """What the server had to be asked for.

    Attributes:
        log: The last lines of the job's output.
        files: What it left, as `JobFile`s of the schema.
        queue: Its place among those that wait.
    """

    log: Sequence[str] = ()
    files: Sequence[Mapping[str, Any]] = ()
    queue: Queue | None = None


def facts(store: JobStore, job: Job, asked: Asked) -> list[tuple[str, Value]]:
    """Return what is known of a job as pairs, in the order in which somebody reads them.

    Args:
        store: Knows the jobs that it waits for.
        job: The job.
        asked: What the store does not know.
    """
    return [(term, value) for term, value in _all(store, job, asked) if value]


def _all(store: JobStore, job: Job, asked: Asked) -> Iterator[tuple[str, Value | None]]:
    error = job.error or {}
    plain = not error.get("traceback")
    yield "submitted", epoch_ms(job.created_at)
    yield "from", job.submitted_from
    yield "queue", None if asked.queue is None else asked.queue.text
    yield "after", ", ".join(_named(store, id_) for id_ in job.after)
    yield "started", epoch_ms(job.started_at)
    yield "ended", epoch_ms(job.finished_at)
    yield "took", None if job.duration is None else duration(job.duration)
    yield "usually", usual_span(job.usual)
    yield "earlier runs", [(_run(n, run), None) for n, run in enumerate(job.history, 1)]
    yield "called as" if job.kind is JobKind.FUNCTION else "request", _code(job.request)
    yield "params", _code(job.params)
    yield "result", _result(job)
    yield "files", [_file(file) for file in asked.files[:_FILES]] + _more(len(asked.files) - _FILES)
    yield "rules", " · ".join(_rules(job.rules))
    yield "tags", ", ".join(job.tags)
    yield "priority", None if job.priority in (None, Priority.MEDIUM) else job.priority.lower()
    yield "key", job.key
    yield "exit code", str(error["exitCode"]) if plain and error.get("exitCode") else None
    yield "signal", str(error["signal"]) if error.get("signal") else None
    yield "group", job.group
    yield "id", {"code": job.id}


def _named(store: JobStore, id_: str) -> str:
    former = store.get(id_)
    return id_ if former is None else f"{former.label} ({former.status.word})"


def _run(number: int, run: Mapping[str, Any]) -> str:
    parts = [f"run {number}"]
    if run.get("startedAt") and run.get("finishedAt"):
        begun, ended = (datetime.fromisoformat(run[name]) for name in ("startedAt", "finishedAt"))
        parts.append(duration((ended - begun).total_seconds()))
    return " · ".join([*parts, str(run.get("error") or "failed")])


def _rules(rules: Mapping[str, float]) -> Iterator[str]:
    if (timeout := rules.get("timeout")) is not None:
        yield f"at most {duration(timeout)}"
    if (wait := rules.get("queueTimeout")) is not None:
        yield f"waits at most {duration(wait)}"
    if retries := rules.get("retries"):
        yield f"{retries:g} more {'run' if retries == 1 else 'runs'} when it fails"
    if (cpus := rules.get("cpus", 1)) != 1:
        yield f"{cpus:g} CPUs"


def _file(file: Mapping[str, Any]) -> tuple[str, str | None]:
    return f"{file.get('name')} · {_size(file.get('size') or 0)}", file.get("path")


def _more(count: int) -> list[tuple[str, str | None]]:
    return [(f"and {count:,} more, by job.files()", None)] if count > 0 else []


def _size(count: float) -> str:
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {_UNITS[unit]}"


def _result(job: Job) -> Value | None:
    if job.result_size is not None:
        return f"{_size(job.result_size)}, by job.result()"
    return _code(job.result)


def _code(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    text = redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return {"code": text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"}
