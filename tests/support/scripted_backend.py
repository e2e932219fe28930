"""A real backend that a script starts: with another number of slots, or to die at a given step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.backend import KEY, RunningBackend, end_tree

__all__ = ["SLOTS", "dying_at", "scripted_backend"]

SLOTS = """
import sys
from pathlib import Path
from jupyter_jobs.backend.server import Options, serve
serve(Options(data_dir=Path(sys.argv[1]), slots={slots}))
"""
"""Serves with a number of slots."""

_DYING = """
import os, signal, sys
from pathlib import Path
from jupyter_jobs.backend.running import runner
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.server import Options, serve

owner = Repository if hasattr(Repository, {name!r}) else runner
step = getattr(owner, {name!r})
calls = []

def dying(*args, **named):
    calls.append(None)
    if (len(calls), {when!r}) == ({call}, "before"):
        os.kill(os.getpid(), signal.SIGKILL)
    result = step(*args, **named)
    if (len(calls), {when!r}) == ({call}, "after"):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, {name!r}, dying)
serve(Options(data_dir=Path(sys.argv[1]), slots=2))
"""


def dying_at(when: str, name: str, call: int) -> str:
    """A script that serves and kills itself before or after a call of a step of its runner, counted from 1."""
    return _DYING.format(when=when, name=name, call=call)


@contextmanager
def scripted_backend(data_dir: Path, script: str) -> Iterator[RunningBackend]:
    """Run a backend for a block; afterwards nothing of it and its jobs is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(data_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(data_dir / "runtime"),
            "JUPYTER_JOBS_API_KEY": KEY,
        },
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield RunningBackend(ready["http"], ready["realtime"], KEY, data_dir, process)
    finally:
        end_tree(process)
        process.stdout.close()
