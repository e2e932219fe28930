"""Reads what can be read of a damaged database, row by row, into a new one.

A table is a tree of pages. Where one is broken, the rows before it are read from the first on, those behind it from the
last back, and those between one by one, for each may be on a page that is well. Where the first page is broken, which
says where the tables are, that of a new database takes its place: it was made by the same statements. Nothing is
believed that does not look like a job.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.storage.journal import Journal
from jupyter_jobs.backend.storage.migrations import migrate
from jupyter_jobs.backend.storage.tables import COLUMNS, IS_LIVE, PRIVATE, create_tables
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["rescue", "skip_versions", "versions_since"]

_PROBES = 200_000  # rows that are looked for one by one
_BEYOND = 10_000  # of them behind the last one, where nothing says how many there are
_PAGE = 4096  # bytes, SQLite's default
_JSON = ("params", "tags", "after", "rules", "history", "metrics", "usual", "result", "error")
_MOST = 2**31 - 1  # GraphQL's integers
_A_SECOND = 20  # versions of a job, at most
_ALL = (*COLUMNS, *PRIVATE)


def rescue(damaged: Path, target: Path) -> None:
    """Read what can be read.

    Args:
        damaged: A copy of the damaged file, perhaps with its journal; it is written to.
        target: An empty file, which becomes a database of this version.

    Raises:
        sqlite3.Error: The target cannot be written.
    """
    journal = damaged.with_name(f"{damaged.name}-wal")
    Journal.read(journal).replay(damaged)
    journal.unlink(missing_ok=True)
    if not _is_readable(damaged):
        _give_head(damaged)
    with closing(sqlite3.connect(target, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode=OFF")  # one that is not finished is begun anew
        migrate(new, target)
        new.execute("BEGIN")
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(damaged)) as old:
            old.row_factory = sqlite3.Row
            old.text_factory = lambda text: text.decode("utf-8", "replace")
            for row in _rows(old):
                _keep(new, dict(zip(row.keys(), tuple(row), strict=True)))
        new.execute("COMMIT")


def versions_since(seconds: float) -> int:
    """Return how many versions a job may have got in so many seconds; what has fewer is taken for old by clients."""
    return 1000 + round(_A_SECOND * max(seconds, 0.0))


def skip_versions(db: sqlite3.Connection, seconds: float) -> None:
    """Make all live jobs newer than what anybody can have been told of them in so many seconds."""
    db.execute(
        f"UPDATE jobs SET version = min(version + ?, {_MOST}) WHERE {IS_LIVE}",
        [versions_since(seconds)],
    )


def _rows(db: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    """Yield the rows that can be read, in no order; each once."""
    first, last = 0, None
    try:
        for row in db.execute("SELECT * FROM jobs ORDER BY number"):
            yield row
            first = row["number"]
        return
    except sqlite3.DatabaseError:
        pass
    with suppress(sqlite3.DatabaseError):
        for row in db.execute("SELECT * FROM jobs ORDER BY number DESC"):
            if row["number"] <= first:
                break
            yield row
            last = row["number"]
    if last is None:
        last = first + _BEYOND
        with suppress(sqlite3.DatabaseError):
            known = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
            last = last if known is None else known["seq"] + 1
    for number in range(first + 1, min(last, first + _PROBES)):
        with suppress(sqlite3.DatabaseError):
            if row := db.execute("SELECT * FROM jobs WHERE number = ?", [number]).fetchone():
                yield row


def _keep(db: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Write a row that looks like a job."""
    if not _is_job(row):
        return
    if not JobStatus(row["status"]).is_terminal:
        row["version"] = min(row["version"] + versions_since(0.0), _MOST)
    names = [name for name in ("number", *_ALL) if name in row]
    columns = ", ".join(f'"{name}"' for name in names)
    done = db.execute(
        f"INSERT OR IGNORE INTO jobs ({columns}) VALUES ({', '.join('?' * len(names))})",
        [row[name] for name in names],
    )
    if done.rowcount == 1:
        pairs = [(tag, done.lastrowid) for tag in json.loads(row.get("tags") or "[]")]
        db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", pairs)


def _is_job(row: dict[str, Any]) -> bool:
    try:
        JobStatus(row["status"])
        for name in _JSON:
            json.loads(row.get(name) or "null")
        return (
            isinstance(row["id"], str)
            and bool(row["id"])
            and type(row["version"]) is int
            and 0 < row["version"] <= _MOST
            and isinstance(row["createdAt"], str)
        )
    except (KeyError, ValueError, TypeError, RecursionError):
        return False


def _is_readable(path: Path) -> bool:
    """Whether a file says where its tables are."""
    try:
        with closing(sqlite3.connect(path)) as db:
            return (
                db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone() is not None
            )
    except sqlite3.DatabaseError:
        return False


def _give_head(path: Path) -> None:
    """Put the first page of a new database in the place of a file's own (https://sqlite.org/fileformat.html, 1.3)."""
    fresh = path.with_name(f"{path.name}.fresh")
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size={_PAGE}")
        create_tables(db)
    head = bytearray(fresh.read_bytes()[:_PAGE])
    data = path.read_bytes() if path.exists() else b""
    head[28:40] = struct.pack(">III", max(len(data) // _PAGE, 1), 0, 0)  # pages; none of them free
    head[92:96] = head[24:28]  # the number of pages is valid
    path.write_bytes(bytes(head) + data[_PAGE:])
