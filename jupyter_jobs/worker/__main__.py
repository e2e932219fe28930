"""`python -m jupyter_jobs.worker <job folder>` does a job.

`… handlers [module,module]` lists the known requests, `… --nursery` forks what does jobs, see `nursery`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["handlers", *modules]:
            list_handlers(modules[0] if modules else None)
        case ["--nursery"]:
            from jupyter_jobs.worker.nursery import serve

            if (forked_for := serve()) is not None:
                main([str(forked_for)])
        case [folder]:
            from jupyter_jobs.worker.shim import supervise

            supervise(Path(folder))
            os._exit(0)  # nothing is left to do, and tidying up takes longer than many a job
        case _:
            raise SystemExit(__doc__)


def list_handlers(modules: str | None) -> None:
    """Print `{"known": [name, …], "failures": {module: reason}}`; what the modules print goes to stderr."""
    from jupyter_jobs.worker.handlers import HANDLERS, load_handlers

    answer = os.dup(1)
    os.dup2(2, 1)
    failures = load_handlers(modules)
    with open(answer, "w", encoding="utf-8") as file:
        json.dump({"known": sorted(HANDLERS), "failures": failures}, file)


if __name__ == "__main__":
    main(sys.argv[1:])
