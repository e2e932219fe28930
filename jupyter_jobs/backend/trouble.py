"""What a disk, a database or the system says when it cannot do its work now: in words that help, and what passes.

A full disk is made room on, a lock is let go, files are closed: what fails for such a reason is done later, not given
up. Only what no waiting changes is an end.
"""

from __future__ import annotations

import errno
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.errors import BackendUnavailable

__all__ = ["Held", "Unstored", "delays", "explain", "is_damage", "passes", "unstored", "usable"]

_ROOM = 1024 * 1024  # bytes; with fewer, a disk that fails is full
_FIRST_S, _LAST_S = 0.5, 30.0

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FULL = "StorageFull", "the disk of {folder} is full", "make room there"
_HELD = (
    "StorageUnavailable",
    "another program holds {path}",
    "close it: a database browser, a backup, or another backend on the same files",
)
_READ_ONLY = (
    "StorageUnavailable",
    "{path} or its folder is read-only",
    "make both writable for this user, or set JUPYTER_JOBS_DATA_DIR to a folder that is",
)
_REASONS: Mapping[int, tuple[str, str, str]] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: (
        "StorageUnavailable",
        "{path} cannot be opened",
        "see that its folder is there and writable, and that files can be opened (ulimit -n)",
    ),
    sqlite3.SQLITE_IOERR: (
        "StorageUnavailable",
        "the disk of {folder} fails ({error})",
        "see that it is there and well",
    ),
    sqlite3.SQLITE_NOMEM: ("StorageUnavailable", "there is no memory left", "end other programs"),
    sqlite3.SQLITE_CORRUPT: (
        "StorageUnavailable",
        "{path} is damaged ({error})",
        "the backend ends, and the next one rescues what can be read",
    ),
}
_ALIKE: Mapping[int, int] = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOENT: sqlite3.SQLITE_CANTOPEN,
    errno.ENOTDIR: sqlite3.SQLITE_CANTOPEN,
    errno.EMFILE: sqlite3.SQLITE_CANTOPEN,
    errno.ENFILE: sqlite3.SQLITE_CANTOPEN,
    errno.ENOMEM: sqlite3.SQLITE_NOMEM,
}
"""What the system says -> what SQLite says of the same."""

_FINAL = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ENOEXEC,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.E2BIG,
        errno.EINVAL,
    }
)


class Unstored(Refusal):
    """Nothing was written, for a reason that may pass; the type is `StorageFull` or `StorageUnavailable`."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether a database is not what one has to be."""
    return _code(error) in _DAMAGE


def explain(error: sqlite3.Error | OSError, path: Path) -> tuple[str, str] | None:
    """Return the type of a failure of storage and what to say of it; None if it is a failure of something else.

    Args:
        error: What was raised.
        path: The database.
    """
    if isinstance(error, OSError):
        found = _REASONS[_ALIKE.get(error.errno or 0, sqlite3.SQLITE_IOERR)]
        full, said = False, error.strerror or str(error)
    else:
        code = _code(error)
        code = sqlite3.SQLITE_CORRUPT if code in _DAMAGE else code
        if code not in _REASONS:
            return None
        found, said = _REASONS[code], str(error)
        full = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path.parent)
    type_, what, remedy = _FULL if full else found
    what = what.format(path=path, folder=path.parent, error=said)
    return type_, f"{what}; {remedy}"


def unstored(error: sqlite3.Error | OSError, path: Path) -> Unstored | None:
    """Return a failure of storage as a refusal; None if it is a failure of something else."""
    if (found := explain(error, path)) is None:
        return None
    return Unstored(found[0], f"Nothing was written: {found[1]}.")


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Say in words why a block cannot use a data folder.

    Raises:
        BackendUnavailable: It cannot; says what to do.
    """
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else folder / "its files"
        said = explain(error, Path(named))
        assert said is not None
        raise BackendUnavailable(
            f"the backend cannot use its folder {folder}: {said[1]}"
        ) from error


def passes(error: BaseException) -> bool:
    """Whether what failed may do so no more in a while, though nobody changes what was asked for."""
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _FINAL
    return isinstance(error, Unstored)


def delays() -> Iterator[float]:
    """Yield the seconds to wait before each next attempt, for as long as it takes."""
    delay = _FIRST_S
    while True:
        yield delay
        delay = min(2 * delay, _LAST_S)


class Held:
    """Jobs that could not be started, and until when each is not tried again.

    Args:
        clock: Seconds that have gone by.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._delays: dict[str, Iterator[float]] = {}

    def hold(self, id_: str) -> float:
        """Hold a job, longer each time; returns for how many seconds."""
        delay = next(self._delays.setdefault(id_, delays()))
        self._until[id_] = self._clock() + delay
        return delay

    def until(self, id_: str) -> float:
        """Return until when a job is held; long ago if it is not."""
        return self._until.get(id_, -math.inf)

    def forget(self, id_: str) -> None:
        """Hold a job no more, for it has been started."""
        self._until.pop(id_, None)
        self._delays.pop(id_, None)


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; SQLite's own, without what it adds (https://sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False
