"""Runs the handler that is registered for a request's name."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.worker.handlers import HANDLERS, load_handlers
from jupyter_jobs.worker.job import current_job
from jupyter_jobs.worker.outcome import Failure
from jupyter_jobs.worker.runners import Work
from jupyter_jobs.worker.runners.tracing import traced


def run(work: Work) -> Any:
    """Call the handler with the job's parameters."""
    failures = load_handlers(work.payload.get("handlers"))
    handler = HANDLERS.get(work.request)
    if handler is None:
        problems = "".join(f"; {module}: {problem}" for module, problem in failures.items())
        raise Failure("UnknownRequest", f"nobody handles {work.request!r}{problems}")
    with traced(work):
        return handler(current_job().params)
