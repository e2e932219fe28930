"""The panel without a widget: text and plain HTML, for GitHub, nbviewer, PDF and a notebook nobody trusts.

Deterministic: no address, id, path, time or duration, so that a stored output compares equal after another run.
Everything that a job says is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.panel_state import by_urgency, error_line

__all__ = ["html", "sentence"]

ROWS = 50
_ORDER = (
    JobStatus.FAILED,
    JobStatus.LOST,
    JobStatus.TIMED_OUT,
    JobStatus.RUNNING,
    JobStatus.CANCELLING,
    JobStatus.QUEUED,
    JobStatus.SUCCEEDED,
    JobStatus.CANCELLED,
)
_COLOURS: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "#6e7781",
    JobStatus.RUNNING: "#2f81f7",
    JobStatus.CANCELLING: "#b08800",
    JobStatus.SUCCEEDED: "#2da44e",
    JobStatus.FAILED: "#e5534b",
    JobStatus.TIMED_OUT: "#e5534b",
    JobStatus.LOST: "#b08800",
    JobStatus.CANCELLED: "#6e7781",
}


def sentence(store: JobStore) -> str:
    """Return the counts in words, trouble first: `1 failed, 2 running, 5 succeeded`."""
    counts = store.counts()
    return (
        ", ".join(f"{counts[status]:,} {status.word}" for status in _ORDER if status in counts)
        or "no jobs yet"
    )


def html(store: JobStore) -> str:
    """Return a plain table of at most 50 jobs: inline styles, no script, readable on light and dark."""
    jobs = by_urgency(store)
    rows = "".join(_row(job) for job in jobs[:ROWS])
    more = f"<div style='opacity:.7'>… {len(jobs) - ROWS:,} more</div>" if len(jobs) > ROWS else ""
    table = f"<table style='border-collapse:collapse;margin:4px 0'>{rows}</table>" if rows else ""
    return (
        "<div style='font-family:system-ui,sans-serif;font-size:13px;line-height:1.5'>"
        f"<strong>Jobs</strong>: {escape(sentence(store))}{table}{more}</div>"
    )


def _row(job: Job) -> str:
    cell = "<td style='text-align:left;padding:1px 14px 1px 0;border:0;{}'>{}</td>"
    return (
        "<tr style='background:none'>"
        + cell.format(f"color:{_COLOURS[job.status]}", job.status.mark)
        + cell.format("font-weight:600", escape(job.label[:80]))
        + cell.format("", job.status.word)
        + cell.format("opacity:.8", escape(error_line(job) or ""))
        + "</tr>"
    )
