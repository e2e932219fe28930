"""Keeps a store equal to the server's jobs: by events, and by asking again after every gap.

AppSync replays nothing after a disconnect, keeps no order, and loses events even after `start_ack`
(aws/aws-appsync-community, thread 405). So the feed subscribes, waits for `start_ack`, then asks; asks again 1 s and
5 s later, after every reconnect, after an event that it cannot use, slowly while jobs are live, and very slowly while
none is. Merging by version makes every repetition harmless. Where the API cannot be asked, nothing can make up for an
event that was lost; that is said, and the subscription of a job that is silent for long is renewed.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs._loop import Tasks, call_soon
from jupyter_jobs.errors import JobsError
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.profiles import root
from jupyter_jobs.jobs.reconciler import Reconciled, Reconciler
from jupyter_jobs.jobs.subscriptions import Subscriptions

__all__ = ["JobFeed"]

log = logging.getLogger("jupyter_jobs.jobs")

AFTER_START = (0.0, 1.0, 5.0)  # seconds after start_ack
AFTER_POKE = 0.05  # seconds; many unusable events make one question
WHILE_LIVE = 30.0  # seconds between questions while jobs are live
WITHOUT_EVENTS = 5.0  # the same, when a subscription was refused
SLOWEST_PACE = 1.0  # seconds between questions when something asks for them without end
PAUSE = 2.0  # seconds without a question, after which they are quick again
RETRY_CAP = 30.0  # seconds, the longest wait after a failed question
SILENCE = 300.0  # seconds, how long silence about a job, or about all, is believed


class JobFeed:
    """The jobs of a group, kept current on one event loop.

    Args:
        api: Asks and subscribes.
        reconciler: The questions, and the store that the answers and events go to.
        group: Which jobs to follow; None for all.
        tasks: Where its task runs.
        subscription_timeout: Seconds of silence after which the jobs are asked for, or a live job's subscription
            renewed where the API cannot be asked.
        on_change: `problem` has changed.
        on_heard: An event told of the job of that id; called before the store takes it in.
        on_reconciled: A run of questions has ended: what it found, and its seconds.
    """

    def __init__(
        self,
        api: JobApi,
        reconciler: Reconciler,
        group: str | None,
        tasks: Tasks,
        *,
        subscription_timeout: float = SILENCE,
        on_change: Callable[[], None] = lambda: None,
        on_heard: Callable[[str], object] = lambda id_: None,
        on_reconciled: Callable[[Reconciled, float], object] = lambda found, seconds: None,
    ) -> None:
        self._api = api
        self._reconciler = reconciler
        self._store = reconciler.store
        self._tasks = tasks
        self._silence = subscription_timeout
        self._on_change = on_change
        self._on_heard = on_heard
        self._on_reconciled = on_reconciled
        self._root = root(api.profile.updates[api.profile.scope])
        self._subscriptions = Subscriptions(
            api.wire,
            api.profile,
            group,
            clock=tasks.loop.time,
            on_started=self._on_started,
            on_data=self._on_data,
            on_refused=self._on_refused,
        )
        self._due: list[float] = []  # when to ask, as a heap
        self._wake = asyncio.Event()
        self._asked_at = 0.0
        self._in_a_row = 0
        self._paced_until = 0.0
        self._failures = 0
        self._failure = ""  # of the last run of questions
        self._told_problem = ""
        self._answered = asyncio.Event()
        self._home = 0
        self._closed = False
        self._unobserve: Callable[[], object] = lambda: None

    @property
    def problem(self) -> str:
        """Why the jobs may be out of date, in a sentence, or an empty string. From any thread."""
        if failure := self._failure:
            return failure
        refused = next(iter(tuple(self._subscriptions.refused.values())), None)
        if refused is not None:
            if not self._reconciler.can_ask:
                return refused
            return f"{refused}; asking every {WITHOUT_EVENTS:g} s instead"
        if not self._reconciler.can_ask:
            return _CANNOT_ASK
        return ""

    def start(self) -> None:
        """Subscribe, and ask once at once: what is there already need not wait for the socket."""
        self._home = threading.get_ident()
        self._told_problem = self.problem
        if self._subscriptions.per_job:
            self._unobserve = self._store.observe(self._job_changed)
        if not self._reconciler.can_ask:
            log.warning("%s", _CANNOT_ASK)
            self._answered.set()
        self._subscriptions.start(self._store.live())
        self._tasks.keep(self._keep, name="jupyter-jobs feed")

    async def ready(self) -> None:
        """Wait until the server has answered once, well or not."""
        await self._answered.wait()

    def poke(self) -> None:
        """Ask soon: something happened that the store does not know."""
        self._ask(AFTER_POKE)

    def close(self) -> None:
        """End the subscriptions; the owner of the tasks ends the rest."""
        self._closed = True
        self._unobserve()
        self._subscriptions.close()

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        """Subscribe to a new job, at once where that can be done on this thread, for its events may be on their way."""
        if status.is_terminal:  # told perhaps by the subscription's own event: not from inside it
            call_soon(self._tasks.loop, self._subscriptions.leave, id_)
        elif threading.get_ident() == self._home:
            self._follow(id_)
        else:
            call_soon(self._tasks.loop, self._follow, id_)

    def _follow(self, id_: str) -> None:
        if self._closed or self._subscriptions.follows(id_):
            return
        job = self._store.get(id_)
        if job is not None and not job.status.is_terminal:
            self._subscriptions.follow(id_)
            self._wake.set()

    def _on_started(self, id_: str | None) -> None:
        for delay in AFTER_START:
            self._ask(delay)

    def _on_data(self, id_: str | None, payload: Mapping[str, Any]) -> None:
        data = payload.get("data")
        told = data.get(self._root) if data else None
        if told is None or "errors" in payload:
            self.poke()
            return
        try:
            body = self._api.reader.job(told)
            if not self._api.reader.is_whole(body):
                self.poke()
                return
            known = self._store.version(body["id"])
            if not known:
                self._on_heard(body["id"])
            elif body["version"] > known + 1 and self._api.profile.versions:
                log.debug("job %s: version %s came after %s", body["id"], body["version"], known)
            self._store.merge(body)
        except (AttributeError, KeyError, TypeError, ValueError):
            self.poke()

    def _on_refused(self, problem: str) -> None:
        log.warning("%s", problem)
        self._ask(0.0)
        self._settle()

    def _ask(self, delay: float) -> None:
        if self._reconciler.can_ask:
            heapq.heappush(self._due, self._tasks.loop.time() + delay)
            self._wake.set()

    async def _keep(self) -> None:
        self._ask(0.0)  # begun again after an interrupt, too: that may have ended a question
        while True:
            self._wake.clear()
            now = self._tasks.loop.time()
            if not self._reconciler.can_ask:
                await self._renew(now)
            elif self._due and max(self._due[0], self._paced_until) <= now:
                while self._due and self._due[0] <= now + AFTER_POKE:  # the answer covers those too
                    heapq.heappop(self._due)
                self._pace(now)
                await self._reconcile()
            else:
                due = max(self._due[0], self._paced_until) if self._due else None
                await self._rest(due - now if due is not None else None)

    def _pace(self, now: float) -> None:
        """Let questions in a row come ever more slowly: an API may never send an event that can be used."""
        self._in_a_row = self._in_a_row + 1 if now - self._asked_at < PAUSE else 0
        self._paced_until = now + min(SLOWEST_PACE, AFTER_POKE * 2 ** min(self._in_a_row, 16))

    async def _renew(self, now: float) -> None:
        """Renew what has been silent for long, and wait for the next that will have been."""
        self._subscriptions.renew(now - self._silence)
        since = self._subscriptions.silent_since()
        await self._sleep(None if since is None else since + self._silence - now)

    async def _rest(self, until_due: float | None) -> None:
        """Wait for the next question's time; without one, for the slow rhythm of live jobs, and a slower one of none.

        Without events a new job would never be heard of, and all that told of one may have been lost.
        """
        rhythm = WITHOUT_EVENTS if self._subscriptions.refused else min(WHILE_LIVE, self._silence)
        timeout = min(until_due if until_due is not None else rhythm, rhythm)
        woken = await self._sleep(timeout * random.uniform(1, 1.1))
        if woken or until_due is not None:
            return
        believed = self._tasks.loop.time() - self._asked_at < self._silence
        if self._subscriptions.refused or self._store.has_live or not believed:
            self._ask(0.0)

    async def _sleep(self, timeout_s: float | None) -> bool:
        """Wait until something happens; return whether it did in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _reconcile(self) -> None:
        began = self._asked_at = self._tasks.loop.time()
        try:
            found = await self._api.drive(self._reconciler.calls())
        except JobsError as error:
            self._failed(str(error))
        except Exception as error:  # the feed must outlive any answer
            log.exception("the answer about the jobs cannot be used")
            self._failed(f"the server's answer cannot be used: {type(error).__name__}: {error}")
        else:
            self._failures, self._failure = 0, ""
            self._on_reconciled(found, self._tasks.loop.time() - began)
            self._settle()

    def _failed(self, problem: str) -> None:
        self._failures += 1
        self._failure = problem
        self._ask(random.uniform(0.5, 1) * min(RETRY_CAP, 2.0 ** min(self._failures, 16)))
        self._settle()

    def _settle(self) -> None:
        changed = self.problem != self._told_problem or not self._answered.is_set()
        self._told_problem = self.problem
        self._answered.set()
        if changed:
            self._on_change()


_CANNOT_ASK = (
    "this API has no getJob and no listJobs: what happens to a job while the connection is away, "
    "or before it was submitted here, cannot be learned"
)
