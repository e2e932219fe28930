"""A database file that is open: what is written there lasts, and what cannot be written is said.

A commit survives the death of this process at once (WAL, `synchronous=NORMAL`). What is to survive the death of the
machine, too, is on the disk when `settled` says so: the journal is flushed by a thread, once for all that were
committed until then, and nobody's turn on the event loop waits for the disk. Progress is not flushed; it is told again.

SQLite's own locks keep two programs from writing at once. On a network file system there is no memory that they could
share, so the file is kept for this process alone there (https://sqlite.org/wal.html, "Use of WAL Without
Shared-Memory").
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.storage.damage import examine, finish, heal, mark_suspect
from jupyter_jobs.backend.storage.migrations import migrate
from jupyter_jobs.backend.storage.mounts import network_file_system
from jupyter_jobs.backend.storage.rescue import skip_versions
from jupyter_jobs.backend.trouble import Unstored, explain, is_damage, unstored
from jupyter_jobs.errors import BackendUnavailable

__all__ = ["Database", "open_database"]

log = logging.getLogger("jupyter_jobs.backend")

_OPEN_PATIENCE_S = 5.0  # with another program that holds the file
_PATIENCE_MS = 50  # the same while others wait for the event loop; none after the first time, until it is let go


class Database:
    """An open database. Its methods belong to one thread.

    Args:
        path: Its file.
        db: A connection in autocommit mode.
        notices: What was found and done when it was opened, in sentences.

    Attributes:
        path: Its file.
        notices: As given.
        on_damage: Is called once, when the file turns out to be damaged; the next `open_database` heals it.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, notices: Sequence[str] = ()) -> None:
        self.path = path
        self.notices = tuple(notices)
        self.on_damage: Callable[[], object] = lambda: None
        self._db = db
        self._journal = _open_journal(path, db)
        if self._journal is not None:
            _mark(path).touch(mode=0o600)
        self._in_block = False
        self._failure: Unstored | None = None
        self._is_suspect = False
        self._is_held = False  # by another program
        self._lasting = False
        self._committed = self._flushed = 0  # commits that are to last
        self._flushing = asyncio.Lock()

    @property
    def in_transaction(self) -> bool:
        """Whether a block of `transaction` is being run."""
        return self._in_block

    def close(self) -> None:
        """Close the file; twice without harm."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
            with contextlib.suppress(OSError):
                _mark(self.path).unlink(missing_ok=True)  # before SQLite deletes the journal
        self._db.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return what a statement gives.

        Raises:
            Unstored: The file cannot be read, or written.
        """
        with self._words():
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row that a statement gives, or None.

        Raises:
            Unstored: The file cannot be read.
        """
        with self._words():
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def write(
        self, sql: str, values: Sequence[Any] = (), *, lasting: bool = False
    ) -> sqlite3.Cursor:
        """Carry out a statement, in the block of `transaction` or by itself.

        Args:
            sql: The statement.
            values: Of its parameters.
            lasting: Whether `settled` is to see to it that it survives the machine.

        Raises:
            Unstored: It is not written, and nothing else of its block either.
        """
        with self._words():
            done = self._db.execute(sql, values)
        self._lasting |= lasting
        if not self._in_block:
            self._count()
        return done

    def write_all(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Carry out a statement once for each set of values.

        Raises:
            Unstored: As `write`.
        """
        with self._words():
            self._db.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what a block writes at its end, all or nothing; a block within a block is part of it.

        Raises:
            Unstored: Nothing of it was written.
        """
        if self._in_block:
            yield
            return
        self._failure = None
        with self._words():
            self._db.execute("BEGIN IMMEDIATE")
        self._in_block = True
        try:
            yield
            if (
                self._failure is not None
            ):  # one statement was not carried out, and perhaps all before it undone
                raise self._failure
            with self._words():
                self._db.execute("COMMIT")
        except BaseException:
            self._lasting = False
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            raise
        finally:
            self._in_block = False
        self._count()

    def settled(self) -> Awaitable[None] | None:
        """Return what is to be waited for until all that is to last is on the disk, whoever wrote it; None if it is.

        What is returned raises `Unstored` when the disk fails.
        """
        return None if self._flushed >= self._committed else self._flush(self._committed)

    def _count(self) -> None:
        self._set_held(False)
        if self._lasting and self._journal is not None:  # without one, SQLite has flushed it
            self._committed += 1
        self._lasting = False

    async def _flush(self, count: int) -> None:
        async with self._flushing:
            if self._flushed >= count or self._journal is None:
                return  # by somebody who came earlier
            upto = self._committed
            try:
                await asyncio.to_thread(_fdatasync, self._journal)
            except OSError as error:
                failure = unstored(error, self.path)
                assert failure is not None
                raise failure from error
            self._flushed = upto

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say in words what SQLite refuses."""
        if self._in_block and not self._db.in_transaction and self._failure is not None:
            raise self._failure  # or what follows in the block would be committed by itself
        try:
            yield
        except sqlite3.DatabaseError as error:
            failure = unstored(error, self.path)
            if failure is None:
                raise
            self._failure = failure
            if is_damage(error):
                self._found_damaged(error)
            self._set_held(getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY)
            raise failure from error

    def _set_held(self, is_held: bool) -> None:
        """Wait for another program once, not at each of a thousand reports while it holds the file."""
        if is_held is not self._is_held:
            self._is_held = is_held
            self._db.execute(f"PRAGMA busy_timeout={0 if is_held else _PATIENCE_MS}")

    def _found_damaged(self, error: sqlite3.Error) -> None:
        if not self._is_suspect:
            self._is_suspect = True
            log.critical("%s is damaged (%s): ending; the next start rescues it", self.path, error)
            mark_suspect(self.path)
            self.on_damage()


