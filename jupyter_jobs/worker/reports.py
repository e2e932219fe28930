"""The shim's end of what the work says: what is true now, and when it is passed on to the backend.

Four sources tell of the same things. What the work says itself (`current_job()`, `::job` lines) wins for good; then
comes the outline that a runner gives, such as the cells of a notebook; then progress bars that are printed; for the
message last of all any line that is printed.
"""

from __future__ import annotations

import json
import math
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from jupyter_jobs.worker.metrics import MetricsWriter, Point, read_values

if TYPE_CHECKING:
    from jupyter_jobs.worker.bars import Bar, Bars

__all__ = ["REPORT_INTERVAL_S", "Report", "Reports", "read_report"]

REPORT_INTERVAL_S = 0.1
LINE_INTERVAL_S = 0.5  # of what is only printed, and of metrics: they are longer
_MESSAGE_LIMIT = 500
_HUGE = 1e300  # and no infinity, and no integer beyond all floats
_WRAPPED = 20 * " "  # what stands below a bar, so far in, belongs to it
_NUMBERS = ("done", "total", "progress")
_LAST_WORDS_S = 1.0  # that a busy backend has to make room for the last report


class Report(TypedDict, total=False):
    """What can be used of something that the work said."""

    numbers: dict[str, float]
    message: str
    points: list[Point]
    outline: bool


