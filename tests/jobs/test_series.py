import sys
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from jupyter_jobs.jobs.series import Metrics, Series

TIMES = [f"2026-11-23T10:00:0{n}.000+00:00" for n in range(4)]


def measured() -> Metrics:
    told: list[dict[str, Any]] = [
        {"seq": 1, "time": TIMES[0], "step": 10, "values": {"loss": 0.9}},
        {"seq": 2, "time": TIMES[1], "step": 20, "values": {"loss": 0.5, "accuracy": 0.25}},
        {"seq": 3, "time": TIMES[2], "step": None, "values": {"accuracy": 0.75}},
    ]
    return Metrics.read(told, dropped=4)


def test_all_that_was_measured_is_a_sequence_of_points() -> None:
    metrics = measured()

    assert [point.seq for point in metrics] == [1, 2, 3]
    assert len(metrics) == 3
    assert metrics[-1].values == {"accuracy": 0.75}
    assert [point.at for point in metrics[:]] == [10, 20, 3]
    assert metrics.names == ["loss", "accuracy"]
    assert metrics.last == {"loss": 0.5, "accuracy": 0.75}
    assert metrics.dropped == 4


def test_a_series_is_a_sequence_of_its_values() -> None:
    loss = measured()["loss"]

    assert list(loss) == [0.9, 0.5]
    assert (loss.steps, loss.last, loss[0], loss[-1:]) == ([10, 20], 0.5, 0.9, [0.5])
    assert loss.times == [datetime.fromisoformat(time) for time in TIMES[:2]]
    assert measured().series("accuracy").steps == [20, 3]


def test_a_name_that_is_none_says_which_there_are() -> None:
    with pytest.raises(LookupError, match="no 'los' among what was measured: loss, accuracy"):
        measured().series("los")


def test_before_the_first_point_every_series_is_empty() -> None:
    series = Metrics([]).series("loss")

    assert (list(series), series.last) == ([], None)


def test_they_tell_in_short_what_they_are() -> None:
    assert repr(measured()) == "<3 points, last loss 0.5, accuracy 0.75>"
    assert repr(measured()["loss"]) == "<2 points of 'loss', last 0.5>"
    assert repr(Metrics([])) == "<0 points>"
    assert repr(Series("loss", [])) == "<0 points of 'loss', last none>"


class Frames(ModuleType):
    """What is asked of pandas, as it was asked."""

    @staticmethod
    def Index(values: Any, name: str) -> Any:
        return (name, values)

    @staticmethod
    def DataFrame(columns: Any, index: Any) -> Any:
        return columns, index

    @staticmethod
    def Series(values: Any, index: Any, name: str, dtype: type) -> Any:
        return values, index, name, dtype


def test_a_table_has_a_row_a_point_and_a_column_a_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", Frames("pandas"))
    columns, index = measured().to_pandas()  # type: ignore[misc]  # a stand-in's

    assert index == ("step", [10, 20, 3])
    assert list(columns) == ["time", "loss", "accuracy"]
    assert columns["loss"][:2] == [0.9, 0.5]
    assert columns["loss"][2] != columns["loss"][2]
    assert measured()["loss"].to_pandas() == ([0.9, 0.5], ("step", [10, 20]), "loss", float)  # type: ignore[comparison-overlap]  # a stand-in's


def test_without_pandas_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match="%pip install pandas"):
        measured().to_pandas()
