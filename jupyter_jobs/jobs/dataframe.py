"""Jobs as a pandas data frame; pandas is loaded when one is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from jupyter_jobs.jobs.model import Job

if TYPE_CHECKING:
    import pandas

__all__ = ["frame"]

_NUMBERS = ("progress", "done", "total", "result_size", "duration")
_TIMES = ("created_at", "started_at", "finished_at", "updated_at")


def frame(jobs: Iterable[Job]) -> pandas.DataFrame:
    """Return a row a job, in their order, with the fields of `Job` as columns, and its `duration` in seconds.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "to_pandas() needs pandas, which is not installed: run `%pip install pandas` in a cell, "
            "or `pip install pandas` in a terminal",
            name="pandas",
        ) from None
    listed = list(jobs)
    columns = {
        field.name: [_plain(getattr(job, field.name)) for job in listed]
        for field in dataclasses.fields(Job)
    }
    columns["duration"] = [job.duration for job in listed]
    table = pandas.DataFrame(columns)
    for name in _NUMBERS:
        table[name] = table[name].astype("float64")
    for name in _TIMES:
        times = pandas.to_datetime(table[name], utc=True, format="ISO8601")
        table[name] = times.astype("datetime64[ns, UTC]")
    return table


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
