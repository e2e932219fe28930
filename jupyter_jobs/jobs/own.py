"""The backend of this user on this machine: which endpoint it is, and its key, which may change at any time.

A port of this machine is anybody's who takes it, once the backend that had it has ended. So its key is shown, and what
comes from there is unpickled, only while the process lives that its file tells of: as long as that does, the port is its.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Mapping
from pathlib import Path

from jupyter_jobs.appsync.attempts import NeverSent
from jupyter_jobs.appsync.auth import Attempt
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.embedded import EmbeddedBackend, runtime_file

__all__ = ["OwnKeyAuth", "is_own"]


class OwnKeyAuth:
    """Shows the key of the backend of a data folder, as its file has it at that moment.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def identity(self) -> Hashable:
        """The folder: whatever its key is, it lets in the same user."""
        return ("own_key", str(self._folder))

    def headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the key's header.

        Raises:
            NeverSent: The backend does not run there; somebody else might.
        """
        backend = EmbeddedBackend.read(runtime_file(self._folder))
        if backend is None or not backend.is_alive or backend.http != attempt.endpoint.http:
            raise NeverSent(
                f"the backend of {self._folder} does not run at {attempt.endpoint.http}",
                host=attempt.endpoint.host,
            )
        return {"x-api-key": backend.key}

    def __repr__(self) -> str:
        return f"OwnKeyAuth({str(self._folder)!r})"


def is_own(endpoint: Endpoint) -> bool:
    """Return whether a backend of this very user listens at an endpoint: one whose file nobody else could have written."""
    if not endpoint.is_loopback:
        return False
    folder = runtime_file(Path()).parent
    return any(_tells_of(path, endpoint.http) for path in folder.glob("jupyter-jobs-*.json"))


def _tells_of(path: Path, http: str) -> bool:
    try:
        told = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(told.st_mode) or told.st_uid != os.getuid() or told.st_mode & 0o022:
        return False
    backend = EmbeddedBackend.read(path)
    return backend is not None and backend.http == http and backend.is_alive
