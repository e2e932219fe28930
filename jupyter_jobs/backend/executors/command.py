"""A program with its arguments, or a line for the shell."""

from __future__ import annotations

import shutil

from jupyter_jobs.backend.executors.submission import Submission
from jupyter_jobs.backend.refusal import Refusal


def check(submission: Submission) -> None:
    """See that there is something to run."""
    payload = submission.payload
    if "shell" in payload:
        submission.text("shell")
        return
    args = payload.get("args")
    if not isinstance(args, list) or not args or not all(isinstance(part, str) for part in args):
        raise Refusal(
            "InvalidJob", "payload needs 'args', a list of strings, or 'shell', a string."
        )
    if shutil.which(args[0], path=None) is None:
        raise Refusal("InvalidJob", f"There is no program {args[0]!r} on this machine.")
