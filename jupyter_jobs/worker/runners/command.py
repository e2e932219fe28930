"""Runs a program in place of the job's Python."""

from __future__ import annotations

import os
import signal
from typing import Never

from jupyter_jobs.worker.outcome import Failure
from jupyter_jobs.worker.runners import Work


def run(work: Work) -> Never:
    """Become the program: what it prints and how it exits is the job's."""
    line = work.payload.get("shell")
    args = ["/bin/sh", "-c", line] if line is not None else list(work.payload["args"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Python ignores two, a shell in the background two more (bash(1), SIGNALS); programs would inherit that.
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(args[0], args)
    except OSError as error:
        reason = (
            "there is no such program" if isinstance(error, FileNotFoundError) else error.strerror
        )
        raise Failure(type(error).__name__, f"{args[0]} could not be started: {reason}") from None
