"""What workers elsewhere measure: the same series on disk, and the same in short, as a job's own process makes."""

from __future__ import annotations

import copy
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.worker.metrics import NAMES_IN_SHORT, MetricsWriter, Spark, read_values

__all__ = ["Measuring", "Point"]

_OPEN = 32  # series at a time

Sparks = Mapping[str, Spark]


@dataclass(frozen=True)
class Point:
    """A point that was told and is not kept yet.

    Attributes:
        job: Id of the job that it is of.
        values: Number by name.
        sparks: All series in short, with it.
    """

    job: str
    values: Mapping[str, float | None]
    sparks: Sparks

    @property
    def in_short(self) -> str:
        """The job's `metrics`, with it, as JSON."""
        return json.dumps(
            {
                name: {"last": spark.last, "spark": spark.numbers}
                for name, spark in self.sparks.items()
            }
        )


class Measuring:
    """The series that are being written.

    Args:
        folder: Of the backend's data; jobs have theirs in `jobs/<id>`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "jobs"
        self._open: OrderedDict[str, tuple[MetricsWriter, Sparks]] = OrderedDict()

    def read(self, body: Mapping[str, Any], told: Any) -> Point:
        """Return a point of a job's series.

        Args:
            body: The job as it is.
            told: What a worker says: an object of numbers by name.

        Raises:
            Refusal: It is no such object.
        """
        values = read_values(told)
        if not isinstance(told, Mapping) or len(values) < len(told):
            raise Refusal("InvalidJob", "metrics must be an object of numbers by name.")
        opened = self._open.get(body["id"])
        sparks = dict(copy.deepcopy(opened[1]) if opened else _sparks(body["metrics"]))
        for name, value in values.items():
            if name in sparks or len(sparks) < NAMES_IN_SHORT:
                sparks.setdefault(name, Spark()).add(value)
        return Point(body["id"], values, sparks)

    def keep(self, point: Point) -> None:
        """Append a point to its series."""
        folder = self._folder / point.job
        if point.job in self._open:
            writer = self._open[point.job][0]
        else:
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            writer = MetricsWriter(folder / "metrics")
        writer.add([(time.time_ns() // 1_000_000, None, point.values)])
        self._open[point.job] = writer, point.sparks
        self._open.move_to_end(point.job)
        if len(self._open) > _OPEN:
            self.end(next(iter(self._open)))

    def end(self, job: str) -> None:
        """Close a job's series; a later point opens it again."""
        if (opened := self._open.pop(job, None)) is not None:
            opened[0].close()


def _sparks(metrics: str | None) -> Sparks:
    """Return series as they were told in short; of an evicted one that is what is left in memory."""
    sparks: dict[str, Spark] = {}
    for name, told in json.loads(metrics or "{}").items():
        sparks[name] = Spark()
        for value in told["spark"]:
            sparks[name].add(value)
        sparks[name].last = told["last"]
    return sparks
