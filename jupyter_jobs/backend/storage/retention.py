"""How long jobs are kept, and how they are forgotten.

A job's folder goes first and its row last: whatever this process dies between, what is left is found again and
finished. Folders are removed in a thread, a few at a time.

A clock that is set ahead by years must not make all that is kept old: what has gone by since this process started is
measured, and the lesser of the two counts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["Keep", "Retention"]

log = logging.getLogger("jupyter_jobs.backend")

INTERVAL_S = 3600.0
_STEP = 50  # jobs
_GB = 1e9
_LONGEST_DAYS = 36_500.0


@dataclass(frozen=True, kw_only=True)
class Keep:
    """What is kept of jobs that have ended.

    Attributes:
        days: For how long.
        jobs: How many, the newest ones.
        gb: Gigabytes of their files together; of the older ones the files go, and the jobs stay listed.
    """

    days: float = 30
    jobs: float = 10_000
    gb: float = 10

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings `JUPYTER_JOBS_KEEP_DAYS`, `…_JOBS` and `…_GB`.

        Raises:
            ConfigurationError: One of them is no number from 0 on; says which.
        """
        found: dict[str, float] = {}
        for name in ("days", "jobs", "gb"):
            variable = f"JUPYTER_JOBS_KEEP_{name.upper()}"
            if text := environment.get(variable, "").strip():
                try:
                    found[name] = float(text)
                except ValueError:
                    found[name] = -1
                if not found[name] >= 0:
                    raise ConfigurationError(
                        f"{variable} takes a number, 0 or more, or inf to keep all, not {text!r}"
                    )
        return cls(**found)


def _gone_by() -> float:
    """Return seconds since whenever, those in which the machine slept, too, where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Retention:
    """Forgets jobs that have ended; none that a live one waits for or repeats.

    Args:
        repository: The jobs.
        folder: Of the backend's data; jobs have theirs in `jobs/<id>`.
        wall: What time it is, in seconds since the epoch.
        clock: Seconds that have gone by, since whenever.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = _gone_by,
    ) -> None:
        self._repository = repository
        self._folder = folder / "jobs"
        self._wall = wall
        self._clock = clock
        self._started = wall() - clock()

    async def run(self, keep: Keep) -> None:
        """Keep no more than that, at once and every hour, until cancelled."""
        while True:
            try:
                await self.tidy(keep)
            except Exception:  # what cannot be done now is tried again
                log.exception("old jobs could not be tidied away")
            await asyncio.sleep(INTERVAL_S)

    async def tidy(self, keep: Keep) -> None:
        """Keep no more than that."""
        if keep.days < _LONGEST_DAYS:
            now = datetime.fromtimestamp(min(self._wall(), self._started + self._clock()), UTC)
            await self.prune((now - timedelta(days=keep.days)).isoformat())
        await self._measure()
        ended, _ = self._repository.totals()
        if (excess := ended - keep.jobs) > 0:
            await self.prune(None, most=int(excess))
        if self._repository.totals()[1] > keep.gb * _GB:
            await self._shrink(keep.gb * _GB)

    async def prune(
        self,
        before: str | None,
        group: str | None = None,
        *,
        files_only: bool = False,
        most: float = float("inf"),
    ) -> int:
        """Forget jobs, those that ended first before others.

        Args:
            before: Only those that ended before, ISO 8601.
            group: Only of this group.
            files_only: Remove their files and keep them listed.
            most: At most so many.

        Returns:
            How many they were.

        Raises:
            Refusal: `before` is no time.
        """
        done, spared = 0, set[str]()
        while done < most:
            limit = int(min(most - done, _STEP))
            ids = self._prunable(before, group, files_only, limit, spared)
            if not ids:
                break
            stuck = set(await asyncio.to_thread(self._remove, ids))
            spared |= stuck
            gone = [id_ for id_ in ids if id_ not in stuck]
            if files_only:
                self._repository.set_sizes(dict.fromkeys(gone, 0))
                done += len(gone)
            else:
                # Somebody may have begun to wait for one of them in the meantime.
                still = self._prunable(before, group, files_only, len(ids), spared)
                spared |= set(gone) - set(still)
                done += self._repository.forget(id_ for id_ in gone if id_ in set(still))
        if done:
            log.info("forgot %s of %d jobs", "the files" if files_only else "all", done)
        return done

    def _prunable(
        self, before: str | None, group: str | None, files: bool, limit: int, spared: set[str]
    ) -> list[str]:
        """Return jobs that may be forgotten; notes in `spared` those that a live one repeats."""
        while True:
            ids = self._repository.prunable(before, group, files=files, limit=limit + len(spared))
            found = [id_ for id_ in ids if id_ not in spared]
            repeated = {id_ for id_ in found if self._is_repeated(id_)}
            if not repeated:
                return found[:limit]
            spared |= repeated

    def _is_repeated(self, id_: str) -> bool:
        """Whether a retry of it is live, or a retry of that."""
        retry = self._repository.retry_of(id_)
        while retry is not None:
            if not JobStatus(retry["status"]).is_terminal:
                return True
            retry = self._repository.retry_of(retry["id"])
        return False

    async def _shrink(self, size: float) -> None:
        """Remove files, the oldest first, until they have no more bytes than that."""
        while self._repository.totals()[1] > size:
            if not await self.prune(None, files_only=True, most=_STEP):
                return

    async def _measure(self) -> None:
        """Note how large the folders of jobs are that have ended since."""
        while ids := self._repository.unmeasured(_STEP):
            self._repository.set_sizes(await asyncio.to_thread(self._sizes, ids))

    def _sizes(self, ids: Iterable[str]) -> dict[str, int]:
        return {id_: _size(self._folder / id_) for id_ in ids}

    def _remove(self, ids: Iterable[str]) -> list[str]:
        """Remove the folders of jobs; return those that could not be removed."""
        stuck = []
        for id_ in ids:
            try:
                shutil.rmtree(self._folder / id_)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("the files of job %s cannot be removed: %s", id_, error)
                stuck.append(id_)
        return stuck


def _size(folder: Path) -> int:
    """Return the bytes that a folder takes, 0 if it is not there."""
    total = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                total += _size(Path(entry.path))
            else:
                total += entry.stat(follow_symlinks=False).st_size
    return total
