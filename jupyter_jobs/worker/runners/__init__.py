"""How each kind of work is done, one module for each. A new kind is a module and a line here.

A module has `run(work)`. It runs in the job's own process, in the job's folder to run in, returns the result and
raises what went wrong. It is imported there only, so that the shim starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["RUNNERS", "Work"]

RUNNERS: Mapping[str, str] = {
    "REQUEST": "jupyter_jobs.worker.runners.request",
    "FUNCTION": "jupyter_jobs.worker.runners.function",
    "COMMAND": "jupyter_jobs.worker.runners.command",
    "NOTEBOOK": "jupyter_jobs.worker.runners.notebook",
}


@dataclass(frozen=True)
class Work:
    """What `job.json` says is to be done.

    Attributes:
        id: The job's.
        kind: A key of `RUNNERS`.
        request: The work in words.
        params: Decoded from JSON.
        payload: What this kind needs to run.
        folder: The job's folder.
        log_limit: Bytes of output to keep.
        grace: Seconds between asking the work to end and killing it.
        rules: What the run is bound by, see `Job.rules`.
        run: Its number, from 1.
        open_files: How many files it may have open at a time; None for as many as its shim.
    """

    id: str
    kind: str
    request: str
    params: Any
    payload: Mapping[str, Any]
    folder: Path
    log_limit: int = 10_000_000
    grace: float = 5.0
    rules: Mapping[str, Any] = field(default_factory=dict)
    run: int = 1
    open_files: int | None = None
