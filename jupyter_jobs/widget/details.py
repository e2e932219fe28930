"""All that is known of one job, for a reader who opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.frames import Frame, frames
from jupyter_jobs.widget.rows import epoch_ms, error_line

__all__ = ["details", "error_details"]

_PREVIEW = 500  # characters of parameters and result
_TRACEBACK = 20_000
_FRAMES = 6  # of the user's own calls


def details(store: JobStore, job: Job, log: Sequence[str]) -> dict[str, Any]:
    """Return a job as the page's drawer wants it.

    Args:
        store: Knows the other attempts at the same work.
        job: The job.
        log: Its last lines.
    """
    attempts = [store.get(id_) for id_ in store.attempts(job.id)]
    return {
        "request": job.request,
        "kind": job.kind,
        "priority": job.priority,
        "group": job.group,
        "tags": list(job.tags) or None,
        "submittedFrom": job.submitted_from,
        "params": _preview(job.params),
        "result": f"{job.result_size:,} bytes, by job.result()"
        if job.result_size is not None
        else _preview(job.result),
        "error": error_details(job.error) if job.error else None,
        "log": list(log),
        "version": job.version,
        "attempt": job.attempt,
        "attempts": [_attempt(attempt) for attempt in attempts if attempt is not None],
        "createdAt": epoch_ms(job.created_at),
        "startedAt": epoch_ms(job.started_at),
        "finishedAt": epoch_ms(job.finished_at),
    }


def _attempt(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "attempt": job.attempt,
        "status": job.status,
        "startedAt": epoch_ms(job.started_at),
        "finishedAt": epoch_ms(job.finished_at),
        "error": error_line(job),
    }


def error_details(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return why a job failed, with the user's own calls, the one nearest to the error first."""
    traceback = str(error.get("traceback") or "")[-_TRACEBACK:]
    own = [frame for frame in frames(traceback) if not frame.is_library]
    return {
        "type": error.get("type"),
        "message": error.get("message"),
        "traceback": traceback or None,
        "frames": [_frame(frame) for frame in own[:_FRAMES]],
        "exitCode": error.get("exitCode"),
        "signal": error.get("signal"),
    }


def _frame(frame: Frame) -> dict[str, str]:
    where = f"{frame.place} in {frame.name}" if frame.name else frame.place
    return {"where": where, "file": frame.file, "source": frame.source}


def _preview(value: Any) -> str | None:
    if value is None:
        return None
    text = redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"
