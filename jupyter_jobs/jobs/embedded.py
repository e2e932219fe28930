"""How a client finds the backend of this machine, and starts it on first use.

One backend a user and data folder. Where it listens and its key stand in a file of Jupyter's runtime folder that only
the user can read. It is a process of its own, detached from whoever started it: interrupting, restarting or ending a
kernel touches neither it nor its jobs.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from jupyter_jobs.errors import BackendUnavailable

__all__ = [
    "EmbeddedBackend",
    "data_folder",
    "ensure_backend",
    "find_backend",
    "process_started_at",
    "runtime_file",
    "write_private",
]

IDLE_EXIT = 600.0  # seconds without a connection or a live job
_LOG_TAIL = 15  # lines of the backend's log in an error


@dataclass(frozen=True)
class EmbeddedBackend:
    """A backend that runs on this machine.

    Attributes:
        http: URL for queries and mutations.
        realtime: URL for subscriptions.
        pid: Its process.
        started: When that process started, in clock ticks since boot: tells it from a later one of the same number.
        key: Its API key.
        version: Of the package that it runs.
    """

    http: str
    realtime: str
    pid: int
    started: int
    key: str = field(repr=False)
    version: str = ""

    def write(self, path: Path) -> None:
        """Write the file that clients find it by."""
        write_private(path, json.dumps(vars(self)))

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what the file says, or None if it is missing or says nothing of use."""
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def answers(self) -> bool:
        """Whether that very process lives and answers."""
        if process_started_at(self.pid) != self.started:
            return False
        address = urlsplit(self.http)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().read() == b"healthy"
        except OSError:
            return False
        finally:
            connection.close()


def data_folder(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of jobs, logs and results: the argument, else `JUPYTER_JOBS_DATA_DIR`, else Jupyter's own."""
    from jupyter_core.paths import jupyter_data_dir

    chosen = path or os.environ.get("JUPYTER_JOBS_DATA_DIR")
    return Path(chosen or Path(jupyter_data_dir(), "jupyter_jobs")).expanduser().absolute()


def runtime_file(data_dir: Path) -> Path:
    """Return the file that tells of the backend for a data folder."""
    from jupyter_core.paths import jupyter_runtime_dir

    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return Path(jupyter_runtime_dir(), f"jupyter-jobs-{digest}.json")


def find_backend(data_dir: str | os.PathLike[str] | None = None) -> EmbeddedBackend | None:
    """Return the backend that runs for a data folder, or None."""
    backend = EmbeddedBackend.read(runtime_file(data_folder(data_dir)))
    return backend if backend is not None and backend.answers else None


def ensure_backend(
    data_dir: str | os.PathLike[str] | None = None, *, timeout: float = 15.0
) -> EmbeddedBackend:
    """Return the backend for a data folder, started if none runs.

    Two that start at the same moment share one.

    Args:
        data_dir: See `data_folder`.
        timeout: Seconds to wait for its start.

    Raises:
        BackendUnavailable: It does not start; the message has the end of its log.
    """
    folder = data_folder(data_dir)
    found = find_backend(folder)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(folder / "start.lock"):
            return find_backend(folder) or _start(folder, timeout)
    except OSError as error:
        raise BackendUnavailable(
            f"the backend cannot use its folder {folder}: {error.strerror}; "
            "set JUPYTER_JOBS_DATA_DIR to a folder that you can write"
        ) from error


_started: list[
    subprocess.Popen[bytes]
] = []  # kept, so that those that end are reaped at the next start


def _start(folder: Path, timeout: float) -> EmbeddedBackend:
    _started[:] = [process for process in _started if process.poll() is None]
    log_path = folder / "backend.log"
    with open(log_path, "ab", opener=lambda p, flags: os.open(p, flags, 0o600)) as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_jobs.backend"),
                *("--data-dir", str(folder), "--idle-exit", str(IDLE_EXIT)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
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
        process.kill()
        lines = log_path.read_text("utf-8", errors="replace").splitlines()[-_LOG_TAIL:]
        raise BackendUnavailable(
            f"the backend did not start within {timeout:g} s; the end of {log_path}:\n"
            + "\n".join(lines)
        )
    return backend


def _first_line(stream: IO[bytes], timeout: float) -> bytes:
    """Return the first line, or nothing when the other side has ended or the time is up."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(timeout) else b""


def _environment() -> dict[str, str]:
    """Return this process's environment without what belongs to one kernel alone."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}
    if environment.get("MPLBACKEND", "").startswith("module://"):
        del environment[
            "MPLBACKEND"
        ]  # the notebook's inline pictures; a job has no page to put them on
    return environment


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file; the system gives it back if this process dies."""
    with open(path, "ab", opener=lambda p, flags: os.open(p, flags, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    with open(
        draft, "x", opener=lambda p, flags: os.open(p, flags, 0o600), encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)


def process_started_at(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None if it does not run (a zombie does not).

    Where the system has no `/proc`, every process that runs started at 0.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _alive(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])  # field 22 of proc(5)


def _alive(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return 0
