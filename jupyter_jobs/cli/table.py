"""Jobs as a table in the terminal. Text from jobs is never read as markup."""

from __future__ import annotations

from collections.abc import Iterable

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["STYLES", "jobs_table"]

STYLES = {
    JobStatus.QUEUED: "dim",
    JobStatus.RUNNING: "blue",
    JobStatus.CANCELLING: "yellow",
    JobStatus.SUCCEEDED: "green",
    JobStatus.FAILED: "red",
    JobStatus.TIMED_OUT: "red",
    JobStatus.LOST: "yellow",
    JobStatus.CANCELLED: "dim",
}
"""The colour of each state."""


def jobs_table(jobs: Iterable[Job], *, ids: bool = False) -> Table:
    """Return one line a job: state, name, progress, time, and what it last said or why it failed.

    Tags have a column if any job has some; a job that is a retry says which attempt it is.
    """
    jobs = list(jobs)
    tagged = ["tags"] if any(job.tags for job in jobs) else []
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in (*(["id"] if ids else []), "status", "job", *tagged, "progress", "time", ""):
        table.add_column(column, no_wrap=column not in ("", "tags"))
    for job in jobs:
        style = STYLES[job.status]
        cells = [
            Text(f"{job.status.mark} {job.status.word}", style=style),
            Text(_clean(job.label) + (f" (attempt {job.attempt})" if job.attempt > 1 else "")),
            *(Text(_clean(", ".join(job.tags)), style="dim") for _ in tagged),
            _bar(job),
            Text("" if job.duration is None else f"{job.duration:.1f} s", justify="right"),
            Text(_clean(_last_word(job)), style="dim"),
        ]
        table.add_row(*([Text(job.id[:8], style="dim")] if ids else []), *cells)
    return table


def _bar(job: Job) -> ProgressBar | Text:
    if job.progress is None:
        return Text("")
    style = STYLES[job.status]
    return ProgressBar(
        total=1.0, completed=job.progress, width=16, complete_style=style, finished_style=style
    )


def _last_word(job: Job) -> str:
    return job.reason if job.status.is_failure else job.message or ""


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
