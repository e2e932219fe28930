"""Folders of their own for whatever starts kernels, and an end for the backend and jobs that they leave behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    data_folder,
    process_started_at,
    runtime_file,
)
from jupyter_jobs.jobs.settings import SETTINGS

__all__ = ["backend_of", "own_folders"]

PATIENCE_S = 20.0

_DATA_DIR = "JUPYTER_JOBS_DATA_DIR"


@contextmanager
def own_folders(folder: Path) -> Iterator[dict[str, str]]:
    """Make the folders that Jupyter and an embedded backend use; in the end, stop what still works in them.

    Yields:
        The environment variables that say where they are, for the processes that shall use them; those that would
        send jobs elsewhere are empty.
    """
    environ = {
        **{setting.variable: "" for setting in SETTINGS.values()},
        "JUPYTER_JOBS_HANDLERS": "",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        _DATA_DIR: str(folder / "jobs"),
    }
    (folder / "runtime").mkdir(parents=True)
    try:
        yield environ
    finally:
        stop_backend(environ)
        kill_jobs(environ)


def backend_of(environ: Mapping[str, str]) -> EmbeddedBackend | None:
    """The backend that processes with these variables share, or None while there is none."""
    with mock.patch.dict(os.environ, environ):
        backend = EmbeddedBackend.read(runtime_file(data_folder()))
    if backend is None or process_started_at(backend.pid) != backend.started:
        return None
    return backend


def stop_backend(environ: Mapping[str, str]) -> None:
    """End the backend, if there is one, and wait until it is gone."""
    backend = backend_of(environ)
    if backend is None:
        return
    os.kill(backend.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while process_started_at(backend.pid) == backend.started:
        if time.monotonic() > deadline:
            os.kill(backend.pid, signal.SIGKILL)
            raise TimeoutError(f"the backend, process {backend.pid}, did not end when asked to")
        time.sleep(0.02)


def kill_jobs(environ: Mapping[str, str]) -> None:
    """End what is left of these folders: jobs outlive their backend, as they should, but not their test."""
    mark = f"{_DATA_DIR}={environ[_DATA_DIR]}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
