r"""Forks shims from a process that has imported already what they and nearly every work need.

A Python that starts and imports takes a tenth of a second; its fork is there in a few milliseconds. The backend keeps
one such process for each interpreter and talks to it through a socket, its stdin:

    nursery -> backend   b"ready\n", once
    backend -> nursery   b"fork <folder as JSON>\n", and with it a descriptor of the folder's FIFO `reports`
    nursery -> backend   b"<process id>\n"
    backend -> nursery   b"reap <process id>\n": its end has been noted, the number may be given to others

What cannot be answered is not: the nursery ends, as it does when the backend has, and whoever asks starts a shim
another way. Until a request is read, the descriptor on its way keeps the FIFO open, then the fork does: whoever finds
it held waits for the shim to tell its name, whoever finds it free knows that there is none.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import site
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from jupyter_jobs.worker.runners import RUNNERS

__all__ = ["FORK", "READY", "REAP", "serve"]

READY = b"ready\n"
FORK = b"fork "
REAP = b"reap "

_OFTEN_USED = (
    "jupyter_jobs.worker.shim",
    *(RUNNERS[kind] for kind in ("COMMAND", "FUNCTION", "REQUEST")),
    "cloudpickle",
    "ctypes",
)
_CHUNK = 64 * 1024


def serve() -> Path | None:
    """Fork shims until the backend ends.

    Returns:
        None in the nursery. In each fork the folder of the job that it is to supervise.
    """
    for name in _OFTEN_USED:
        importlib.import_module(name)
    if (
        _threads() > 1
    ):  # somebody's start-up code has begun some: a fork would have their locks, but not them
        return None
    backend = socket.socket(fileno=0)
    start, installed = os.getcwd(), _installed()
    gc.collect()
    gc.freeze()  # or the first collection in a fork writes to, and so copies, every page
    try:
        backend.sendall(READY)
        for line, reports in _requests(backend):
            if line.startswith(REAP):
                os.waitpid(int(line.removeprefix(REAP)), 0)
                continue
            if reports is None or _installed() != installed:
                return None
            folder = Path(json.loads(line.removeprefix(FORK)))
            pid = os.fork()
            if pid == 0:
                backend.detach()
                _become_shim(folder, reports, start)
                return folder
            os.close(reports)
            backend.sendall(b"%d\n" % pid)
    except (BrokenPipeError, ConnectionResetError):  # the backend has ended
        pass
    return None


def _requests(backend: socket.socket) -> Iterator[tuple[bytes, int | None]]:
    """Yield the lines that the backend sends, each with the descriptor that came along."""
    unread = b""
    descriptors: list[int] = []
    while True:
        data, received, _, _ = socket.recv_fds(backend, _CHUNK, 1)
        descriptors += received
        if not data:
            return
        *lines, unread = (unread + data).split(b"\n")
        for line in lines:
            yield line, descriptors.pop(0) if line.startswith(FORK) and descriptors else None


def _become_shim(folder: Path, reports: int, start: str) -> None:
    """Make this fork what `python -m jupyter_jobs.worker <folder>` would be, started in that folder.

    Args:
        folder: The job's.
        reports: A descriptor of its FIFO.
        start: The folder in which the nursery was started.
    """
    os.chdir(folder)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        errors = os.open("shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError:  # a full disk: the shim says so itself
        errors = os.open(os.devnull, os.O_WRONLY)
    for number, descriptor in enumerate((null, reports, errors)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv[1:] = [str(folder)]
    sys.orig_argv = [*sys.orig_argv[:-1], str(folder)]
    sys.path[:] = [str(folder) if entry == start else entry for entry in sys.path]
    sys.path_importer_cache.clear()  # modules may have come since


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return threading.active_count()


def _installed() -> list[int]:
    """Return what changes as packages come and go: some of them are known from the interpreter's start only."""
    folders = [
        *site.getsitepackages(),
        *([site.getusersitepackages()] if site.ENABLE_USER_SITE else []),
    ]
    return [os.stat(folder).st_mtime_ns if os.path.isdir(folder) else 0 for folder in folders]
