"""One picture of `jupyter-jobs top`. Pure; the present is an argument."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from jupyter_jobs.cli.sizes import size
from jupyter_jobs.cli.table import STYLES, fitted
from jupyter_jobs.cli.terminal import one_line
from jupyter_jobs.jobs.estimates import duration
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["dashboard"]

_LABEL = 10  # characters before what a line tells
_GAP = "   "


def dashboard(told: Mapping[str, Any], width: int, now: float | None = None) -> Iterator[Text]:
    """Yield the lines.

    Args:
        told: What `top --json` prints.
        width: Characters of the terminal.
        now: `time.time()`; default the present.
    """
    backend = told["backend"]
    up = duration((time.time() if now is None else now) - backend["since"], tenths=False)
    yield _line(
        "Backend",
        width,
        f"{backend['version']}, process {backend['pid']}, up {up}",
        Text("draining: takes no new jobs", style="yellow") if backend["draining"] else "",
    )
    yield _line(
        "",
        width,
        f"CPU {_percent(backend['cpu'])}",
        f"memory {size(backend['memory'])}",
        f"{backend['handles']:,} open files",
    )
    yield _line(
        "Clients",
        width,
        _count(backend["connections"], "connection"),
        _count(backend["subscriptions"], "subscription"),
    )
    yield _line("Requests", width, *_requests(told))
    yield _line("Jobs", width, *_jobs(told["jobs"]))
    rates = told["rates"]
    yield _line(
        "", width, f"submitted {_pace(rates['submitted'])}", f"ended {_pace(rates['ended'])}"
    )
    storage = told["storage"]
    free = "" if storage["free"] is None else f"{size(storage['free'])} free on the disk"
    database = f"database {size(storage['database'])}"
    yield _line("Storage", width, database, f"journal {size(storage['wal'])}", free)
    for notice in backend["notices"]:
        yield fitted(Text(f"! {one_line(notice)}", style="yellow"), width)
    if told["busiest"]:
        yield Text()
        yield from _busiest(told["busiest"], width)


def _jobs(counts: Mapping[str, int]) -> list[Text | str]:
    there = [status for status in JobStatus if counts.get(status)]
    return [
        Text.assemble((f"{status.mark} ", STYLES[status]), f"{counts[status]:,} {status.word}")
        for status in there
    ] or ["none yet"]


def _requests(told: Mapping[str, Any]) -> list[Text | str]:
    latency = told["latency"]
    within = [
        f"{name} below {_span(latency[key])}"
        for name, key in (("half", "p50"), ("99%", "p99"))
        if latency[key] is not None
    ]
    return [_pace(told["rates"]["requests"]), *within]


def _busiest(jobs: Sequence[Mapping[str, Any]], width: int) -> Iterator[Text]:
    room = max(4, width - 41)
    head = f"{'id':<8} {'name':<{room}} {'CPU':>6} {'memory':>9} {'processes':>9}"
    yield fitted(Text(head, style="bold"), width)
    for job in jobs:
        name = Text(one_line(job["name"]))
        name.truncate(room, overflow="ellipsis", pad=True)
        line = Text(f"{one_line(job['id'])[:8]:<8} ", style="dim")
        line.append_text(name)
        line.append(f" {_percent(job['cpu']):>6} {size(job['memory']):>9} {job['processes']:>9,}")
        yield fitted(line, width)


def _line(label: str, width: int, *parts: Text | str) -> Text:
    line = Text(f"{label:<{_LABEL}}", style="bold")
    told = [Text(part) if isinstance(part, str) else part for part in parts if part]
    line.append_text(Text(_GAP).join(told))
    return fitted(line, width)


def _percent(part: float) -> str:
    return f"{part * 100:.1f}%" if part < 0.0995 else f"{part * 100:.0f}%"


def _pace(rate: float) -> str:
    return f"{rate:.1f}/s" if rate < 99.95 else f"{rate:,.0f}/s"


def _span(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"
