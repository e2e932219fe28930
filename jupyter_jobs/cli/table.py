"""Jobs as lines for the terminal, for `list` and `watch`: as many columns as there is room for, each with its own width.

Text from jobs is never read as markup. A column is an entry of `_columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from jupyter_jobs.cli import cells
from jupyter_jobs.cli.terminal import one_line
from jupyter_jobs.jobs.estimates import Sample
from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["STYLES", "fitted", "job_lines", "state"]

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

WIDE, USUAL, MEDIUM = 100, 78, 60  # columns of the terminal
_GAP = 1


@dataclass(frozen=True, slots=True)
class _Column:
    """One column.

    Attributes:
        title: Its word in the header.
        cell: Makes what stands in it.
        width: Characters that it always has; 0 takes what its texts need.
        most: Characters that it never exceeds on a terminal; 0 for no limit.
        right: Whether it stands at its right edge.
        optional: Whether it is left out where no job has anything in it.
    """

    title: str
    cell: Callable[[Job], Text]
    width: int = 0
    most: int = 0
    right: bool = False
    optional: bool = False


def job_lines(
    jobs: Iterable[Job],
    *,
    now: float,
    width: int | None = None,
    steady: bool = False,
    pace: Callable[[str], Sequence[Sample]] = lambda id_: (),
) -> list[Text]:
    """Return a header and one line a job; on a narrow terminal, one more for why a job failed.

    Args:
        jobs: In the order of the lines.
        now: `time.time()`.
        width: Columns of the terminal; None where lines may be of any length.
        steady: Whether columns stay where nothing is in them, as a table does that is drawn again and again.
        pace: Returns of a job, by its id, how far it was when, as far as that was seen.
    """
    jobs = list(jobs)
    is_narrow = width is not None and width < MEDIUM
    columns = _columns(now, width, pace)
    rows = [[column.cell(job) for column in columns] for job in jobs]
    kept = [
        n
        for n, column in enumerate(columns)
        if (steady and column.title != "tags")
        or not column.optional
        or any(row[n].plain for row in rows)
    ]
    columns = [columns[n] for n in kept]
    rows = [[row[n] for n in kept] for row in rows]
    widths = _widths(columns, rows, width)
    header = [Text(column.title, style="dim") for column in columns]
    lines = [_line(header, columns, widths, width)]
    for job, row in zip(jobs, rows, strict=True):
        lines.append(_line(row, columns, widths, width))
        if (
            is_narrow
            and width is not None
            and job.status.is_failure
            and (why := cells.says(job, now))
        ):
            lines.append(fitted(Text("  " + why, style="dim"), width))
    return lines


def state(job: Job, *, word: bool = True) -> Text:
    """Return a job's state: its mark, and its word."""
    told = f"{job.status.mark} {job.status.word}" if word else job.status.mark
    return Text(told, style=STYLES[job.status])


def _columns(
    now: float, width: int | None, pace: Callable[[str], Sequence[Sample]]
) -> list[_Column]:
    """Return the columns that a width has room for; one of them alone has no limit of its own."""
    is_wide = width is None or width >= WIDE
    time = _Column("time", lambda job: Text(cells.time(job, now)), width=7, right=True)
    if width is not None and width < MEDIUM:
        room = width >= 34
        return [
            _Column("state" if room else "", lambda job: state(job, word=room), 12 if room else 1),
            _Column("name", lambda job: Text(cells.name(job))),
            _Column("done", _share, width=5, right=True),
            time,
        ]
    has_room = width is None or width >= USUAL
    shown = 8 if is_wide else 6  # of an id
    columns = [
        _Column("id", lambda job: Text(one_line(job.id)[:shown], style="dim"), width=shown),
        _Column("state", state, width=12),
        _Column(
            "name",
            lambda job: Text(cells.name(job)),
            most=40 if is_wide else 24 if has_room else 16,
        ),
        _Column("tags", _tags, most=24, optional=True),
        _Column("progress", lambda job: _work(job, now, is_wide=is_wide)),
        time,
        _Column(
            "left",
            lambda job: Text(cells.left(job, now, pace(job.id))),
            width=7,
            right=True,
            optional=True,
        ),
    ]
    left_out = {"left", "tags"} if not has_room else {"tags"} if not is_wide else set()
    return [column for column in columns if column.title not in left_out]


def _tags(job: Job) -> Text:
    return Text(one_line(", ".join(job.tags)), style="dim")


def _work(job: Job, now: float, *, is_wide: bool) -> Text:
    """Return a bar and numbers while the job is at work, and what it last said; else why it failed, or what it waits for."""
    said, part = cells.says(job, now), cells.fraction(job)
    if job.status.is_failure:
        return Text(said)
    counted = cells.steps(job)
    if job.status not in (JobStatus.RUNNING, JobStatus.CANCELLING) or part is None:
        return Text(said or counted, style="dim")
    bar = 10 if is_wide else 6
    filled = int(part * bar + 1e-9)
    text = Text("█" * filled, style=STYLES[job.status])
    text.append("░" * (bar - filled), style="dim").append(f" {cells.percent(part):>4}")
    return text.append("".join(f" {more}" for more in (counted, said) if more), style="dim")


def _share(job: Job) -> Text:
    """Return the same in five characters."""
    part = cells.fraction(job)
    if part is not None and not job.status.is_terminal:
        return Text(cells.percent(part))
    return Text("" if job.status.is_terminal else cells.steps(job)[:5])


def _widths(
    columns: Sequence[_Column], rows: Sequence[Sequence[Text]], width: int | None
) -> list[int]:
    """Return the width of each column; on a terminal, the one without any limit takes what the others leave."""
    needed = [
        column.width or max([cell_len(column.title), *(row[n].cell_len for row in rows)])
        for n, column in enumerate(columns)
    ]
    if width is None:
        return needed
    needed = [min(need, column.most or need) for need, column in zip(needed, columns, strict=True)]
    rest = next(n for n, column in enumerate(columns) if not column.width and not column.most)
    others = sum(needed) - needed[rest] + _GAP * (len(columns) - 1)
    needed[rest] = max(0, width - others)
    return needed


def _line(
    row: Sequence[Text], columns: Sequence[_Column], widths: Sequence[int], width: int | None
) -> Text:
    line = Text()
    for n, (cell, column) in enumerate(zip(row, columns, strict=True)):
        shown = fitted(cell, widths[n])
        padding = " " * (widths[n] - shown.cell_len)
        if n:
            line.append(" " * _GAP)
        if column.right:
            line.append(padding).append_text(shown)
        else:
            line.append_text(shown).append(padding)
    line.rstrip()
    return line if width is None else fitted(line, width)


def fitted(text: Text, width: int) -> Text:
    """Return a text in no more than so many characters, with an ellipsis if it was cut."""
    cut = text.copy()
    if cut.cell_len > width:
        cut.truncate(width, overflow="ellipsis")
    return cut
