"""Where a backend is found: its folder's lock, its port and key, and the file that tells clients of it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_jobs.errors import BackendUnavailable, ConfigurationError
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    process_started_at,
    runtime_file,
    write_private,
)

__all__ = ["Memory", "announce", "bind", "listen", "only_one", "withdraw"]

_BACKLOG = 1024  # connections that wait to be accepted: kernels that all come back at once
_PATIENCE_S = 0.5  # in which whoever only looks at a lock has let go of it
_LOOK_S = 0.05


class Memory:
    """Key and port of last time, so that whoever was connected finds the next backend at the same address.

    Attributes:
        key: Empty without a last time.
        port: 0 without one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "address.json"
        try:
            known = json.loads(self._path.read_text("utf-8"))
            self.key, self.port = str(known["key"]), int(known["port"])
        except (OSError, ValueError, KeyError, TypeError):
            self.key, self.port = "", 0

    def keep(self, key: str, port: int) -> None:
        """Remember these for the next time."""
        write_private(self._path, json.dumps({"key": key, "port": port}))


def announce(
    folder: Path, key: str, listener: socket.socket, notices: tuple[str, ...] = ()
) -> EmbeddedBackend:
    """Let clients find this process, and return what they are told."""
    host, port = listener.getsockname()[:2]
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    backend = EmbeddedBackend(
        http=f"http://{authority}/graphql",
        realtime=f"ws://{authority}/graphql/realtime",
        pid=os.getpid(),
        started=process_started_at(os.getpid()) or 0,
        key=key,
        version=importlib.metadata.version("jupyter_jobs"),
        notices=notices,
    )
    backend.write(runtime_file(folder))
    return backend


def withdraw(folder: Path) -> None:
    """Take back what clients are told, if that is of this process."""
    path = runtime_file(folder)
    told = EmbeddedBackend.read(path)
    if told is None or (told.pid, told.is_here) == (os.getpid(), True):
        path.unlink(missing_ok=True)


def bind(host: str, port: int, last_port: int) -> socket.socket:
    """Return a socket that listens: at this port, else at the one of last time, else at any that is free.

    Raises:
        ConfigurationError: The port that was asked for cannot be had.
    """
    try:
        return listen(host, port or last_port)
    except OSError as error:
        if port:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        return listen(host, 0)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and an answer in two writes waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder, and write down who does; the system gives it back if this process dies.

    Raises:
        BackendUnavailable: Another backend serves it.
        ConfigurationError: Its file system has no locks, so nothing would keep two apart.
    """
    path = folder / "serve.lock"
    with open(path, "a+", encoding="utf-8") as lock:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    raise BackendUnavailable(
                        f"another backend serves {folder}, {lock.read().strip() or 'of an older release'}; "
                        "choose another folder with --data-dir"
                    ) from None
            except OSError as error:
                raise ConfigurationError(
                    f"the file system of {folder} has no locks ({error.strerror}): set JUPYTER_JOBS_DATA_DIR to a "
                    "folder of this machine"
                ) from error
            time.sleep(_LOOK_S)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}\n")
        lock.flush()
        yield
