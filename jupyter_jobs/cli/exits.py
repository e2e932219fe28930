"""What a command's exit code says, and which one an error has."""

from __future__ import annotations

import argparse
from enum import IntEnum

from jupyter_jobs.errors import (
    BackendUnavailable,
    ConfigurationError,
    InvalidJob,
    JobNotFound,
    JobsError,
    JobUnsuccessful,
    LocalProtocolError,
    MissingCredentials,
    NotSupported,
    WireError,
)

__all__ = ["EXITS", "Exit", "Usage", "exit_code"]


class Usage(JobsError):
    """The words of a command do not go together, or mean more than one thing."""

    code = "INVALID_INPUT"


class Exit(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    TIMED_OUT = 124  # as timeout(1)
    INTERRUPTED = 130  # as shells tell SIGINT
    UNREAD = 141  # as shells tell SIGPIPE


EXITS = """\
exit codes:
  0    done, and where jobs were waited for, all of them succeeded
  1    a job did not succeed, or not everything could be done
  2    the command was not understood, or asks for what cannot be
  3    there is no such job
  4    the backend cannot be reached, or does not let in who asks
  124  the time was up
  130  interrupted; the jobs go on"""
"""The same for readers of `--help`."""

_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (BrokenPipeError, Exit.UNREAD),
    (Usage, Exit.USAGE),
    (JobNotFound, Exit.NOT_FOUND),
    (MissingCredentials, Exit.UNREACHABLE),
    (BackendUnavailable, Exit.UNREACHABLE),
    (LocalProtocolError, Exit.USAGE),
    (WireError, Exit.UNREACHABLE),
    (JobUnsuccessful, Exit.FAILED),
    (TimeoutError, Exit.TIMED_OUT),
    (ConfigurationError, Exit.USAGE),
    (InvalidJob, Exit.USAGE),
    (NotSupported, Exit.USAGE),
    (argparse.ArgumentTypeError, Exit.USAGE),
    (TypeError, Exit.USAGE),
)
"""The first that fits counts: a job's or a request's time-out is a TimeoutError too."""


def exit_code(error: BaseException) -> Exit:
    """Return the exit code that an error stands for."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)
