"""Whether something grows without bound: samples in, a table and complaints out. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["LIMITS", "WARM_UP", "Limit", "Sample", "grown", "slope", "table"]

Sample = Mapping[str, float]
"""Name of what was measured -> how much it was; `at` is when, in seconds."""

WARM_UP = 0.25
"""The share of the time in which memory, caches and files find their size; what follows is judged."""


@dataclass(frozen=True)
class Limit:
    """How much something may grow.

    Attributes:
        per_hour: By its slope.
        noise: Growth from the warm-up to the end that is none yet, however steep: what comes and goes.
        unit: What it is counted in.
    """

    per_hour: float
    noise: float
    unit: str = ""


LIMITS: Mapping[str, Limit] = {
    "memory": Limit(8.0, 4.0, "MB"),  # of the backend; the allocator takes and gives back by the MB
    "handles": Limit(4.0, 6.0),
    "threads": Limit(2.0, 3.0),
    "tasks": Limit(4.0, 10.0),
    "wal": Limit(4.0, 4.5, "MB"),  # SQLite takes it back at 1,000 pages, which are 4 MB
    "database": Limit(4.0, 2.0, "MB"),
    "log": Limit(20.0, 5.0, "MB"),  # of the backend
    "jobs": Limit(600.0, 300.0),
    "folders": Limit(600.0, 300.0),
    "nurseries": Limit(1.0, 1.0),
    "shims": Limit(4.0, 4.0),
}
"""What is watched. `jobs` and `folders` are kept flat by the prunes of the load itself."""


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the growth per second that is in the middle of those between any two points (Theil and Sen).

    A few that lie far off do not move it, as the least squares do.
    """
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in itertools.combinations(points, 2)
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0


def grown(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield what has grown without bound, a sentence each."""
    for name, limit in LIMITS.items():
        points = _judged(samples, name)
        if len(points) < 2:
            continue
        steepness, span = slope(points), points[-1][0] - points[0][0]
        if steepness * 3600 > limit.per_hour and steepness * span > limit.noise:
            yield (
                f"{name} grows by {steepness * 3600:.3g} {limit.unit} an hour, "
                f"and may by {limit.per_hour:g}".replace("  ", " ")
            )


def table(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the lines of a table: what there was at the start, in the middle, at the end, and how it grew."""
    yield f"{'':<12}{'start':>10}{'middle':>10}{'end':>10}{'most':>10}{'an hour':>12}{'limit':>10}"
    for name, limit in LIMITS.items():
        points = _points(samples, name)
        if points:
            values = [value for _, value in points]
            third = max(len(values) // 10, 1)
            parts = (values[:third], values[len(values) // 2 :][:third], values[-third:])
            cells = [statistics.median(part) for part in parts] + [max(values)]
            growth = slope(_judged(samples, name)) * 3600
            yield (
                f"{name:<12}"
                + "".join(f"{cell:>10.4g}" for cell in cells)
                + f"{growth:>+12.3g}{limit.per_hour:>10g} {limit.unit}"
            )


def _judged(samples: Sequence[Sample], name: str) -> list[tuple[float, float]]:
    points = _points(samples, name)
    if not points:
        return []
    begin = points[0][0] + WARM_UP * (points[-1][0] - points[0][0])
    return [point for point in points if point[0] >= begin]


def _points(samples: Sequence[Sample], name: str) -> list[tuple[float, float]]:
    return [(sample["at"], sample[name]) for sample in samples if name in sample]
