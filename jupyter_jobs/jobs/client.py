"""`JobClient`: submit, follow and collect jobs, for programs that have an event loop.

`JobMonitor` is the same thing with a panel and plain calls.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, TypeVar, overload

from jupyter_jobs._loop import Tasks, call_soon
from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.client import AppSyncClient, ConnectionState, ConnectionStatus
from jupyter_jobs.errors import JobNotFound, MonitorClosed
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Body, JobApi
from jupyter_jobs.jobs.feed import JobFeed, Reconciler
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus, Priority
from jupyter_jobs.jobs.requests import Command, Notebook, Request, submit_input
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.target import Target, find_target

__all__ = ["JobClient"]

T = TypeVar("T")


class JobClient:
    """The jobs of one group at one endpoint, on the running event loop.

    Attributes:
        group: The jobs that belong together.
        store: All that is known of them.
        reconciler: The questions that bring the store up to date.
        thread_id: The thread of the event loop; None before `start`.
        api: Asks the server.
        loop: The event loop on which updates arrive.

    Args:
        target: Where jobs go; see `find_target`, which `connect` calls.
        group: Which jobs to follow.
        loop: The loop that updates arrive on; default the running one.
        blocking: Wraps every call that waits on the calling thread.
    """

    def __init__(
        self,
        target: Target,
        *,
        group: str = "default",
        loop: asyncio.AbstractEventLoop | None = None,
        blocking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.target = target
        self.group = group
        self.loop = loop or asyncio.get_running_loop()
        self.store = JobStore(threading.RLock())
        self.api = JobApi(AppSyncClient(target.endpoint, target.auth), revive=target.revive)
        self.blocking = blocking
        self.closed = False
        self._tasks = Tasks(self.loop)
        self._handles: dict[str, JobHandle[Any]] = {}
        self._watchers: list[Callable[[], None]] = []
        self.reconciler = Reconciler(self.store, group)
        self.thread_id: int | None = None
        self._feed: JobFeed | None = None
        self._connected_at: float | None = None  # when it was last so
        self._was_connected = False
        self.store.observe(self._job_changed)

    @classmethod
    async def connect(
        cls, endpoint: str | None = None, *, auth: Auth | None = None, group: str = "default"
    ) -> Self:
        """Find the target, connect, and return once the group's jobs are known.

        Raises:
            ConfigurationError: See `find_target`.
            BackendUnavailable: See `find_target`.
        """
        client = cls(await asyncio.to_thread(find_target, endpoint, auth), group=group)
        client.start()
        try:
            await client.ready()
        except BaseException:  # cancelled while it waits: nobody else could close it
            await client.aclose()
            raise
        return client

    def start(self) -> None:
        """Begin to follow the group. On the loop's thread."""
        if self._feed is None and not self.closed:
            self.thread_id = threading.get_ident()
            self._feed = JobFeed(
                self.api, self.reconciler, self.group, self._tasks, on_change=self._changed
            )
            self.api.wire.on_status(self._connection_changed)
            self._feed.start()

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
        moments = (self._connected_at, self.reconciler.finished_at)
        return max((moment for moment in moments if moment is not None), default=None)

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back when the connection or the feed changes state, on the loop's thread."""
        self._watchers.append(callback)

    @overload
    async def submit(
        self,
        request: str,
        /,
        *,
        priority: Priority | str = ...,
        name: str | None = ...,
        params: Any = ...,
    ) -> JobHandle[Any]: ...
    @overload
    async def submit(
        self, request: Command, /, *, priority: Priority | str = ..., name: str | None = ...
    ) -> JobHandle[int]: ...
    @overload
    async def submit(
        self, request: Notebook, /, *, priority: Priority | str = ..., name: str | None = ...
    ) -> JobHandle[str]: ...
    @overload
    async def submit(
        self,
        request: Callable[..., T],
        /,
        *args: Any,
        priority: Priority | str = ...,
        name: str | None = ...,
        **kwargs: Any,
    ) -> JobHandle[T]: ...
    async def submit(
        self,
        request: Request,
        /,
        *args: Any,
        priority: Priority | str = Priority.MEDIUM,
        name: str | None = None,
        params: Any = None,
        **kwargs: Any,
    ) -> JobHandle[Any]:
        """Submit a job; as `JobMonitor.submit`, awaited."""
        body = self.prepare(request, args, kwargs, priority=priority, name=name, params=params)
        return self.adopt(await self.api.run(calls.submit(body)))

    async def get(self, id_: str) -> JobHandle[Any]:
        """Return the job of that id, asked of the server unless it is known.

        Raises:
            JobNotFound: There is none.
        """
        return self.known(id_) or self.found(id_, await self.api.run(calls.get(id_)))

    async def cancel(self, id_: str) -> bool:
        """Ask for a job's end; returns whether it is ended or ending by cancellation."""
        handle = self.adopt(await self.api.run(calls.cancel(id_)))
        return handle.status in (JobStatus.CANCELLING, JobStatus.CANCELLED)

    @property
    def jobs(self) -> list[JobHandle[Any]]:
        """The group's jobs, newest first."""
        newest = sorted(self.store, key=lambda job: (job.created_at or "", job.id), reverse=True)
        return [self.handle(job.id) for job in newest]

    def prepare(self, request: Request, args: Any, kwargs: Any, **options: Any) -> Body:
        """Check a request and return its `SubmitJobInput` for this target."""
        self.check_open()
        return submit_input(
            request,
            args,
            kwargs,
            group=self.group,
            runs_here=self.target.endpoint.is_loopback,
            **options,
        )

    def adopt(self, body: Body) -> JobHandle[Any]:
        """Take a job into the store and return its handle."""
        self.store.merge(body)
        return self.handle(body["id"])

    def known(self, id_: str) -> JobHandle[Any] | None:
        """Return the handle of a job of the store, or None."""
        self.check_open()
        return self.handle(id_) if id_ in self.store else None

    def found(self, id_: str, body: Body | None) -> JobHandle[Any]:
        """Return the handle of a job that the server was asked for."""
        if body is None:
            raise JobNotFound(f"there is no job {id_!r} at {self.target.name}", job_id=id_)
        return self.adopt(body)

    def handle(self, id_: str) -> JobHandle[Any]:
        """Return the one handle of a job of the store."""
        handle = self._handles.setdefault(id_, JobHandle(id_, self))
        record = handle.record
        if record.status.is_terminal:
            handle.settle(record)
        elif self.closed:
            handle.abandon()
        return handle

    def reconnect(self) -> None:
        """Try to connect now. From any thread."""
        call_soon(self.loop, self.api.wire.reconnect_now)

    def check_open(self) -> None:
        """Raise MonitorClosed after `aclose`."""
        if self.closed:
            raise MonitorClosed("this monitor is closed; make a new one: JobMonitor()")

    def close(self) -> None:
        """Refuse all further use, and end every wait for a job; `aclose` does the rest. From any thread."""
        self.closed = True
        for handle in list(self._handles.values()):
            handle.abandon()

    async def aclose(self) -> None:
        """End the subscription and give the shared connection back; the jobs go on. Twice without harm."""
        self.close()
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        await self._tasks.cancel()
        await self.api.wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = ConnectionState.CLOSED if self.closed else self.connection.state
        return f"JobClient({self.target.name}, {state.replace('_', ' ')})"

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        if status.is_terminal and (handle := self._handles.get(id_)) is not None:
            handle.settle(handle.record)

    def _connection_changed(self, status: ConnectionStatus) -> None:
        if self._was_connected and status.state is not ConnectionState.CONNECTED:
            self._connected_at = time.time()
            if self._feed is not None:
                self._feed.poke()  # requests may get through, or find that the backend is gone
        self._was_connected = status.state is ConnectionState.CONNECTED
        self._changed()

    def _changed(self) -> None:
        for callback in self._watchers:
            callback()
