"""An example of a request's handler: copy it, and name your module in JUPYTER_JOBS_HANDLERS."""

from __future__ import annotations

import time
from typing import Any

from jupyter_jobs.worker import current_job, handler, track


@handler("Process data")
def process_data(params: dict[str, Any]) -> dict[str, Any]:
    """Go through some rows and add up their values.

    Args:
        params: `rows` to process (1000), and how many `seconds` that takes (2.0).
    """
    rows = int(params.get("rows", 1000))
    seconds = float(params.get("seconds", 2.0))
    job = current_job()

    job.message("Reading the rows")
    values = [row % 7 for row in range(rows)]

    total = 0
    started = time.monotonic()
    for row, value in enumerate(track(values, message="Adding them up"), start=1):
        total += value
        time.sleep(max(0.0, started + seconds * row / rows - time.monotonic()))

    print(f"{rows} rows, total {total}")  # noqa: T201  # what a job prints is its log
    job.message("Done")
    return {"rows": rows, "total": total}
