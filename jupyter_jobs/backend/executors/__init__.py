"""How a submission of each kind is checked before it is accepted, one module for each.

A module has `check(submission)`, which raises `Refusal`, at once or when the awaitable that it returns is awaited. What runs the work is its namesake in `worker.runners`.
A new kind is a file here, a file there, and a line in each table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from jupyter_jobs.backend.executors import command, function, notebook, request
from jupyter_jobs.backend.executors.submission import Submission

__all__ = ["EXECUTORS", "Submission"]

EXECUTORS: Mapping[str, Callable[[Submission], Awaitable[None] | None]] = {
    "REQUEST": request.check,
    "FUNCTION": function.check,
    "COMMAND": command.check,
    "NOTEBOOK": notebook.check,
}
"""Kind of job -> what checks a submission of it."""
