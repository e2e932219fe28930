"""What the work measures while it runs: the series on disk, and each one in short.

A point is a line `[epoch milliseconds, step or null, {"loss": 0.21}]` in the segments of `<job>/metrics`. JSON has no
NaN and no infinity: such a value is kept as null, for a loss that has blown up is worth seeing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_jobs.worker.segments import SegmentReader, SegmentWriter

__all__ = [
    "NAMES_IN_SHORT",
    "NAME_LIMIT",
    "SPARK_LENGTH",
    "MetricPoint",
    "MetricsPage",
    "MetricsReader",
    "MetricsWriter",
    "Point",
    "Spark",
    "number",
    "read_values",
]

SERIES_LIMIT = 8_000_000  # bytes on disk: some 150,000 points
NAMES_IN_SHORT = 16
SPARK_LENGTH = 24
NAME_LIMIT = 64  # characters
_INFINITY = float("inf")
_NAMES_LIMIT = 256  # of one point


Point = tuple[int, float | None, Mapping[str, float | None]]
"""As it is written: epoch milliseconds, step, value by name."""


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """What was measured at one time: its number from 1, epoch milliseconds, the step if it has one, value by name."""

    seq: int
    time_ms: int
    step: float | None
    values: Mapping[str, float | None]


@dataclass(slots=True)
class MetricsPage:
    """Consecutive points.

    Attributes:
        points: Oldest first.
        dropped: Points that the size limit dropped right before the first one.
        at_end: Whether nothing follows yet.
    """

    points: list[MetricPoint] = field(default_factory=list)
    dropped: int = 0
    at_end: bool = True


class MetricsReader:
    """Reads a series that may still be written; goes on where the last page ended without reading again."""

    def __init__(self, folder: Path) -> None:
        self._segments = SegmentReader(folder)

    def page(self, after: int = 0, limit: int = 1000) -> MetricsPage:
        """Return the points that follow point number `after`, at most `limit`, none across a gap."""
        read = self._segments.page(after, limit)
        points = [_parse(seq, line) for seq, line in read.lines]
        return MetricsPage(points, read.dropped, read.at_end)


class MetricsWriter:
    """Appends points, and knows each series in short.

    Args:
        folder: Of the series; made with the first point. A later writer goes on with the numbers.
        limit: Bytes that the series may take, about.
    """

    def __init__(self, folder: Path, limit: int = SERIES_LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._segments: SegmentWriter | None = None
        self._sparks: dict[str, Spark] = {}

    def add(self, points: Sequence[Point]) -> None:
        """Take in points, as many as there are."""
        if not points:
            return
        if self._segments is None:
            self._segments = SegmentWriter(self._folder, self._limit)
        lines = [json.dumps(point, separators=(",", ":")) for point in points]
        self._segments.append(("\n".join(lines) + "\n").encode(), len(lines))
        for _, _, values in points:
            for name, value in values.items():
                spark = self._sparks.get(name)
                if spark is None:
                    if len(self._sparks) == NAMES_IN_SHORT:
                        continue
                    spark = self._sparks[name] = Spark()
                spark.add(value)

    def in_short(self) -> dict[str, dict[str, Any]]:
        """Return `last` and `spark` of each series, of the first `NAMES_IN_SHORT` of them."""
        return {
            name: {"last": spark.last, "spark": spark.numbers}
            for name, spark in self._sparks.items()
        }

    def close(self) -> None:
        """Close the series."""
        if self._segments is not None:
            self._segments.close()


class Spark:
    """A series of any length as at most `SPARK_LENGTH` numbers, evenly spaced, the newest one last.

    Attributes:
        last: The newest value; null where it was no number.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self._kept: list[float] = []
        self._count = 0
        self._stride = 1
        self._newest = 0.0

    def add(self, value: float | None) -> None:
        """Take in the next value; null is skipped in the line."""
        self.last = value
        if value is None:
            return
        self._newest = value
        if self._count % self._stride == 0:
            if len(self._kept) == SPARK_LENGTH - 1:
                del self._kept[1::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self._kept.append(value)
        self._count += 1

    @property
    def numbers(self) -> list[float]:
        """The line, with four significant digits."""
        ends = self._count and (self._count - 1) % self._stride == 0
        line = self._kept if ends or not self._kept else [*self._kept, self._newest]
        return [float(f"{value:.4g}") for value in line]


def number(name: str, value: Any) -> float | None:
    """Return a value that was measured as a float, null for NaN and infinity.

    Args:
        name: What it is called, for the error.
        value: A number of Python, or a scalar of NumPy, PyTorch, TensorFlow, JAX.

    Raises:
        TypeError: It is none of these.
    """
    if type(value) is not float and type(value) is not int:
        if isinstance(value, str | bytes | bytearray):
            raise TypeError(f"metrics({name}=…) takes a number, not {value[:40]!r}")
        item = getattr(value, "item", None)  # float() of an array of one element is deprecated
        try:
            value = float(item() if callable(item) else value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"metrics({name}=…) takes a number, not {type(value).__name__}: {error}"
            ) from None
    try:
        return float(value) if -_INFINITY < value < _INFINITY else None
    except OverflowError as error:
        raise TypeError(f"metrics({name}=…) takes a number, not so long an int: {error}") from None


def read_values(values: Any) -> dict[str, float | None]:
    """Return what can be used of values by name that came from elsewhere."""
    kept: dict[str, float | None] = {}
    if not isinstance(values, Mapping):
        return kept
    for name, value in values.items():
        if isinstance(name, str) and name and (value is None or type(value) in (int, float)):
            with suppress(TypeError):  # an integer beyond all floats
                short = name[:NAME_LIMIT].encode("utf-8", "replace").decode()
                kept[short] = None if value is None else number(name, value)
        if len(kept) == _NAMES_LIMIT:
            break
    return kept


def _parse(seq: int, line: bytes) -> MetricPoint:
    time_ms, step, values = json.loads(line)
    return MetricPoint(seq, time_ms, step, values)
