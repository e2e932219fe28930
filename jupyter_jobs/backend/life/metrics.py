"""Prometheus' text format 0.0.4, and the one thing that is counted for it in more than a number: how long things take.

Pure. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["BOUNDS", "CONTENT_TYPE", "Family", "Histogram", "Sample", "counter", "gauge", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of a histogram's buckets, in seconds; a last one takes the rest."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line.

    Attributes:
        value: What was measured.
        labels: What it is of.
        suffix: Behind the family's name.
    """

    value: float
    labels: Labels
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All lines of one name.

    Attributes:
        name: With its unit; of a counter with `_total`.
        kind: How it is to be read.
        help: What it tells, for people.
        samples: The lines.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


class Histogram:
    """Counts spans of time by buckets.

    Attributes:
        counts: By bucket, not added up; one more than `BOUNDS`.
        total: Seconds of all together.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def samples(self, labels: Labels) -> Iterable[Sample]:
        """Yield its lines."""
        below = 0
        for bound, count in zip((*BOUNDS, math.inf), self.counts, strict=True):
            below += count
            yield Sample(below, {**labels, "le": _number(bound)}, "_bucket")
        yield Sample(self.total, labels, "_sum")
        yield Sample(below, labels, "_count")


def gauge(name: str, help: str, value: float, **labels: str) -> Family:
    """Return a family of one value that goes up and down."""
    return Family(name, "gauge", help, [Sample(value, labels)])


def counter(name: str, help: str, value: float, **labels: str) -> Family:
    """Return a family of one value that only goes up, from 0 at the start of the process."""
    return Family(name, "counter", help, [Sample(value, labels)])


def render(families: Iterable[Family]) -> str:
    """Return the text of all families."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for sample in family.samples:
            labels = ",".join(f'{name}="{_quoted(text)}"' for name, text in sample.labels.items())
            braced = f"{{{labels}}}" if labels else ""
            lines.append(f"{family.name}{sample.suffix}{braced} {_number(sample.value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
