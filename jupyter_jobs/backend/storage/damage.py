"""What is done with a database that is damaged: set aside, never deleted, and what can be read of it goes on.

    jobs.sqlite.damaged-20261123T084525Z   the file as it was found, and its -wal and -shm under the same name
    jobs.sqlite.rescued                    what was read of it, on the way to become jobs.sqlite; there in full or not at all
    jobs.sqlite.open                       a mark: the file is in use, and has a journal, see `database`
    jobs.sqlite.suspect                    a mark: damage was met while the file was used, so all of it is to be examined

The order makes it safe to die anywhere: the rescued file is finished before the damaged one is moved, and whoever finds
it goes on from there. A journal must never be left beside a database that is not its own, so it is moved first.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from jupyter_jobs.backend.storage.journal import Journal
from jupyter_jobs.backend.storage.rescue import rescue
from jupyter_jobs.backend.trouble import is_damage

__all__ = ["examine", "finish", "heal", "mark_suspect"]

_LOOK_S = 0.5
"""How long a file is examined at each start: 10,000 jobs (22 MB) take 0.1 s, and a start must not take for ever."""

_JOURNAL_LIMIT = (
    16 * 1024 * 1024
)  # bytes that are summed up at a start; SQLite keeps it to a quarter of that
_STEPS = 10_000  # of SQLite's machine between two looks at the clock
_JOURNAL = ("-wal", "-shm", "-journal")
_DRAFTS = "rescue-"


def examine(path: Path, *, alone: bool = False) -> str | None:
    """Return what is wrong with a database file, or None. It is looked at for half a second at most, if not suspect.

    Args:
        path: The file; one that is not there is well, unless it has left a journal.
        alone: Whether there is no memory that two programs could share.

    Raises:
        sqlite3.Error: It could not be examined, for a reason that is not in the file.
    """
    size = path.stat().st_size if path.exists() else None
    if not size:
        if _size(_beside(path, "-wal")) > 0:
            return (
                "it is missing" if size is None else "it is empty"
            )  # SQLite would delete the journal
        return "it is empty" if size == 0 and _has_jobs(path.parent) else None
    if (
        _size(_beside(path, "-wal")) <= _JOURNAL_LIMIT
        and Journal.read(_beside(path, "-wal")).is_damaged
    ):
        return "its journal is damaged"
    until = time.monotonic() + (float("inf") if _beside(path, ".suspect").exists() else _LOOK_S)
    # Opened for reading, the file and its journal stay as they are. It cannot be where nobody else may share them, nor
    # where whoever made the file has died before it had its present kind of journal: then it is to be rolled back.
    mode = "rw" if alone or _beside(path, "-journal").exists() else "ro"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True)) as db:
            if alone:
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    if answer == "ok":
        _beside(path, ".suspect").unlink(missing_ok=True)
        return None
    return str(answer).replace("*** in database main ***\n", "")


def heal(path: Path, why: str) -> list[str]:
    """Set a damaged database aside and put in its place one with all that can be read of it.

    Args:
        path: The file.
        why: What is wrong with it.

    Returns:
        Sentences for the user about what was done.

    Raises:
        OSError: There is no room for what is rescued; nothing was changed.
        sqlite3.Error: The same.
    """
    part = _beside(path, ".rescued.part")
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_DRAFTS) as folder:
        draft = Path(
            folder, "jobs.sqlite"
        )  # reading a journal writes to both files: to copies of them
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{draft}{suffix}")
        part.touch(mode=0o600)
        rescue(draft, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, _beside(path, ".rescued"))
    return finish(path, why)


def finish(path: Path, why: str = "") -> list[str]:
    """Put what was rescued in its place, if somebody has died before that was done; returns sentences about it."""
    for left in path.parent.glob(f"{_DRAFTS}*"):
        shutil.rmtree(left, ignore_errors=True)
    rescued = _beside(path, ".rescued")
    if not rescued.exists():
        return []
    # Its time, not the present one: the parts of the damaged file keep one name, however often this is begun.
    at = datetime.fromtimestamp(rescued.stat().st_mtime, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = _beside(path, f".damaged-{at}")
    for suffix in (*_JOURNAL, ""):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
            os.chmod(f"{aside}{suffix}", 0o600)
    with closing(sqlite3.connect(f"file:{quote(str(rescued))}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM jobs").fetchone()
    os.replace(rescued, path)
    for mark in (".suspect", ".open"):  # what is in its place now is neither
        _beside(path, mark).unlink(missing_ok=True)
    jobs = "no job could be read in it" if not count else f"{count:,} jobs were read in it"
    jobs = jobs if count != 1 else "1 job was read in it"
    return [
        f"The database {path} was damaged{f' ({why})' if why else ''}. It is kept as {aside.name}, and {jobs}; "
        "what is missing there and has a folder in jobs/ is taken up from it."
    ]


def mark_suspect(path: Path) -> None:
    """Have all of a file examined at the next start."""
    with suppress(OSError):
        _beside(path, ".suspect").touch(mode=0o600)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _has_jobs(folder: Path) -> bool:
    try:
        return any((folder / "jobs").iterdir())
    except OSError:
        return False
