"""How a client finds the backend of this machine, starts it on first use, and replaces one of an older contract.

One backend a user and data folder. Where it listens and its key stand in a file that only the user can read, see
`runtime`. It is a process of its own, detached from whoever started it: interrupting, restarting or ending a kernel
touches neither it nor its jobs.

    no file, or one of a process that is gone      it is started; whoever starts it at the same moment shares it
    it runs, with this contract                    it is used, whatever its release
    it runs, with an older contract                it is asked to end; its jobs go on, and the one that is started adopts them
    it runs, with a newer contract                 an error: this side is to be updated
    its process lives and does not answer          an error, once that lasts: two on one folder would be worse
    it runs on another host                        an error that says which

Two locks keep it at one: `start.lock` is held by who starts, `serve.lock` by the backend itself, to its end.
"""

from __future__ import annotations

import fcntl
import http.client
import importlib.metadata
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.runtime import (
    CONTRACT,
    EmbeddedBackend,
    data_folder,
    is_stopped,
    process_started_at,
    runtime_file,
    write_private,
)
from jupyter_jobs.jobs.starting import alone, start

__all__ = [
    "EmbeddedBackend",
    "Presence",
    "Sighting",
    "ask",
    "data_folder",
    "ensure_backend",
    "find_backend",
    "is_served",
    "look",
    "process_started_at",
    "runtime_file",
    "why_not",
    "write_private",
]

ANSWER_S = 5.0  # that a backend may take to answer
_LOOK_S = 0.05  # between looks whether another process has ended or started


class Presence(Enum):
    """What is to be seen of a backend."""

    ABSENT = "absent"
    RUNS = "runs"
    SILENT = "silent"  # its process lives, and does not answer
    ELSEWHERE = "elsewhere"  # it runs on another host


@dataclass(frozen=True)
class Sighting:
    """What was seen of the backend of a data folder.

    Attributes:
        presence: Whether it runs.
        folder: The data folder.
        backend: What its file says; None without one.
    """

    presence: Presence
    folder: Path
    backend: EmbeddedBackend | None = None


def look(data_dir: str | os.PathLike[str] | None = None) -> Sighting:
    """Look for the backend of a data folder; takes `ANSWER_S` where one does not answer."""
    folder = data_folder(data_dir)
    backend = EmbeddedBackend.read(runtime_file(folder))
    if backend is None:
        return Sighting(Presence.ABSENT, folder)
    if not backend.is_here:
        return Sighting(
            Presence.ELSEWHERE if is_served(folder) else Presence.ABSENT, folder, backend
        )
    if not backend.is_alive:
        return Sighting(Presence.ABSENT, folder, backend)
    answers = not is_stopped(backend.pid) and _answers(backend)
    return Sighting(Presence.RUNS if answers else Presence.SILENT, folder, backend)


def find_backend(data_dir: str | os.PathLike[str] | None = None) -> EmbeddedBackend | None:
    """Return the backend that runs for a data folder and answers, or None."""
    seen = look(data_dir)
    return seen.backend if seen.presence is Presence.RUNS else None


def ensure_backend(
    data_dir: str | os.PathLike[str] | None = None, *, timeout: float = 30.0
) -> EmbeddedBackend:
    """Return the backend for a data folder, started if none runs.

    Those who start at the same moment share one. What a backend that was started here found amiss in its folder is
    warned of.

    Args:
        data_dir: See `data_folder`.
        timeout: Seconds to wait for its start, and for another that does so.

    Raises:
        BackendUnavailable: It does not start, does not answer, runs on another host, or speaks a newer contract; the
            message says what to do.
    """
    folder = data_folder(data_dir)
    seen = look(folder)
    if (backend := _usable(seen)) is not None:
        return backend
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(folder / "start.lock", 2 * timeout):
            return _found_or_started(folder, timeout)
    except OSError as error:
        raise BackendUnavailable(
            f"the backend cannot use its folder {folder}: {error.strerror}; "
            "set JUPYTER_JOBS_DATA_DIR to a folder of this machine that you can write"
        ) from error


