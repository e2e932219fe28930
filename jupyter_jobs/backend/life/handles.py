"""How many files this process may have open: a thousand connections and jobs take more than most systems begin with."""

from __future__ import annotations

import logging

__all__ = ["raise_open_files"]

log = logging.getLogger("jupyter_jobs.backend")

_MOST = 1_048_576  # where the system names no limit


def raise_open_files() -> int | None:
    """Raise the limit of this process to what it may have; returns what it was, for its jobs, or None if it stays.

    Programs that close all that they could have open, or that use select(2), are slowed down or broken by a high one:
    so jobs get the former limit back.
    """
    try:
        import resource
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.info("no more than %d files can be open at a time: %s", soft, error)
        return None
    return soft
