"""The questions that bring a store up to date."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Body, Call
from jupyter_jobs.jobs.profiles import PROFILES, Profile
from jupyter_jobs.jobs.store import JobStore

__all__ = ["Reconciled", "Reconciler"]

log = logging.getLogger("jupyter_jobs.jobs")

HISTORY = 10_000  # newest jobs of a group that are taken in
OVERLAP = timedelta(seconds=60)
"""How late a job may come to be listed, by its time of creation: an index may lag behind its table."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one run has found.

    Attributes:
        jobs: Jobs that the answers told of.
        healed: Those that were newer there than in the store, or not in the store at all.
    """

    jobs: int = 0
    healed: int = 0


class Reconciler:
    """Asks for a group's jobs, as little as that takes.

    Lists the group newest first, down to the jobs that were created before the last complete run began, for that one
    has seen all older ones; then asks by id for the live jobs that no page has shown. A job that ended is final, so
    no older page needs a look. New jobs may push others onto the next page meanwhile: those come twice, which does no
    harm. One object may be driven by two threads at once: all it does is merge.

    Attributes:
        complete: Whether one run has seen all there is to see.
        finished_at: `time.time()` of the last complete run, or None.

    Args:
        store: Where the answers go.
        group: Which jobs to list; None for all.
        profile: What the API can be asked.
    """

    def __init__(
        self, store: JobStore, group: str | None, profile: Profile = PROFILES["jupyter_jobs"]
    ) -> None:
        self.store = store
        self._group = group
        self._profile = profile
        self._seen_to: datetime | None = None  # every job that was created before is known
        self._left_out: set[str] = set()
        self.complete = not profile.has("listJobs")
        self.finished_at: float | None = None

    @property
    def can_ask(self) -> bool:
        """Whether the API can be asked for what its events did not tell."""
        return self._profile.can_ask

    def calls(self) -> Generator[Call[Any], Any, Reconciled]:
        """Yield each call; send its answer back."""
        seen: set[str] = set()
        healed = 0
        if self._profile.has("listJobs"):
            healed += yield from self._list(seen)
        missed = [id_ for id_ in self.store.live() if id_ not in seen]
        if missed and self._profile.has("getJob"):
            for body in (yield from calls.get_many(missed, self._profile)):
                seen.add(body["id"])
                healed += self._take(body)
        if self.can_ask:
            self.finished_at = time.time()
        return Reconciled(len(seen), healed)

    def _list(self, seen: set[str]) -> Generator[Call[Any], Any, int]:
        token: str | None = None
        tokens: set[str | None] = {None}
        newest: datetime | None = None
        healed = 0
        while True:
            answer = yield calls.page(self._group, token)
            bodies = answer["items"]
            unknown = any(body["id"] not in self.store for body in bodies)
            for body in bodies:
                healed += self._take(body)
                seen.add(body["id"])
            if token is None and bodies:
                newest = _created(bodies[0])
            token = answer["nextToken"]
            if not token or token in tokens or len(seen) >= HISTORY:
                break  # an API that always tells the same token has told all it has
            tokens.add(token)
            if self.complete and self._reaches_back(bodies, unknown):
                break
        self.complete = True
        if newest is not None:
            self._seen_to = newest - OVERLAP
        return healed

    def _reaches_back(self, bodies: list[Body], unknown: bool) -> bool:
        """Whether a page goes back to jobs that an earlier run has seen."""
        oldest = _created(bodies[-1]) if bodies else None
        if oldest is None or self._seen_to is None:  # no times: as far as there is anything new
            return not unknown
        return oldest < self._seen_to

    def _take(self, body: Body) -> bool:
        try:
            return self.store.merge(body)
        except ValueError as error:  # one bad job must not hide the others
            if str(error) not in self._left_out:
                self._left_out.add(str(error))
                log.warning("left out a job: %s", error)
            return False


def _created(body: Body) -> datetime | None:
    try:
        created = datetime.fromisoformat(body["createdAt"])
    except (KeyError, TypeError, ValueError):
        return None
    return created if created.tzinfo else created.replace(tzinfo=UTC)
