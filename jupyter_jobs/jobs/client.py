"""`JobClient`: submit, follow and collect jobs, for programs that have an event loop.

`JobMonitor` is the same thing with a panel and plain calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar, Unpack, overload

from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.errors import JobNotFound
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.callbacks import Callbacks
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.config import JobConfig
from jupyter_jobs.jobs.finding import Filters, Moment, Status
from jupyter_jobs.jobs.handle import JobHandle, job_id
from jupyter_jobs.jobs.joblist import JobList
from jupyter_jobs.jobs.kinds import Command, Notebook, Request
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.options import Options, explained
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.submitting import Submitting
from jupyter_jobs.jobs.target import find_target

__all__ = ["JobClient"]

T = TypeVar("T")


class JobClient(Submitting):
    """The jobs of one group at one endpoint, on the running event loop.

    `connect` makes one ready to use; the constructor takes the parts, for those who bring their own. Many clients of
    one endpoint share its connection.

    Attributes:
        attached: The submissions that were answered with an older job of their key; see `Submitting`.
        target: Where jobs go.
        group: The jobs that belong together.
        store: All that is known of them.
        reconciler: The questions that bring the store up to date.
        thread_id: The thread of the event loop; None before `start`.
        api: Asks the server.
        loop: The event loop on which updates arrive.
        blocking: Wraps every call that waits for a job on the calling thread; by default such a call is refused on the
            thread of the loop.
        closed: Whether `close` was called.

    Args:
        target: Where jobs go; see `find_target`, which `connect` calls.
        group: Which jobs to follow; None for all.
        loop: The loop that updates arrive on; default the running one.
        blocking: Wraps every call that waits for a job on the calling thread; by default such a call is refused on the
            thread of the loop.
        config: How patient it is.
        wire: Asks and subscribes; default one for the target, which is closed with the client. One that is given
            stays open.
        store: Where the jobs go; default an empty one.
        **callbacks: See `Callbacks` and `on`.
    """

    @classmethod
    async def connect(
        cls,
        endpoint: str | None = None,
        *,
        auth: Auth | str | None = None,
        group: str = "default",
        profile: str | Profile | None = None,
        realtime_url: str | None = None,
        config: JobConfig | Mapping[str, Any] | None = None,
        **callbacks: Unpack[Callbacks],
    ) -> Self:
        """Find the target, wire everything, and return once the group's jobs are known.

        Without an endpoint here or in the settings, that is the embedded backend, started if it does not run.

        Args:
            endpoint: See `find_target`, as for `auth`, `profile` and `realtime_url`.
            auth: How to be let in.
            group: Which jobs to follow.
            profile: What the API calls things: a name, or a `Profile`.
            realtime_url: Where its WebSockets are, if that cannot be derived.
            config: How patient the client is: a `JobConfig`, or its settings by name.
            **callbacks: See `Callbacks` and `on`.

        Raises:
            ConfigurationError: See `find_target` and `JobConfig`.
            BackendUnavailable: See `find_target`.
        """
        settings = JobConfig.read(config)
        target = await asyncio.to_thread(
            find_target, endpoint, auth, profile=profile, realtime_url=realtime_url
        )
        client = cls(target, group=group, config=settings, **callbacks)
        client.start()
        try:
            await client.ready()
        except BaseException:  # cancelled while it waits: nobody else could close it
            await client.aclose()
            raise
        return client

    @overload
    async def submit(self, request: str, /, **options: Unpack[Options]) -> JobHandle[Any]: ...
    @overload
    async def submit(self, request: Command, /, **options: Unpack[Options]) -> JobHandle[int]: ...
    @overload
    async def submit(self, request: Notebook, /, **options: Unpack[Options]) -> JobHandle[str]: ...
    @overload
    async def submit(
        self, request: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> JobHandle[T]: ...
    @explained
    async def submit(self, request: Request, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Submit a job; as `JobMonitor.submit`, awaited."""
        return await self.api.drive(self.submitting(request, args, kwargs))

    @overload
    async def map(
        self, function: str, values: Iterable[Any], /, **options: Unpack[Options]
    ) -> JobList[Any]: ...
    @overload
    async def map(
        self, function: Callable[..., T], /, *iterables: Iterable[Any], **options: Unpack[Options]
    ) -> JobList[T]: ...
    @explained
    async def map(
        self,
        function: str | Callable[..., Any],
        /,
        *iterables: Iterable[Any],
        **options: Unpack[Options],
    ) -> JobList[Any]:
        """Submit a job for each item, many in one request; as `JobMonitor.map`, awaited."""
        return await self.api.drive(self.mapping(function, iterables, options))

    @overload
    async def submit_all(
        self, requests: Iterable[Command], /, **options: Unpack[Options]
    ) -> JobList[int]: ...
    @overload
    async def submit_all(
        self, requests: Iterable[Notebook], /, **options: Unpack[Options]
    ) -> JobList[str]: ...
    @overload
    async def submit_all(
        self, requests: Iterable[Callable[[], T]], /, **options: Unpack[Options]
    ) -> JobList[T]: ...
    @overload
    async def submit_all(
        self, requests: Iterable[Request], /, **options: Unpack[Options]
    ) -> JobList[Any]: ...
    @explained
    async def submit_all(
        self, requests: Iterable[Request], /, **options: Unpack[Options]
    ) -> JobList[Any]:
        """Submit each of several requests, many in one; as `JobMonitor.submit_all`, awaited."""
        return await self.api.drive(self.submitting_all(requests, options))

    async def find(
        self,
        *,
        status: Status | Iterable[Status] | None = None,
        name: str | None = None,
        tag: str | None = None,
        since: Moment | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> JobList[Any]:
        """Return jobs, newest first, asked of the server; as `JobMonitor.find`, awaited."""
        filters = Filters(status=status, name=name, tag=tag, since=since, group=group, limit=limit)
        return await self.api.drive(self.finding(filters))

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

    @overload
    async def retry(self, job: JobHandle[T]) -> JobHandle[T]: ...
    @overload
    async def retry(self, job: str) -> JobHandle[Any]: ...
    async def retry(self, job: JobHandle[Any] | str) -> JobHandle[Any]:
        """Submit the work of a job that ended again; as `JobHandle.retry`, awaited."""
        self.check_open()
        return self.adopt(await self.api.run(calls.retry(job_id(job))))

    @property
    def jobs(self) -> list[JobHandle[Any]]:
        """The group's jobs, newest first."""
        newest = sorted(self.store, key=lambda job: (job.created_at or "", job.id), reverse=True)
        return [self.handle(job.id) for job in newest]

    def known(self, id_: str) -> JobHandle[Any] | None:
        """Return the handle of a job of the store, or None."""
        self.check_open()
        return self.handle(id_) if id_ in self.store else None

    def found(self, id_: str, body: Body | None) -> JobHandle[Any]:
        """Return the handle of a job that the server was asked for."""
        if body is None:
            raise JobNotFound(f"there is no job {id_!r} at {self.target.name}", job_id=id_)
        return self.adopt(body)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = ConnectionState.CLOSED if self.closed else self.connection.state
        return f"JobClient({self.target.name}, {state.replace('_', ' ')})"
