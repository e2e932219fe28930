"""Starts the backend of this machine as a process of its own."""

from __future__ import annotations

import fcntl
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.runtime import EmbeddedBackend, runtime_file

__all__ = ["IDLE_EXIT", "alone", "start"]

IDLE_EXIT = 600.0  # seconds without a connection or a live job
_LOOK_S = 0.05  # between looks whether another process has let go of a lock
_TAIL = 15  # lines of what a backend said that did not start
_JOB = "JUPYTER_JOBS_ID"  # by which its processes are told
_OF_A_JOB = (_JOB, "JUPYTER_JOBS_DIR", "JUPYTER_JOBS_FILES")
_OUTSIDE = (
    "JUPYTER_JOBS_OUTSIDE"  # jobs to which a process does not belong, though it descends from them
)
_SECRETS = ("JUPYTER_JOBS_API_KEY", "JUPYTER_JOBS_TOKEN")  # of an API elsewhere


_started: list[
    subprocess.Popen[bytes]
] = []  # kept, so that those that end are reaped at the next start


def start(folder: Path, timeout: float) -> EmbeddedBackend:
    """Start a backend for a data folder, and return it once it answers; warns of what it found amiss there.

    Raises:
        BackendUnavailable: It does not start; the message has what it said.
        OSError: The folder cannot be used.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    errors_path = folder / "backend.err"  # what it says before it has its log, or dies of
    with open(errors_path, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_jobs.backend", "--quiet"),
                *("--data-dir", str(folder), "--idle-exit", str(IDLE_EXIT)),
                *_owner(os.environ),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            cwd=folder,
            start_new_session=True,
        )
    assert process.stdout is not None  # it was asked for
    with process.stdout as ready:
        said = _first_line(ready, timeout)
    _started.append(process)
    backend = EmbeddedBackend.read(runtime_file(folder)) if said else None
    if backend is None:
        is_late = process.poll() is None and said is None
        process.kill()
        within = f" within {timeout:g} s" if is_late else ""
        lines = errors_path.read_text("utf-8", errors="replace").splitlines()[-_TAIL:]
        told = "\n".join(lines) or f"the end of {folder / 'backend.log'} may say why"
        raise BackendUnavailable(f"the backend did not start{within}: {told}")
    for notice in backend.notices:
        warnings.warn(f"jupyter_jobs: {notice}", stacklevel=2)
    return backend


def _first_line(stream: IO[bytes], timeout: float) -> bytes | None:
    """Return the first line, nothing when the other side has ended, and None when the time is up."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(timeout) else None


def _owner(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options that tell of the JupyterHub server that a backend belongs to: the one that started this kernel."""
    pid = environ.get("JPY_PARENT_PID", "")
    is_hub = "JUPYTERHUB_SERVICE_PREFIX" in environ or "JUPYTERHUB_USER" in environ
    return ("--belongs-to", pid) if is_hub and pid.isdecimal() else ()


def _environment() -> dict[str, str]:
    """Return this process's environment without what belongs to one kernel or one job alone, and without keys.

    If this process is a job's, a mark says that the backend is not: it lives on when the job has ended.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("JPY_") and name not in (*_OF_A_JOB, *_SECRETS)
    }
    if environment.get("MPLBACKEND", "").startswith("module://"):
        del environment[
            "MPLBACKEND"
        ]  # the notebook's inline pictures; a job has no page to put them on
    if _JOB in os.environ:
        environment[_OUTSIDE] = f"{os.environ.get(_OUTSIDE, '')} {os.environ[_JOB]}".strip()
    return environment


@contextmanager
def alone(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock file; the system gives it back if this process dies.

    Raises:
        BackendUnavailable: Somebody else holds it for too long.
    """
    deadline = time.monotonic() + timeout
    with open(path, "ab", opener=lambda p, flags: os.open(p, flags, 0o600)) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BackendUnavailable(
                        f"another process has been starting the backend for {timeout:g} s: try again"
                    ) from None
            time.sleep(_LOOK_S)
        yield
