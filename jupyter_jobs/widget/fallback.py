"""The panel without a widget: text and plain HTML, for GitHub, nbviewer, print, and a notebook that nobody trusts.

The HTML has no script, no style element, no class and no id, and reads well where styles are taken out, too. Text has
the colour of its surroundings; what has a colour of its own can be told apart on white and on black.

JupyterLab 4.6 checks the styles of each output for its table of contents, shown or not. Its pattern for the shorthand
`background` takes 90 ms of the page's main thread, once a page, that of `background-color` 3 ms (November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.snapshot import ORDER, Line, Snapshot

__all__ = ["COLOURS", "html", "sentence", "text"]

_S = JobStatus

COLOURS: Mapping[JobStatus, str] = {
    _S.FAILED: "#e5484d",
    _S.LOST: "#b7791f",
    _S.TIMED_OUT: "#e5484d",
    _S.RUNNING: "#2f81f7",
    _S.CANCELLING: "#b7791f",
    _S.QUEUED: "#7d8590",
    _S.SUCCEEDED: "#2c974b",
    _S.CANCELLED: "#7d8590",
}
"""The colour of each state's mark: at least 3 : 1 on white and on near-black."""

_MARKS: Mapping[JobStatus, str] = {
    _S.FAILED: "[FAIL]",
    _S.LOST: "[LOST]",
    _S.TIMED_OUT: "[LATE]",
    _S.RUNNING: "[..]",
    _S.CANCELLING: "[..]",
    _S.QUEUED: "[  ]",
    _S.SUCCEEDED: "[ok]",
    _S.CANCELLED: "[--]",
}
_WIDTH = 110  # characters of a line of text
_WORTH_READING = 12  # characters of a detail; what has less room is left out

_BYTES = 20_000
_TITLE = 160  # bytes of HTML
_DETAIL = 360
_LINE = "rgba(128,128,128,.25)"
_CELL = "text-align:left;vertical-align:top;line-height:1.5;border:0;padding:4px 0"
_CODE = "font-family:ui-monospace,monospace;font-size:12px"
_OF_INTEREST = frozenset(ORDER[:5])  # trouble and work
_TEXT_MARK = "\ufe0e"  # asks for the sign, not for a picture of it


def sentence(store: JobStore) -> str:
    """Return the counts in words, trouble first: `1 failed, 2 running, 5 succeeded`."""
    counts = store.counts()
    return _counted([(status, counts[status]) for status in ORDER if status in counts])


def text(snapshot: Snapshot) -> str:
    """Return the picture as lines of text, with `[ok]`, `[FAIL]` or `[..]` in front."""
    lines = [f"Jobs: {_counted(snapshot.counts)}", *map(_text_of, snapshot.lines)]
    if snapshot.lines:
        lines.append(_footer(snapshot))
    return "\n".join(lines)