def _found_or_started(folder: Path, timeout: float) -> EmbeddedBackend:
    """Do what `ensure_backend` does, with nobody else at it."""
    deadline = time.monotonic() + timeout
    while True:
        seen = look(folder)
        if (backend := _usable(seen)) is not None:
            return backend
        if seen.presence is Presence.RUNS and seen.backend is not None:
            _replace(seen.backend, deadline)
        elif seen.presence is Presence.ABSENT and not is_served(folder):
            return start(folder, timeout)
        elif time.monotonic() > deadline:
            raise BackendUnavailable(why_not(seen))
        # Else one is about to end, or somebody else's is about to start.
        time.sleep(_LOOK_S)


def _usable(seen: Sighting) -> EmbeddedBackend | None:
    """Return a backend that can be used as it is.

    Raises:
        BackendUnavailable: Waiting would not help.
    """
    backend = seen.backend
    if backend is None or seen.presence is Presence.ABSENT:
        return None
    if (
        backend.contract > CONTRACT
        or seen.presence is Presence.ELSEWHERE
        or (seen.presence is Presence.SILENT and is_stopped(backend.pid))
    ):
        raise BackendUnavailable(why_not(seen))
    fits = seen.presence is Presence.RUNS and backend.contract == CONTRACT
    return backend if fits else None


def why_not(seen: Sighting) -> str:
    """Return why a backend that is there cannot be used, and what to do."""
    backend = seen.backend
    if backend is None or seen.presence is Presence.ABSENT:
        return (
            f"{seen.folder} is held by {_holder(seen.folder)}, and nobody answers there: end that process, "
            "or set JUPYTER_JOBS_DATA_DIR to another folder"
        )
    if seen.presence is Presence.ELSEWHERE:
        return (
            f"the backend for {seen.folder} runs on the host {backend.host}, as process {backend.pid}, and serves that "
            "host alone: work there, end it there with jupyter-jobs stop, or set JUPYTER_JOBS_DATA_DIR to a folder "
            "for this host"
        )
    if backend.contract > CONTRACT:
        return (
            f"the backend that runs is of jupyter_jobs {backend.version}, which speaks a newer contract than "
            f"jupyter_jobs {importlib.metadata.version('jupyter_jobs')} here: update the package of this kernel, and "
            "restart the kernel"
        )
    if is_stopped(backend.pid):
        return (
            f"the backend, process {backend.pid}, is stopped, by SIGSTOP or a debugger: kill -CONT {backend.pid} lets it "
            f"go on; kill -9 {backend.pid} ends it, its jobs go on, and the next use starts another"
        )
    return (
        f"the backend, process {backend.pid}, lives and does not answer at {backend.http}: the end of "
        f"{seen.folder / 'backend.log'} may say why; kill -9 {backend.pid} ends it, its jobs go on, and the next use "
        "starts another"
    )


def ask(
    backend: EmbeddedBackend, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes]:
    """Ask a backend for one of its own pages, with its key; status and body.

    Raises:
        OSError: It does not answer.
    """
    return _request(backend, method, path, body, {"x-api-key": backend.key})


def _answers(backend: EmbeddedBackend) -> bool:
    try:
        return _request(backend, "GET", "/ping", None, {}) == (200, b"healthy")
    except OSError:
        return False


def _request(
    backend: EmbeddedBackend, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    address = urlsplit(backend.http)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_S)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{type(error).__name__} from {backend.http}") from error
    finally:
        connection.close()


def is_served(folder: Path) -> bool:
    """Whether a backend holds a data folder, on whatever host that sees its locks."""
    try:
        with open(folder / "serve.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _holder(folder: Path) -> str:
    """Return who holds a data folder, as the holder has written."""
    with suppress(OSError):
        if said := (folder / "serve.lock").read_text("utf-8", errors="replace").strip():
            return said
    return "another process"


def _replace(backend: EmbeddedBackend, deadline: float) -> None:
    """Ask a backend to end, and wait for it; its jobs go on.

    Raises:
        BackendUnavailable: It does not.
    """
    with suppress(ProcessLookupError):
        os.kill(backend.pid, signal.SIGTERM)
    while backend.is_alive:
        if time.monotonic() > deadline:
            raise BackendUnavailable(
                f"the backend, process {backend.pid}, is of an older release and was asked to end, and has not yet: "
                f"try again, or end it with kill -9 {backend.pid}; its jobs go on"
            )
        time.sleep(_LOOK_S)
