"""The embedded backend, as clients start it: `python -m jupyter_jobs.backend`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jupyter_jobs.backend.server import Options, serve
from jupyter_jobs.errors import JobsError


def main() -> int:
    """Serve a data folder until TERM or idleness."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_jobs.backend")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--idle-exit", type=float)
    parser.add_argument("--quiet", action="store_true", help="log to the file alone")
    parser.add_argument("--belongs-to", type=int, metavar="PID", help="of a JupyterHub server")
    args = parser.parse_args()
    try:
        return serve(
            Options(
                data_dir=args.data_dir,
                idle_exit=args.idle_exit,
                quiet=args.quiet,
                belongs_to=args.belongs_to,
            )
        )
    except JobsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # what a terminal program does
        return 1


if __name__ == "__main__":
    sys.exit(main())
