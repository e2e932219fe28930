"""Runs a function that came as a pickle."""

from __future__ import annotations

import base64
import pickle
import sys
from typing import Any

from jupyter_jobs.worker.runners import Work
from jupyter_jobs.worker.runners.tracing import traced


def run(work: Work) -> Any:
    """Unpickle the function with its arguments, and call it."""
    try:
        function, args, kwargs = pickle.loads(base64.b64decode(work.payload["function"]))
    except Exception as error:
        error.add_note(f"The function could not be loaded in the job's process ({sys.executable}).")
        raise
    with traced(work):
        return function(*args, **kwargs)
