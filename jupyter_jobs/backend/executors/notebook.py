"""A notebook, executed from top to bottom."""

from __future__ import annotations

from jupyter_jobs.backend.executors.submission import Submission
from jupyter_jobs.backend.refusal import Refusal


def check(submission: Submission) -> None:
    """See that the notebook is there."""
    submission.file("path")
    if not isinstance(submission.payload.get("parameters", {}), dict):
        raise Refusal("InvalidJob", "payload.parameters must be an object.")
