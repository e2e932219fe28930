import builtins
import sys
import types
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_jobs.jobs.dataframe import frame
from jupyter_jobs.jobs.model import WIRE_NAMES, Job

JOB = Job(
    id="one",
    created_at="2026-11-22T20:00:00.000Z",
    started_at="2026-11-22T20:00:01.000Z",
    finished_at="2026-11-22T20:00:03.500Z",
)


class Column(list[Any]):
    def astype(self, kind: str) -> "Column":
        return Column(float(value) if value and kind == "float64" else value for value in self)


class Frame(dict[str, Any]):
    def __init__(self, columns: dict[str, list[Any]]) -> None:
        super().__init__({name: Column(values) for name, values in columns.items()})


def pandas() -> Any:
    """As much of pandas as is used, for it is none of this package's dependencies."""
    module: Any = types.ModuleType("pandas")
    module.DataFrame = Frame
    module.to_datetime = lambda values, utc, format: Column(
        None if value is None else datetime.fromisoformat(value).astimezone(UTC) for value in values
    )
    return module


def test_a_row_a_job_and_a_column_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", pandas())

    table: Any = frame([JOB, Job(id="two")])

    assert list(table) == [*WIRE_NAMES, "duration"]
    assert (table["id"], table["duration"]) == (["one", "two"], [2.5, None])
    assert [type(value) for value in table["status"]] == [str, str]
    assert table["created_at"] == [datetime(2026, 11, 22, 20, tzinfo=UTC), None]


def test_without_pandas_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    imports = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")
        return imports(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"needs pandas.*%pip install pandas"):
        frame([JOB])
