"""A Python function with its arguments, pickled."""

from __future__ import annotations

import base64
import binascii

from jupyter_jobs.backend.executors.submission import Submission
from jupyter_jobs.backend.refusal import Refusal


def check(submission: Submission) -> None:
    """See that there is a pickle; it is loaded in the job's own process only."""
    try:
        base64.b64decode(submission.text("function"), validate=True)
    except binascii.Error:
        raise Refusal("InvalidJob", "payload.function is no base64.") from None
