"""Jobs as a pandas data frame; pandas is loaded when one is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jupyter_jobs.jobs.model import Job

if TYPE_CHECKING:
    import pandas

__all__ = ["frame"]

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
        field.name: [getattr(job, field.name) for job in listed]
        for field in dataclasses.fields(Job)
    }
    columns["duration"] = [job.duration for job in listed]
    table = pandas.DataFrame(columns)
    for name in _TIMES:
        table[name] = pandas.to_datetime(table[name], utc=True, format="ISO8601")
    return table
