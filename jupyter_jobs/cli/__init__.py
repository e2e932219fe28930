"""`jupyter-jobs`: the jobs of this machine, or of an AppSync endpoint, from a shell.

From the top down, as imports go:

    commands                          the table of commands, and how words become one of them
    submit | watch | listing | show | logs | waiting | acting | outputs | pruning | serving |
    stopping | top | key | demo | doctor
                                      the commands, each with its options, its examples and what it does
    frame, dashboard                  one picture of `watch` | of `top`
    table                             jobs as lines
    cells                             what the columns say of a job
    follow | access | filters         hears of jobs | finds those that ids mean | those that options mean
    checkup, machine                  what the doctor finds without asking anybody | about this machine's backend
    pages                             asks that backend for what is not about jobs
    loads                             what the processes of jobs take
    command | terminal | spans, sizes | exits
                                      what a command is | what goes out | spans of time, of bytes | exit codes

What is slow to import is imported when a command runs.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from jupyter_jobs.errors import JobsError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, see `exits.Exit`. An error is one sentence, never a traceback.

    Args:
        argv: The words after the program's name; default those of the process.
    """
    from jupyter_jobs.cli.commands import parse
    from jupyter_jobs.cli.exits import Exit, exit_code
    from jupyter_jobs.cli.terminal import complain

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack a mark
    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (
        BrokenPipeError
    ) as error:  # the reader has seen enough; Python would complain at its own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_code(error)
    except (JobsError, TypeError, TimeoutError) as error:
        complain(error)
        return exit_code(error)
    except OSError as error:
        complain(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        return exit_code(error)
    except (
        Exception
    ) as error:  # a mistake of ours: a reader of a terminal has no use for its traceback
        complain(f"this is a mistake in jupyter-jobs: {type(error).__name__}: {error}")
        return exit_code(error)
