"""How a client keeps up with its jobs: what it is made of, and what happens from its start to its end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Unpack
from weakref import WeakSet

from jupyter_jobs._loop import Tasks, call_soon
from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.client import AppSyncClient, ConnectionState, ConnectionStatus
from jupyter_jobs.errors import LocalProtocolError, MonitorClosed
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.callbacks import Callbacks, Dispatcher, Metric
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.config import JobConfig
from jupyter_jobs.jobs.feed import JobFeed
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.reconciler import Reconciled, Reconciler
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.target import Target

__all__ = ["Following", "open_clients"]


class Following:
    """Follows the jobs of one group: store, feed, handles, callbacks; see `JobClient`, which is what people use of it."""

    def __init__(
        self,
        target: Target,
        *,
        group: str | None = "default",
        loop: asyncio.AbstractEventLoop | None = None,
        blocking: Callable[[], AbstractContextManager[None]] | None = None,
        config: JobConfig = JobConfig(),  # noqa: B008  frozen
        wire: AppSyncClient | None = None,
        store: JobStore | None = None,
        **callbacks: Unpack[Callbacks],
    ) -> None:
        self.target = target
        self.group = group
        self.loop = loop or asyncio.get_running_loop()
        self.blocking = blocking or self._elsewhere
        self.closed = False
        self.thread_id: int | None = None
        self._config = config
        self._tasks = Tasks(self.loop)
        self._handles: dict[str, JobHandle[Any]] = {}
        self._watchers: list[Callable[[], None]] = []
        self._dispatcher = Dispatcher(self._tasks, self.handle)
        self._dispatcher.add(callbacks)
        self._owns_wire = wire is None
        self._uptime = _Uptime()
        self._feed: JobFeed | None = None
        self._ending: asyncio.Task[None] | None = None
        self._unobserve: list[Callable[[], object]] = []
        self.store = store if store is not None else JobStore(threading.RLock(), group=group)
        self.api = JobApi(
            wire or config.dial(target.endpoint, target.auth),
            revive=target.revive,
            profile=target.profile,
        )
        self.api.on_submitted = self._submitted
        self.reconciler = Reconciler(self.store, group, target.profile)
        self._unobserve.append(self.store.observe(self._job_changed))
        _all.add(self)

    def start(self) -> None:
        """Begin to follow the group. On the loop's thread."""
        if self._feed is None and not self.closed:
            self.thread_id = threading.get_ident()
            self._feed = JobFeed(
                self.api,
                self.reconciler,
                self.group,
                self._tasks,
                subscription_timeout=self._config.subscription_timeout,
                on_change=self._changed,
                on_heard=self._dispatcher.heard,
                on_reconciled=self._reconciled,
            )
            self._unobserve.append(self.api.wire.on_status(self._connection_changed))
            self._feed.start()

    def on(self, **callbacks: Unpack[Callbacks]) -> Callable[[], None]:
        """Call these too, from now on; what is returned ends that. From any thread.

        They run on the client's event loop, in a notebook on the main thread, one after the other and in order for
        each job; async ones are awaited. What they raise goes to the log `jupyter_jobs_callbacks`, and to stderr where
        no log is set up. A plain one should be quick, for it holds the loop; a slow async one only holds those after
        it, and then sees the newest state.

        The end of a job is told once, and only if the job was followed: known alive, submitted here, or first heard
        of by an event. Jobs that had ended when the client found them are history, in `jobs` and not told.
        """
        return self._dispatcher.add(callbacks)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Run a coroutine for as long as the client lives. On the loop's thread."""
        self._tasks.spawn(coroutine, name=name)

    async def ready(self) -> None:
        """Wait until the server has answered once, well or not."""
        if self._feed is not None:
            await self._feed.ready()

    @property
    def feed(self) -> JobFeed | None:
        """What keeps the store current; None before `start`."""
        return self._feed

    @property
    def connection(self) -> ConnectionStatus:
        """The state of the shared WebSocket connection."""
        return self.api.wire.status

    @property
    def current_at(self) -> float | None:
        """`time.time()` of the last moment when the store was known to be current, or None."""
        if self.connection.state is ConnectionState.CONNECTED:
            return time.time()
        moments = (self._uptime.connected_at, self.reconciler.finished_at)
        return max((moment for moment in moments if moment is not None), default=None)

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back when the connection or the feed changes state, on the loop's thread."""
        self._watchers.append(callback)

    def handle(self, id_: str) -> JobHandle[Any]:
        """Return the one handle of a job of the store."""
        handle = self._handles.get(id_) or self._handles.setdefault(id_, JobHandle(id_, self))
        if self.store.status(id_).is_terminal:
            handle.settle(handle.record)
        elif self.closed:
            handle.abandon()
        return handle

    def adopt(self, body: Body) -> JobHandle[Any]:
        """Take a job into the store and return its handle."""
        self.store.merge(body)
        return self.handle(body["id"])

    def reconnect(self, auth: Auth | None = None) -> None:
        """Try to connect now, with new credentials if some are given. From any thread."""
        wire = self.api.wire
        if auth is not None:
            wire.reauthorize_requests(
                auth
            )  # the caller's next one needs them, whoever holds the loop
            call_soon(self.loop, wire.reauthorize, auth)
        call_soon(self.loop, wire.reconnect_now)

    def check_open(self) -> None:
        """Raise MonitorClosed after `aclose`."""
        if self.closed:
            raise MonitorClosed("this monitor or client is closed; make a new one")

    def close(self) -> None:
        """End every wait for a job, refuse all further use, and let go of the connection soon. From any thread.

        The jobs go on. Twice without harm; `aclose` is the same, awaited.
        """
        if not self.closed:
            self.closed = True
            for handle in list(self._handles.values()):
                handle.abandon()
            call_soon(self.loop, self._end_once)

    async def aclose(self) -> None:
        """End the subscriptions and give the shared connection back; the jobs go on. Twice without harm.

        Callbacks for what has happened by now still run.
        """
        self.close()
        ending = self._end_once()
        if not self._dispatcher.is_calling:  # a callback that waited here would wait for itself
            await asyncio.shield(ending)

    def _end_once(self) -> asyncio.Task[None]:
        if self._ending is None:
            self._ending = self._tasks.spawn(self._end(), name="jupyter-jobs end")
        return self._ending

    async def _end(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self._owns_wire:
            await self.api.wire.aclose()
        unobserve, self._unobserve = self._unobserve, []
        for stop in unobserve:
            stop()
        await self._dispatcher.drain()
        await self._tasks.cancel()

    @contextmanager
    def _elsewhere(self) -> Iterator[None]:
        if threading.get_ident() == self.thread_id:
            raise LocalProtocolError(
                "this would wait for ever: the end of a job is told on the event loop of this very thread; "
                "use `await job`, and for its log `async for`, or wait on another thread: "
                "`await asyncio.to_thread(job.result)`"
            )
        yield

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        if status.is_terminal and (handle := self._handles.get(id_)) is not None:
            handle.settle(handle.record)
        self._dispatcher.job_changed(id_, status)

    def _submitted(self, bodies: list[Body], seconds: float) -> None:
        for body in bodies:
            self.store.merge(body)
            self._dispatcher.submitted(body["id"], self.store.status(body["id"]))
        self._dispatcher.measured(Metric("submitted", seconds, jobs=len(bodies)))

    def _reconciled(self, found: Reconciled, seconds: float) -> None:
        self._dispatcher.measured(
            Metric("reconciled", seconds, jobs=found.jobs, healed=found.healed)
        )

    def _connection_changed(self, status: ConnectionStatus) -> None:
        lost, metrics = self._uptime.changed(status.state)
        for metric in metrics:
            self._dispatcher.measured(metric)
        if lost and self._feed is not None:
            self._feed.poke()  # requests may get through, or find that the backend is gone
        self._dispatcher.connection_changed(status)
        self._changed()

    def _changed(self) -> None:
        for callback in self._watchers:
            callback()


_all: WeakSet[Following] = WeakSet()


def open_clients() -> list[Following]:
    """Return the clients of this process that are not closed, those of monitors too. From any thread."""
    return [client for client in list(_all) if not client.closed]


class _Uptime:
    """When the connection was there, for `current_at` and for those who measure."""

    def __init__(self) -> None:
        self.connected_at: float | None = None  # when it was last so
        self._state = ConnectionState.IDLE
        self._since = time.monotonic()
        self._lost_at: float | None = None

    def changed(self, state: ConnectionState) -> tuple[bool, list[Metric]]:
        """Note a new state; return whether a connection was lost with it, and what there is to measure."""
        if state is self._state:
            return False, []
        now = time.monotonic()
        metrics = [Metric("connection", now - self._since, state=state.value)]
        lost = self._state is _CONNECTED and state is not _CONNECTED
        if lost:
            self.connected_at, self._lost_at = time.time(), now
        elif state is _CONNECTED and self._lost_at is not None:
            metrics.append(Metric("reconnected", now - self._lost_at))
            self._lost_at = None
        self._state, self._since = state, now
        return lost, metrics


_CONNECTED = ConnectionState.CONNECTED
