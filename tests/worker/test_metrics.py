from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.metrics import (
    NAMES_IN_SHORT,
    SPARK_LENGTH,
    MetricsReader,
    MetricsWriter,
    Spark,
    number,
    read_values,
)


class Scalar:
    """What NumPy's and PyTorch's scalars have in common."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_points_come_back_with_number_time_step_and_values(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics")
    writer.add([(1000, None, {"loss": 0.5}), (2000, 3.0, {"loss": None, "accuracy": 1.0})])
    writer.close()

    page = MetricsReader(tmp_path / "metrics").page()
    assert [(p.seq, p.time_ms, p.step, p.values) for p in page.points] == [
        (1, 1000, None, {"loss": 0.5}),
        (2, 2000, 3.0, {"loss": None, "accuracy": 1.0}),
    ]
    assert page.at_end


def test_a_page_goes_on_after_the_point_it_names(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics")
    writer.add([(step, float(step), {"loss": 1 / step}) for step in range(1, 6)])
    reader = MetricsReader(tmp_path / "metrics")

    first = reader.page(limit=2)
    rest = reader.page(after=first.points[-1].seq)
    writer.close()

    assert [point.step for point in first.points + rest.points] == [1, 2, 3, 4, 5]
    assert (first.at_end, rest.at_end) == (False, True)


def test_a_series_over_its_limit_keeps_the_head_and_the_newest(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics", 10_000)
    for step in range(2000):
        writer.add([(step, float(step), {"loss": 0.5})])
    writer.close()
    reader = MetricsReader(tmp_path / "metrics")

    head = reader.page()
    newest = reader.page(after=head.points[-1].seq)

    assert head.points[0].step == 0
    assert newest.dropped > 0
    assert newest.points[-1].step == 1999
    assert sum(path.stat().st_size for path in (tmp_path / "metrics").iterdir()) <= 10_000


def test_without_a_point_there_is_no_folder(tmp_path: Path) -> None:
    MetricsWriter(tmp_path / "metrics").close()

    assert not (tmp_path / "metrics").exists()
    assert MetricsReader(tmp_path / "metrics").page().points == []


def test_a_series_in_short_has_its_last_value_and_its_shape(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics")
    writer.add([(0, None, {"loss": 0.123456}), (1, None, {"loss": 0.2, "nan": None})])
    writer.close()

    assert writer.in_short() == {
        "loss": {"last": 0.2, "spark": [0.1235, 0.2]},
        "nan": {"last": None, "spark": []},
    }


def test_only_so_many_names_are_told_in_short_and_all_are_kept(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics")
    writer.add([(0, None, {f"m{number}": 1.0}) for number in range(NAMES_IN_SHORT + 5)])
    writer.close()

    assert list(writer.in_short()) == [f"m{number}" for number in range(NAMES_IN_SHORT)]
    assert len(MetricsReader(tmp_path / "metrics").page().points) == NAMES_IN_SHORT + 5


@pytest.mark.parametrize("count", [0, 1, 2, 23, 24, 25, 47, 48, 100, 1000, 12_345])
def test_a_spark_spans_the_whole_series_evenly_and_ends_with_the_newest(count: int) -> None:
    spark = Spark()
    for value in range(count):
        spark.add(float(value))

    line = spark.numbers
    assert len(line) == min(count, len(line)) <= SPARK_LENGTH
    if count:
        assert (line[0], line[-1]) == (0, float(f"{count - 1:.4g}"))
    if count >= SPARK_LENGTH:
        assert len(line) > SPARK_LENGTH // 2
        gaps = {round(after - before) for before, after in itertools.pairwise(line[:-1])}
        assert max(gaps) - min(gaps) <= max(count // 1000, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (0.25, 0.25),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (Scalar(0.5), 0.5),
        (Scalar(2), 2.0),
        (math.nan, None),
        (-math.inf, None),
        (Scalar(math.nan), None),
    ],
)
def test_numbers_of_all_kinds_are_measured(value: Any, expected: float | None) -> None:
    assert number("loss", value) == expected


@pytest.mark.parametrize(
    "value",
    ["0.5", b"1", None, [1.0], 1j, 10**400, Scalar(ValueError("2 elements")), Scalar("x")],
)
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match=r"metrics\(loss=…\) takes a number, not "):
        number("loss", value)


def test_only_what_can_be_used_of_values_from_elsewhere_is_kept() -> None:
    values = {"a": 1, "b": "x", "": 2, "c": math.inf, "d": None, "e": True, "f": 10**400, 3: 4}

    assert read_values(values) == {"a": 1.0, "c": None, "d": None}
    assert read_values([1]) == {}
    assert read_values({"\ud800" * 100: 1}) == {"?" * 64: 1.0}
