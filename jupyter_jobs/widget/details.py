"""All that is known of one job, for a reader who opens it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.facts import Asked, facts
from jupyter_jobs.widget.frames import Frame, frames
from jupyter_jobs.widget.long_work import charts
from jupyter_jobs.widget.rows import epoch_ms, error_line

__all__ = ["details", "error_details"]

_TRACEBACK = 20_000
_FRAMES = 6  # of the user's own calls


def details(store: JobStore, job: Job, asked: Asked) -> dict[str, Any]:
    """Return a job as the page's drawer wants it.

    Args:
        store: Knows the other attempts at the same work.
        job: The job.
        asked: What the server had to be asked for.
    """
    attempts = [store.get(id_) for id_ in store.attempts(job.id)]
    body = store.bodies[job.id]
    return {
        "pairs": facts(store, job, asked),
        "charts": charts(body.get("metrics")),
        "error": error_details(job.error) if job.error else None,
        "log": list(asked.log),
        "attempts": [_attempt(attempt) for attempt in attempts if attempt is not None],
        "version": job.version,
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