def open_database(path: Path, *, network: str | None = None) -> Database:
    """Open the database of a data folder, made if it is missing, healed if it is damaged, brought to this version.

    Args:
        path: Its file.
        network: The type of the network file system that it is on; found out if it is not given.

    Raises:
        BackendUnavailable: It cannot be opened; says why and what to do.
    """
    network = network or network_file_system(path.parent)
    try:
        notices = finish(path)
        lost = _lost_journal(path)
        if (why := examine(path, alone=network is not None)) is not None:
            notices += heal(path, why)
        db = _connect(path, alone=network is not None)
        try:
            notices += migrate(db, path)
            if lost is not None:
                skip_versions(db, lost)
                notices.append(
                    f"The journal of {path} is missing: what was written last is lost. Jobs that run are adopted; what was "
                    "submitted last and has no folder in jobs/ has to be submitted again."
                )
            if network is not None:
                notices.append(
                    f"The data folder {path.parent} is on a network file system ({network}): its database is kept for "
                    "this backend alone, and is slower. JUPYTER_JOBS_DATA_DIR may name a folder on a local disk."
                )
            return Database(path, db, notices)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        said = explain(error, path)
        reason = str(error) if said is None else said[1]
        raise BackendUnavailable(f"cannot open the jobs in {path}: {reason}") from error


def _connect(path: Path, *, alone: bool) -> sqlite3.Connection:
    with contextlib.suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)  # SQLite gives its other files the same rights
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_OPEN_PATIENCE_S
    )
    try:
        db.row_factory = sqlite3.Row
        if alone:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
        db.execute(f"PRAGMA synchronous={'NORMAL' if mode == 'wal' else 'FULL'}")
        _try_to_write(db)
        db.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
    except BaseException:
        db.close()
        raise
    return db


def _mark(path: Path) -> Path:
    """Return the file that is there while the database is open: then it has a journal, until it is closed."""
    return path.with_name(f"{path.name}.open")


def _lost_journal(path: Path) -> float | None:
    """Return for how many seconds a file was used whose journal has gone since; None if it has not."""
    if Path(f"{path}-wal").exists() or not path.exists():
        return None
    try:
        return time.time() - _mark(path).stat().st_mtime
    except FileNotFoundError:
        return None


def _try_to_write(db: sqlite3.Connection) -> None:
    """See that the file can be written: one that can only be read is to be told now, not at the first job."""
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version={version}")
    db.execute("ROLLBACK")


def _open_journal(path: Path, db: sqlite3.Connection) -> int | None:
    """Return a descriptor of the journal to flush it by; None if SQLite flushes each commit itself."""
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        return None
    db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # makes it
    journal = os.open(f"{path}-wal", os.O_RDONLY)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the names of the files
    except OSError:  # some network file systems have no such thing
        log.info("the names in %s cannot be flushed", path.parent)
    finally:
        os.close(folder)
    return journal


def _fdatasync(descriptor: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)