def _text_of(line: Line) -> str:
    percent = "" if line.progress is None else _percent(line.progress)
    title, where = _clipped(line.title, _WIDTH // 2), _clipped(line.where, _WIDTH // 3)
    # The time may stand beyond: what is cut is to be the same in a picture without times.
    room = _WIDTH - 7 - sum(len(part) + 2 for part in (title, percent, where) if part)
    detail = _clipped(line.detail, room) if room >= _WORTH_READING else ""
    parts = filter(None, (title, percent, detail, where, line.time))
    return f"{_MARKS[line.status]:<6} {'  '.join(parts)}"


def html(snapshot: Snapshot) -> str:
    """Return the picture as at most 20 KB of plain HTML; where texts are long, they are cut."""
    if not snapshot.lines:
        return f"{_FRAME}<b>Jobs</b>&ensp; no jobs yet</div>"
    pages = (_page(snapshot, share) for share in (1.0, 0.5, 0.25, 0.05))
    return next(page for page in pages if len(page.encode()) <= _BYTES)


def _page(snapshot: Snapshot, share: float) -> str:
    """Return the page with texts of a share of their usual length."""
    head = "&ensp; ".join(
        f"{_mark(status)}&nbsp;{count:,}&nbsp;{status.word}" for status, count in snapshot.counts
    )
    rows = "".join(_row(line, share) for line in snapshot.lines)
    return (
        f"{_FRAME}<div><b>Jobs</b>&ensp; {head}</div>{_strip(snapshot)}"
        "<table style='width:100%;border:0;border-collapse:collapse;margin:0;table-layout:auto;font-size:13px;color:inherit'>"
        f"<tbody>{rows}</tbody></table>"
        f"<div style='margin-top:6px;font-size:12px;opacity:.7'>{_footer(snapshot)}</div></div>"
    )


_FRAME = (
    "<div style='font-family:system-ui,sans-serif;font-size:13px;line-height:1.5;"
    "font-variant:tabular-nums;max-width:760px;margin:4px 0'>"
)


def _strip(snapshot: Snapshot) -> str:
    """Return the shares of the states as a bar; nothing to see where styles are taken out.

    Of borders, for a printer leaves out backgrounds.
    """
    total = sum(count for _, count in snapshot.counts)
    shares = "".join(
        f"<div style='width:{100 * count / total:.2f}%;min-width:4px;border-top:6px solid {COLOURS[status]}'></div>"
        for status, count in snapshot.counts
    )
    return f"<div style='display:flex;gap:2px;margin:8px 0;border-radius:3px;overflow:hidden'>{shares}</div>"


def _row(line: Line, share: float) -> str:
    title, detail = _fitting(line.title, _TITLE * share), _fitting(line.detail, _DETAIL * share)
    if line.status in _OF_INTEREST:
        title = f"<b>{title}</b>"
    if line.progress is not None:
        percent = _percent(line.progress)
        detail = f"{percent} · {detail}" if detail else percent
    if line.where:
        where = f"<span style='{_CODE}'>{_fitting(line.where, _TITLE * share)}</span>"
        detail = f"{detail}<br>{where}" if detail else where
    below = f"<div style='clear:both;opacity:.75'>{detail}</div>" if detail else ""
    # Beside the title where there is room, below it in a narrow page.
    time = f"&ensp; <span style='float:right;opacity:.75'>{line.time}</span>" if line.time else ""
    return (
        f"<tr style='background-color:transparent;border-top:1px solid {_LINE}'>"
        f"<td style='{_CELL};padding-right:16px;white-space:nowrap;width:90px'>"
        f"{_mark(line.status, ';display:inline-block;width:18px')}&nbsp;{line.status.word}</td>"
        f"<td style='{_CELL};overflow-wrap:anywhere'>{title}{time}{_bar(line)}{below}</td></tr>"
    )


def _bar(line: Line) -> str:
    if line.progress is None:
        return ""
    done = f"width:{line.progress:.0%};border-top:4px solid {COLOURS[line.status]}"
    track = f"clear:both;margin:4px 0;max-width:280px;border-radius:2px;overflow:hidden;background-color:{_LINE}"
    return f"<div style='{track}'><div style='{done}'></div></div>"


def _mark(status: JobStatus, more: str = "") -> str:
    return f"<span style='color:{COLOURS[status]}{more}'>{status.mark}{_TEXT_MARK}</span>"


def _counted(counts: tuple[tuple[JobStatus, int], ...] | list[tuple[JobStatus, int]]) -> str:
    return ", ".join(f"{count:,} {status.word}" for status, count in counts) or "no jobs yet"


def _footer(snapshot: Snapshot) -> str:
    return f"snapshot of {snapshot.as_of}, not live" if snapshot.as_of else "snapshot, not live"


def _percent(part: float) -> str:
    return f"{int(part * 100 + 1e-9)}%"  # 0.58 * 100 < 58; 100 is only said when all is done


def _clipped(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _fitting(line: str, limit: float) -> str:
    """Return a text as HTML, cut where it would take more than `limit` bytes."""
    escaped = escape(line, quote=False)
    if len(escaped.encode("utf-8", "replace")) <= limit:
        return escaped
    taken, size = [], len("…".encode())
    for letter in line:
        as_html = escape(letter, quote=False)
        size += len(as_html.encode("utf-8", "replace"))
        if size > limit:
            break
        taken.append(as_html)
    return "".join(taken).rstrip() + "…"
