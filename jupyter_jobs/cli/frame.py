"""One picture of `jupyter-jobs watch`: a line of counts, the jobs, and what does not fit. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from jupyter_jobs.appsync.client import ConnectionState, ConnectionStatus
from jupyter_jobs.cli import cells
from jupyter_jobs.cli.table import STYLES, fitted, job_lines
from jupyter_jobs.cli.terminal import one_line
from jupyter_jobs.jobs.estimates import Sample
from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["Size", "frame", "presence"]

_ORDER = (
    JobStatus.FAILED,
    JobStatus.TIMED_OUT,
    JobStatus.LOST,
    JobStatus.RUNNING,
    JobStatus.CANCELLING,
    JobStatus.QUEUED,
    JobStatus.SUCCEEDED,
    JobStatus.CANCELLED,
)
_LOOKS: Mapping[ConnectionState, tuple[str, str]] = {
    ConnectionState.IDLE: ("◌ connecting", "dim"),
    ConnectionState.CONNECTING: ("◌ connecting", "dim"),
    ConnectionState.CONNECTED: ("● live", "green"),
    ConnectionState.STALE: ("◌ nothing was heard for a while", "yellow"),
    ConnectionState.RECONNECTING: ("◌ reconnecting", "yellow"),
    ConnectionState.AUTH_FAILED: ("✖ sign-in is needed", "red"),
    ConnectionState.CLOSED: ("✖ closed", "red"),
}


@dataclass(frozen=True, slots=True)
class Size:
    """The terminal's, in characters."""

    width: int
    height: int


def frame(
    jobs: Sequence[Job],
    size: Size,
    *,
    now: float,
    place: str,
    presence: Text,
    notice: str = "",
    limit: int | None = None,
    pace: Callable[[str], Sequence[Sample]] = lambda id_: (),
) -> list[Text]:
    """Return the lines of one picture; never more than the terminal has, less one for the cursor.

    Args:
        jobs: Those to show, in any order.
        size: The terminal's.
        now: `time.time()`.
        place: Where the jobs are.
        presence: How the connection is doing.
        notice: A sentence on what is wrong, or nothing.
        limit: At most so many jobs.
        pace: See `job_lines`.
    """
    ordered = sorted(jobs, key=lambda job: (*cells.rank(job), job.id))
    lines = [_header(jobs, size.width, place, presence)]
    if notice:
        lines.append(fitted(Text(one_line(notice), style="yellow"), size.width))
    room = max(1, size.height - 1 - len(lines))
    shown = len(ordered) if limit is None else min(limit, len(ordered))
    while True:
        table = job_lines(ordered[:shown], now=now, width=size.width, steady=True, pace=pace)
        hidden = len(ordered) - shown
        if len(table) + (hidden > 0) <= room or not shown:
            break
        shown -= max(1, min(shown, (len(table) + (hidden > 0) - room) // 2))
    if ordered:
        lines += table if shown else []
    if hidden:
        more = Counter(job.status for job in ordered[shown:])
        said = ", ".join(f"{more[status]} {status.word}" for status in _ORDER if more[status])
        lines.append(fitted(Text(f"… and {said}", style="dim"), size.width))
    return lines


def presence(status: ConnectionStatus, now: float) -> Text:
    """Return how the connection is doing, in the words of the panel."""
    words, style = _LOOKS[status.state]
    if status.state is ConnectionState.RECONNECTING:
        wait = max(0, round((status.retry_at or now) - now))
        words += f", try {status.attempt}" + (f", next in {wait}s" if wait else "")
    return Text(words, style=style)


def _header(jobs: Sequence[Job], width: int, place: str, presence: Text) -> Text:
    counts = Counter(job.status for job in jobs)
    there = [status for status in _ORDER if counts[status]]
    right = Text.assemble((f"{place}  ", "dim"), presence)
    for words in (True, False):
        left = Text("Jobs", style="bold")
        for status in there:
            told = f"{counts[status]:,}" + (f" {status.word}" if words else "")
            left.append("  ").append(f"{status.mark} ", style=STYLES[status]).append(told)
        if not there:
            left.append("  none yet", style="dim")
        for end in (right, presence):
            if (gap := width - left.cell_len - end.cell_len) >= 2:
                return left.append(" " * gap).append_text(end)
    return fitted(left, width)