class Reports:
    """What is known of the work, and when that is to be passed on.

    Args:
        metrics: Where points go.
        lines: Returns the newest of what was printed since it was called last, without colours.
        file: The descriptor that reports go to, a FIFO that does not block.
    """

    def __init__(
        self, metrics: MetricsWriter, lines: Callable[[], list[str]], file: int = 1
    ) -> None:
        self._metrics = metrics
        self._lines = lines
        self._file = file
        self._partial = b""
        self._unsent = b""
        self._state: dict[str, Any] = {}
        self._explicit: set[str] = set()
        self._outline: Report = {}
        self._bars: Bars | None = None
        self._bar: Bar | None = None
        self._line = ""
        self._new: dict[str, float] = {}  # "said", "metrics" or "lines", and when it is due
        self._sent_at = dict.fromkeys(("said", "metrics", "lines"), -math.inf)

    def feed(self, data: bytes) -> None:
        """Take in what was read from the FIFO that the work writes to."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self.take(read_report(line))

    def take(self, report: Report) -> None:
        """Take in what the work said."""
        if points := report.get("points"):
            self._metrics.add(points)
            self._wants("metrics", LINE_INTERVAL_S)
        if report.get("outline"):
            self._outline.update(report)
            self._bars, self._bar = None, None
            if "message" in report:
                self._line = ""
            self._derive()
            return
        if numbers := report.get("numbers"):
            self._explicit.add("numbers")
            self._set_numbers(numbers)
        if "message" in report:
            self._explicit.add("message")
            self._set("message", report["message"])

    def printed(self) -> None:
        """Note that something was printed."""
        if not self._explicit >= {"numbers", "message"}:
            self._wants("lines", LINE_INTERVAL_S)

    @property
    def due(self) -> float:
        """When `send` has something to do; infinity if nothing is new."""
        return min(self._new.values(), default=math.inf)

    def send(self, now: float) -> None:
        """Pass on what is new, if it is time."""
        if self.due > now:
            return
        if "lines" in self._new and self._new["lines"] <= now:
            del self._new["lines"]
            self._sent_at["lines"] = now
            self._look_at(self._lines())
        told, names = dict(self._state), [name for name, due in self._new.items() if due <= now]
        if not names:
            return
        if "metrics" in names:
            told["metrics"] = self._metrics.in_short()
        if self._write(json.dumps(told).encode() + b"\n"):
            for name in names:
                del self._new[name]
                self._sent_at[name] = now
        else:  # no backend is reading; by then the news are newer
            self._new.update(dict.fromkeys(names, now + REPORT_INTERVAL_S))

    def close(self) -> None:
        """Pass on what is left; a backend that is behind gets a moment to make room."""
        deadline = time.monotonic() + _LAST_WORDS_S
        self.printed()
        while self._new or self._unsent:
            if self._new:
                self.send(math.inf)
            else:
                self._write(b"")
            patience = deadline - time.monotonic()
            if patience <= 0 or not select.select([], [self._file], [], patience)[1]:
                return

    def _set(self, name: str, value: Any) -> None:
        if self._state.get(name) != value:
            self._state[name] = value
            self._wants("said", REPORT_INTERVAL_S)

    def _wants(self, name: str, interval: float) -> None:
        due = self._sent_at[name] + interval
        self._new[name] = min(self._new.get(name, due), due)

    def _set_numbers(self, numbers: Mapping[str, float]) -> None:
        known = {**self._state, **numbers}
        if "progress" not in numbers and known.get("total", 0) > 0 and "done" in known:
            known["progress"] = min(max(known["done"] / known["total"], 0.0), 1.0)
        for name in _NUMBERS:
            if name in known:
                self._set(name, known[name])

    def _look_at(self, lines: list[str]) -> None:
        below_bar = False
        for line in lines:
            bar, is_bar = self._read_bar(line)
            below_bar = is_bar or (below_bar and line.startswith(_WRAPPED))
            if bar is not None:
                self._bar, self._line = bar, bar.message or self._line
            elif not below_bar and line.strip():
                self._line = line.strip()
        self._derive()

    def _derive(self) -> None:
        """Tell what follows from the outline, the bar and the last line, as far as the work does not say it itself."""
        bar, outline = self._bar, self._outline.get("numbers")
        if "numbers" not in self._explicit:
            if outline is not None:
                self._set_numbers(_refined(outline, bar))
            elif bar is not None:
                self._set_numbers(_counted(bar) if "total" in self._state else bar.numbers)
        if "message" not in self._explicit:
            parts = [part for part in (self._outline.get("message"), self._line) if part]
            if parts:
                self._set("message", ": ".join(parts)[:_MESSAGE_LIMIT])

    def _read_bar(self, line: str) -> tuple[Bar | None, bool]:
        """Return what a line tells of the progress of the whole, and whether it is a bar at all."""
        if self._bars is None:
            if not any(mark in line for mark in ("%", "/", "it [", " of ")):
                return None, False
            from jupyter_jobs.worker.bars import Bars

            self._bars = Bars()
        return self._bars.read(line), self._bars.last is not None

    def _write(self, line: bytes) -> bool:
        """Write a line, after the rest of the one before; False if the FIFO takes no part of it."""
        try:
            if self._unsent:
                self._unsent = self._unsent[os.write(self._file, self._unsent) :]
                if self._unsent:
                    return False
            if line:
                self._unsent = line[os.write(self._file, line) :]
        except BlockingIOError:
            return False
        return True


def read_report(line: bytes) -> Report:
    """Return what can be used of a report: anything may be written to that FIFO, and after `::job`."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    report: Report = {}
    numbers = {
        name: float(said[name])
        for name in _NUMBERS
        if type(said.get(name)) in (int, float) and -_HUGE < said[name] < _HUGE
    }
    if "progress" in numbers:
        numbers["progress"] = min(max(numbers["progress"], 0.0), 1.0)
    if numbers:
        report["numbers"] = numbers
    if isinstance(said.get("message"), str):
        text = said["message"][:_MESSAGE_LIMIT]
        # half a surrogate pair cannot be stored
        report["message"] = text.encode("utf-8", "replace").decode()
    if points := _read_points(said):
        report["points"] = points
    if said.get("outline") is True and report:
        report["outline"] = True
    return report


def _read_points(said: dict[str, Any]) -> list[Point]:
    given = said.get("points")
    if not isinstance(given, list):
        given = [[time.time_ns() // 1_000_000, said.get("step"), said.get("metrics")]]
    points: list[Point] = []
    for point in given:
        if isinstance(point, list) and len(point) == 3 and type(point[0]) is int:
            if values := read_values(point[2]):
                points.append((point[0], read_values({"step": point[1]}).get("step"), values))
    return points


def _counted(bar: Bar) -> Mapping[str, float]:
    """Return the numbers of a bar that follows one with a total: percent are steps of a hundred, a mere count is none."""
    if "total" in bar.numbers:
        return bar.numbers
    share = bar.numbers.get("progress")
    return {} if share is None else {"done": round(100 * share, 1), "total": 100.0}


def _refined(outline: Mapping[str, float], bar: Bar | None) -> dict[str, float]:
    """Return the numbers of an outline, and in `progress` how far the bar is in its present step."""
    numbers = dict(outline)
    share = bar.numbers.get("progress") if bar is not None else None
    if share is not None and numbers.get("total", 0) > numbers.get("done", 0):
        numbers["progress"] = (numbers.get("done", 0) + share) / numbers["total"]
    return numbers
