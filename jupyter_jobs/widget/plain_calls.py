"""The plain calls of a monitor: submit, get, cancel, each one HTTPS request from the thread that calls.

`JobClient` has the same as coroutines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.callbacks import Callbacks
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.finding import Filters, Moment, Status
from jupyter_jobs.jobs.handle import JobHandle, job_id
from jupyter_jobs.jobs.joblist import JobList
from jupyter_jobs.jobs.kinds import Command, Notebook, Request
from jupyter_jobs.jobs.options import Options, explained

if TYPE_CHECKING:
    import pandas

__all__ = ["PlainCalls"]

T = TypeVar("T")


class PlainCalls:
    """What a cell asks of the jobs of one group, for a class that has their client."""

    _client: JobClient

    @overload
    def submit(self, request: str, /, **options: Unpack[Options]) -> JobHandle[Any]: ...
    @overload
    def submit(self, request: Command, /, **options: Unpack[Options]) -> JobHandle[int]: ...
    @overload
    def submit(self, request: Notebook, /, **options: Unpack[Options]) -> JobHandle[str]: ...
    @overload
    def submit(self, request: Callable[..., T], /, *args: Any, **kwargs: Any) -> JobHandle[T]: ...
    @explained
    def submit(self, request: Request, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Submit a job and return at once with its handle: one HTTPS request, from any thread.

        Args:
            request: The name of a request that the backend handles; a function; a `Command`; a `Notebook`.
            *args: The function's arguments.
            {options}
            **kwargs: The function's keyword arguments. One that is named like an option of `submit` must be bound by
                `functools.partial`.

        Raises:
            InvalidJob: It cannot be run as it is, and why. Nothing was submitted.
            JobConflict: Its key belongs to a job with other work.
            UnknownRequest: Nobody handles a request of that name.
            NotSupported: The API does not know such an option.
            WireError: The backend could not be asked. An answer that got lost is asked for again under the same id,
                so a job is never submitted twice.
            MonitorClosed: After `close`.
        """
        return self._client.api.drive_sync(self._client.submitting(request, args, kwargs))

    @overload
    def map(
        self, function: str, values: Iterable[Any], /, **options: Unpack[Options]
    ) -> JobList[Any]: ...
    @overload
    def map(
        self, function: Callable[..., T], /, *iterables: Iterable[Any], **options: Unpack[Options]
    ) -> JobList[T]: ...
    @explained
    def map(
        self,
        function: str | Callable[..., Any],
        /,
        *iterables: Iterable[Any],
        **options: Unpack[Options],
    ) -> JobList[Any]:
        """Submit a job for each item and return at once with their handles: many jobs in one HTTPS request.

        Goes through the iterables as the builtin `map` does, and unlike it returns jobs: `map(…).results()` are the
        values. The function is pickled once for all; keyword arguments are bound by `functools.partial`.

        Args:
            function: What to call, or the name of a request, which takes one iterable: the params of each job.
            *iterables: The arguments of each call, side by side; the shortest ends it.
            {options}

        Raises:
            InvalidJob: An item cannot be run as it is; which, and why. Nothing was submitted.
            JobsRefused: The backend took some and not others; its `jobs` are those that it took.
            WireError: The backend could not be asked, and nothing was submitted.
        """
        return self._client.api.drive_sync(self._client.mapping(function, iterables, options))

    @overload
    def submit_all(
        self, requests: Iterable[Command], /, **options: Unpack[Options]
    ) -> JobList[int]: ...
    @overload
    def submit_all(
        self, requests: Iterable[Notebook], /, **options: Unpack[Options]
    ) -> JobList[str]: ...
    @overload
    def submit_all(
        self, requests: Iterable[Callable[[], T]], /, **options: Unpack[Options]
    ) -> JobList[T]: ...
    @overload
    def submit_all(
        self, requests: Iterable[Request], /, **options: Unpack[Options]
    ) -> JobList[Any]: ...
    @explained
    def submit_all(
        self, requests: Iterable[Request], /, **options: Unpack[Options]
    ) -> JobList[Any]:
        """Submit requests that are ready, as a list of `Command`s, many in one HTTPS request; as `map` otherwise.

        Args:
            requests: What `submit` takes; functions without arguments, as `functools.partial` makes them.
            {options}
        """
        return self._client.api.drive_sync(self._client.submitting_all(requests, options))

    def find(
        self,
        *,
        status: Status | Iterable[Status] | None = None,
        name: str | None = None,
        tag: str | None = None,
        since: Moment | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> JobList[Any]:
        """Return jobs, newest first, asked of the server: what was retried by its newest attempt only.

            monitor.find(status="failed", since=timedelta(hours=2)).retry_failed()

        Args:
            status: A state, as "failed", or several.
            name: What they are called, in full.
            tag: A word that they have.
            since: When they were submitted at the earliest: a datetime (of this machine's time zone if it names none),
                a date, a timedelta before now, or an ISO string.
            group: The group; default the monitor's, "*" for all. Jobs of other groups are not in the panel.
            limit: At most so many, the newest.

        Raises:
            InvalidJob: A filter that cannot be, and why.
            NotSupported: The API cannot tell which jobs there are.
        """
        filters = Filters(status=status, name=name, tag=tag, since=since, group=group, limit=limit)
        return self._client.api.drive_sync(self._client.finding(filters))

    def to_pandas(self, *, all_attempts: bool = False) -> pandas.DataFrame:
        """Return the jobs of the group, newest first, as a data frame: a row a job, a column a field of `Job`.

        Args:
            all_attempts: Also those that were retried; by default the newest attempt stands for all.

        Raises:
            ImportError: pandas is not installed.
        """
        superseded = self._client.store.superseded
        return JobList(
            job for job in self.jobs if all_attempts or not superseded(job.id)
        ).to_pandas()

    def get(self, id_: str) -> JobHandle[Any]:
        """Return the job of that id, asked of the server unless it is known.

        Raises:
            JobNotFound: There is none.
        """
        return self._client.known(id_) or self._client.found(
            id_, self._client.api.run_sync(calls.get(id_))
        )

    def cancel(self, job: JobHandle[Any] | str) -> bool:
        """Ask for a job's end; returns whether it is ended or ending by cancellation."""
        return self._job(job).cancel()

    @overload
    def retry(self, job: JobHandle[T]) -> JobHandle[T]: ...
    @overload
    def retry(self, job: str) -> JobHandle[Any]: ...
    def retry(self, job: JobHandle[Any] | str) -> JobHandle[Any]:
        """Submit the work of a job that ended again, as a new job; returns the new one. See `JobHandle.retry`."""
        return self._job(job).retry()

    @property
    def jobs(self) -> list[JobHandle[Any]]:
        """All jobs of the group, newest first, those of earlier kernels included."""
        self._client.check_open()
        if not self._client.reconciler.complete:
            self._client.api.drive_sync(self._client.reconciler.calls())
        return self._client.jobs

    @property
    def group(self) -> str:
        """Which jobs belong together."""
        group = self._client.group
        assert group is not None  # only a client by itself may follow all
        return group

    def on(self, **callbacks: Unpack[Callbacks]) -> Callable[[], None]:
        """Call these from now on, as `on_job_complete=notify`; what is returned ends that. See `JobClient.on`."""
        self._client.check_open()
        return self._client.on(**callbacks)

    def _job(self, job: JobHandle[Any] | str) -> JobHandle[Any]:
        """Return the job that is meant; a handle of another monitor stays with that one."""
        return job if isinstance(job, JobHandle) else self.get(job_id(job))
