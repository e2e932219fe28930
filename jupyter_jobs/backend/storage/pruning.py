"""What is asked of the jobs that have ended: which may be forgotten, what they take, and to forget them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from jupyter_jobs.backend.storage.database import Database
from jupyter_jobs.backend.storage.rows import stamp
from jupyter_jobs.backend.storage.tables import IS_LIVE

__all__ = ["Pruning"]


class Pruning:
    """The part of a repository that looks after what has ended."""

    _db: Database

    def prunable(
        self,
        before: str | None,
        group: str | None = None,
        *,
        files: bool = False,
        limit: int = 1000,
    ) -> list[str]:
        """Return the ids of jobs that may be forgotten: ended, and no live job waits for them. First ended, first told.

        Args:
            before: Only those that ended before, ISO 8601.
            group: Only of this group.
            files: Only those that have files still, as far as is known.
            limit: At most so many.

        Raises:
            Refusal: `before` is no time.
        """
        where = {
            "finishedAt < ?": "~" if before is None else stamp(before),  # after all digits
            '+"group" = ?': group,
        }
        where = {condition: value for condition, value in where.items() if value is not None}
        awaited = self._awaited()
        rows = self._db.rows(
            f"SELECT id FROM jobs WHERE {' AND '.join(where)} {'AND size IS NOT 0 ' if files else ''}"
            "ORDER BY finishedAt LIMIT ?",
            [*where.values(), limit + len(awaited)],
        )
        return [row["id"] for row in rows if row["id"] not in awaited][:limit]

    def _awaited(self) -> set[str]:
        """Return the jobs that live ones wait for, and the retries that stand for them."""
        rows = self._db.rows(f'SELECT "after" FROM jobs WHERE {IS_LIVE} AND "after" IS NOT NULL')
        found: set[str] = set()
        new = {id_ for row in rows for id_ in json.loads(row["after"])}
        while new:
            found |= new
            retries = (self._db.row("SELECT id FROM jobs WHERE retryOf = ?", [id_]) for id_ in new)
            new = {retry["id"] for retry in retries if retry is not None} - found
        return found

    def forget(self, ids: Iterable[str]) -> int:
        """Delete jobs that have ended; returns how many there were."""
        forgotten = 0
        with self._db.transaction():
            for id_ in ids:
                rows = self._db.rows(
                    f"DELETE FROM jobs WHERE id = ? AND NOT {IS_LIVE} RETURNING number, tags", [id_]
                )
                for row in rows:
                    tags = [(tag, row["number"]) for tag in json.loads(row["tags"] or "[]")]
                    self._db.write_all("DELETE FROM tags WHERE tag = ? AND number = ?", tags)
                forgotten += len(rows)
        return forgotten

    def unmeasured(self, limit: int) -> list[str]:
        """Return the ids of ended jobs whose folders nobody has measured, oldest first."""
        rows = self._db.rows(
            "SELECT id FROM jobs WHERE finishedAt IS NOT NULL AND size IS NULL "
            "ORDER BY finishedAt LIMIT ?",
            [limit],
        )
        return [row["id"] for row in rows]

    def set_sizes(self, sizes: Mapping[str, int]) -> None:
        """Note the bytes of jobs' folders; 0 when the files are gone."""
        with self._db.transaction():
            pairs = [(size, id_) for id_, size in sizes.items()]
            self._db.write_all("UPDATE jobs SET size = ? WHERE id = ?", pairs)

    def totals(self) -> tuple[int, int]:
        """Return how many jobs have ended, and the bytes of their folders as far as they were measured."""
        row = self._db.row(
            "SELECT count(*), coalesce(sum(size), 0) FROM jobs WHERE finishedAt IS NOT NULL"
        )
        assert row is not None
        return row[0], row[1]
