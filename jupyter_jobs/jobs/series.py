"""What a job measures, as it came: points of several series, or one series by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from jupyter_jobs.jobs.calls import Body

if TYPE_CHECKING:
    import pandas

__all__ = ["Metrics", "Point", "Series"]


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one time.

    Attributes:
        seq: Its number, from 1.
        time: When.
        step: Where in the work, as the job said; None if it did not.
        values: The numbers by name.
    """

    seq: int
    time: datetime
    step: float | None
    values: Mapping[str, float]

    @property
    def at(self) -> float:
        """The step, or without one the point's number: where it lies on an axis."""
        return float(self.seq) if self.step is None else self.step


class Series(Sequence[float]):
    """One number as it went: a sequence of its values, in order, for whatever takes one.

        loss = job.metrics("loss")
        plt.plot(loss.steps, loss)

    Attributes:
        name: What it is called.
        points: Those of the job's points that have it.
    """

    def __init__(self, name: str, points: Sequence[Point]) -> None:
        self.name = name
        self.points = [point for point in points if name in point.values]
        self._values = [point.values[name] for point in self.points]

    @property
    def steps(self) -> list[float]:
        """Where each value lies: its step, or the number of its point."""
        return [point.at for point in self.points]

    @property
    def times(self) -> list[datetime]:
        """When each was measured."""
        return [point.time for point in self.points]

    @property
    def last(self) -> float | None:
        """The newest value, or None before the first."""
        return self._values[-1] if self._values else None

    def to_pandas(self) -> pandas.Series[float]:
        """Return it as a pandas Series by step."""
        return _pandas().Series(
            self._values,
            index=_pandas().Index(self.steps, name="step"),
            name=self.name,
            dtype=float,
        )

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        return self._values[index]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)

    def __repr__(self) -> str:
        return f"<{_points(len(self))} of {self.name!r}, last {_number(self.last)}>"


class Metrics(Sequence[Point]):
    """All that a job measured so far: a sequence of points, oldest first; by name, one series.

    Attributes:
        names: Of the series, in the order in which they appeared.
        dropped: How many points the size limit dropped.
    """

    def __init__(self, points: Sequence[Point], dropped: int = 0) -> None:
        self._points = list(points)
        self.names = list(dict.fromkeys(name for point in points for name in point.values))
        self.dropped = dropped

    @classmethod
    def read(cls, told: Sequence[Body], dropped: int = 0) -> Metrics:
        """Return points as the server tells them."""
        return cls(
            [
                Point(
                    body["seq"],
                    datetime.fromisoformat(body["time"]),
                    body.get("step"),
                    body["values"],
                )
                for body in told
            ],
            dropped,
        )

    @property
    def last(self) -> dict[str, float]:
        """The newest value of each series."""
        return {name: value for point in self._points for name, value in point.values.items()}

    def series(self, name: str) -> Series:
        """Return one series; an empty one while nothing was measured at all.

        Raises:
            LookupError: There are others, and none of that name.
        """
        if self._points and name not in self.names:
            raise LookupError(
                f"there is no {name!r} among what was measured: {', '.join(self.names)}"
            )
        return Series(name, self._points)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame: a row a point, a column a series, by step, with the `time` of each."""
        index = _pandas().Index([point.at for point in self._points], name="step")
        columns: dict[str, list[Any]] = {"time": [point.time for point in self._points]}
        for name in self.names:
            columns[name] = [point.values.get(name, float("nan")) for point in self._points]
        return _pandas().DataFrame(columns, index=index)

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...
    @overload
    def __getitem__(self, index: str) -> Series: ...
    def __getitem__(self, index: int | slice | str) -> Point | list[Point] | Series:
        return self.series(index) if isinstance(index, str) else self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self._points)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {_number(value)}" for name, value in self.last.items())
        return f"<{_points(len(self))}{', last ' if last else ''}{last}>"


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError("to_pandas() needs pandas; install it by  %pip install pandas") from None
    return pandas
