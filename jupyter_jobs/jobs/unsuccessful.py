"""The bad end of a job as an error: the sentence, the facts, and what helps to find the fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.errors import (
    DependencyFailed,
    JobFailed,
    JobLost,
    JobTimedOut,
    JobUnsuccessful,
)
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.tracebacks import LOG_NOTE, TRACEBACK_NOTE, show_with

__all__ = ["is_unsuccessful", "never_started", "unsuccessful"]

NEVER_STARTED = "DependencyFailed"
"""The type of the error of a job that was cancelled because one of those it waited for ended badly."""


def never_started(job: Job) -> bool:
    """Whether a job was cancelled because one that had to succeed before it did not."""
    return job.status is JobStatus.CANCELLED and (job.error or {}).get("type") == NEVER_STARTED


def is_unsuccessful(job: Job) -> bool:
    """Whether a job ended with an error, other than by being cancelled."""
    return job.status.is_failure or never_started(job)


def unsuccessful(job: Job) -> JobUnsuccessful:
    """Return the error that stands for a job's bad end."""
    error = job.error or {}
    kind = DependencyFailed if never_started(job) else _ERRORS[job.status]
    raised = kind(
        redact(_sentence(job, error)),
        job_id=job.id,
        name=job.label,
        error_type=str(error.get("type") or ""),
        error_message=str(error.get("message") or ""),
        traceback=str(error.get("traceback") or ""),
        log_tail=_lines(error.get("log")),
        exit_code=_integer(error.get("exitCode")),
        signal=str(error.get("signal") or ""),
    )
    if raised.traceback:
        raised.add_note(TRACEBACK_NOTE + redact(raised.traceback.rstrip()))
    if raised.log_tail:
        raised.add_note(LOG_NOTE + redact("\n".join(raised.log_tail)))
    show_with(raised, raised)
    return raised


def _sentence(job: Job, error: Mapping[str, Any]) -> str:
    type_, message = error.get("type"), str(error.get("message") or "")
    if type_ == "ExitCode" and message:
        return f"{job.label} {message}"
    if type_ == "Signal" and message:
        return f"{job.label} was {message}"
    if job.status is JobStatus.TIMED_OUT and message.startswith(_LIMITS):
        return f"{job.label} {message}"
    phrase = "never started" if never_started(job) else _PHRASES[job.status]
    return f"{job.label} {phrase}: {job.reason or 'no reason was given'}"


_ERRORS: Mapping[JobStatus, type[JobUnsuccessful]] = {
    JobStatus.FAILED: JobFailed,
    JobStatus.TIMED_OUT: JobTimedOut,
    JobStatus.LOST: JobLost,
}
_PHRASES = {
    JobStatus.FAILED: "failed",
    JobStatus.TIMED_OUT: "ran out of time",
    JobStatus.LOST: "was lost",
}
_LIMITS = ("ran longer than ", "waited longer than ")


def _integer(value: Any) -> int | None:
    return value if type(value) is int else None


def _lines(log: Any) -> list[str]:
    """Return a log as lines, whether it came as lines or as text."""
    return log.splitlines() if isinstance(log, str) else [str(line) for line in log or ()]
