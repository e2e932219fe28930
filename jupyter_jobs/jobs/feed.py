"""Keeps a store equal to the server's jobs of one group: by events, and by asking again after every gap.

AppSync replays nothing after a disconnect, keeps no order, and loses events even after `start_ack`
(aws/aws-appsync-community, thread 405). So the feed subscribes, waits for `start_ack`, then asks; asks again 1 s and
5 s later, after every reconnect, after an event that it cannot use, and slowly while jobs are live. Merging by version
makes every repetition harmless.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

from jupyter_jobs._loop import Tasks
from jupyter_jobs.appsync.client import Subscription
from jupyter_jobs.errors import JobsError, WireError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Body, Call, JobApi
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE
from jupyter_jobs.jobs.store import JobStore

__all__ = ["JobFeed", "Reconciler"]

log = logging.getLogger("jupyter_jobs.jobs")

HISTORY = 10_000  # newest jobs of a group that are taken in
AFTER_START = (0.0, 1.0, 5.0)  # seconds after start_ack
AFTER_POKE = 0.05  # seconds; many unusable events make one question
WHILE_LIVE = 30.0  # seconds between questions while jobs are live
WITHOUT_EVENTS = 5.0  # the same, when the subscription was refused
RETRY_CAP = 30.0  # seconds, the longest wait after a failed question


class Reconciler:
    """The questions that bring a store up to date, as few as that takes.

    Lists the group newest first until a page brings nothing unknown, then asks for the live jobs that no page showed.
    A job that ended is final, so older pages of ended jobs that are known need no look. One object may be driven by
    two threads at once: all it does is merge.

    Attributes:
        complete: Whether one run has seen the last page.
        finished_at: `time.time()` of the last complete run, or None.
    """

    def __init__(self, store: JobStore, group: str) -> None:
        self.store = store
        self._group = group
        self.complete = False
        self.finished_at: float | None = None

    def calls(self) -> Generator[Call[Any], Any, None]:
        """Yield each call; send its answer back."""
        seen: set[str] = set()
        token: str | None = None
        while True:
            answer = yield calls.page(self._group, token)
            bodies = [body for body in answer["items"] or () if body]
            unknown = any(body["id"] not in self.store for body in bodies)
            for body in bodies:
                self._take(body)
                seen.add(body["id"])
            token = answer.get("nextToken")
            if not token or len(seen) >= HISTORY:
                self.complete = True
                break
            if self.complete and not unknown:
                break
        missed = [id_ for id_ in self.store.live() if id_ not in seen]
        for start in range(0, len(missed), calls.BATCH):
            for body in (yield calls.get_many(missed[start : start + calls.BATCH])):
                self._take(body)
        self.finished_at = time.time()

    def _take(self, body: Body) -> None:
        try:
            self.store.merge(body)
        except (
            ValueError
        ) as error:  # a server of another schema; one bad job must not hide the others
            log.warning("left out a job: %s", error)


class JobFeed:
    """One group's jobs, kept current on one event loop.

    Attributes:
        problem: Why the jobs may be out of date, in a sentence, or an empty string.
    """

    def __init__(
        self,
        api: JobApi,
        reconciler: Reconciler,
        group: str,
        tasks: Tasks,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.problem = ""
        self._api = api
        self._reconciler = reconciler
        self._store = reconciler.store
        self._group = group
        self._tasks = tasks
        self._on_change = on_change
        self._due: list[float] = []  # a heap of loop times at which to ask
        self._wake = asyncio.Event()
        self._failures = 0
        self._subscription: Subscription | None = None
        self._refused = ""  # why there are no events, in a sentence
        self._answered = asyncio.Event()

    def start(self) -> None:
        """Subscribe, and ask once at once: what is there already need not wait for the socket."""
        self._ask(0.0)
        self._subscription = self._api.wire.subscribe(
            ON_JOB_UPDATE["group"],
            {"group": self._group},
            on_started=self._on_started,
            on_data=self._on_data,
            on_ended=self._on_ended,
        )
        self._tasks.spawn(self._keep(), name="jupyter-jobs feed")

    async def ready(self) -> None:
        """Wait until the server has answered once, well or not."""
        await self._answered.wait()

    def poke(self) -> None:
        """Ask soon: something happened that the store does not know."""
        self._ask(AFTER_POKE)

    def close(self) -> None:
        """End the subscription; the owner of the tasks ends the rest."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _on_started(self) -> None:
        self._refused = ""
        for delay in AFTER_START:
            self._ask(delay)

    def _on_data(self, payload: Mapping[str, Any]) -> None:
        data = payload.get("data")
        body = data.get("onJobUpdate") if data else None
        # Fields that the mutation did not select arrive as null, with or without `errors` beside them; a whole job
        # always has its time of creation.
        if body is None or "errors" in payload or body.get("createdAt") is None:
            self.poke()
            return
        try:
            self._store.merge(body)
        except ValueError:
            self.poke()

    def _on_ended(self, error: WireError | None) -> None:
        if error is None:
            return
        self._refused = f"no live updates, asking every {WITHOUT_EVENTS:g} s instead: {error}"
        log.warning("%s", self._refused)
        self._ask(0.0)

    def _ask(self, delay: float) -> None:
        heapq.heappush(self._due, self._tasks.loop.time() + delay)
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            now = self._tasks.loop.time()
            if self._due and self._due[0] <= now:
                while self._due and self._due[0] <= now + AFTER_POKE:  # the answer covers those too
                    heapq.heappop(self._due)
                await self._reconcile()
                continue
            await self._rest(self._due[0] - now if self._due else None)

    async def _rest(self, until_due: float | None) -> None:
        """Wait for the next question's time; without one, for the slow rhythm, which only live jobs have."""
        rhythm = WITHOUT_EVENTS if self._refused else WHILE_LIVE
        timeout = min(until_due if until_due is not None else rhythm, rhythm) * random.uniform(
            1, 1.1
        )
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            if until_due is None and self._store.has_live:
                self._ask(0.0)

    async def _reconcile(self) -> None:
        try:
            await self._api.drive(self._reconciler.calls())
        except JobsError as error:
            self._failed(str(error))
        except (
            Exception
        ) as error:  # an answer of another shape than asked for; the feed must outlive it
            log.exception("the answer about the jobs cannot be used")
            self._failed(f"the server's answer cannot be used: {type(error).__name__}: {error}")
        else:
            self._failures = 0
            self._settle(self._refused)

    def _failed(self, problem: str) -> None:
        self._failures += 1
        self._ask(random.uniform(0.5, 1) * min(RETRY_CAP, 2.0 ** min(self._failures, 16)))
        self._settle(problem)

    def _settle(self, problem: str) -> None:
        changed = problem != self.problem or not self._answered.is_set()
        self.problem = problem
        self._answered.set()
        if changed:
            self._on_change()
