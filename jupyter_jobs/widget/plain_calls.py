"""The plain calls of a monitor: submit, get, cancel, each one HTTPS request from the thread that calls.

`JobClient` has the same as coroutines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Unpack, overload

from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.callbacks import Callbacks
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.handle import JobHandle, job_id
from jupyter_jobs.jobs.model import Priority
from jupyter_jobs.jobs.requests import Command, Notebook, Request

__all__ = ["PlainCalls"]

T = TypeVar("T")


class PlainCalls:
    """What a cell asks of the jobs of one group, for a class that has their client."""

    _client: JobClient

    @overload
    def submit(
        self,
        request: str,
        /,
        *,
        priority: Priority | str = ...,
        name: str | None = ...,
        params: Any = ...,
        tags: Iterable[str] = ...,
    ) -> JobHandle[Any]: ...
    @overload
    def submit(
        self,
        request: Command,
        /,
        *,
        priority: Priority | str = ...,
        name: str | None = ...,
        tags: Iterable[str] = ...,
    ) -> JobHandle[int]: ...
    @overload
    def submit(
        self,
        request: Notebook,
        /,
        *,
        priority: Priority | str = ...,
        name: str | None = ...,
        tags: Iterable[str] = ...,
    ) -> JobHandle[str]: ...
    @overload
    def submit(
        self,
        request: Callable[..., T],
        /,
        *args: Any,
        priority: Priority | str = ...,
        name: str | None = ...,
        tags: Iterable[str] = ...,
        **kwargs: Any,
    ) -> JobHandle[T]: ...
    def submit(
        self,
        request: Request,
        /,
        *args: Any,
        priority: Priority | str = Priority.MEDIUM,
        name: str | None = None,
        params: Any = None,
        tags: Iterable[str] = (),
        **kwargs: Any,
    ) -> JobHandle[Any]:
        """Submit a job and return at once with its handle: one HTTPS request, from any thread.

        Args:
            request: The name of a request that the backend handles; a function; a `Command`; a `Notebook`.
            *args: The function's arguments.
            priority: "HIGH", "MEDIUM" or "LOW": which of the waiting jobs starts first.
            name: What the panel calls it; default from the request.
            params: JSON value for a named request.
            tags: Words to find and group jobs by, as ["sweep", "lr=0.1"]: at most 20, of 1 to 50 characters each.
            **kwargs: The function's keyword arguments. One that is named like an option of `submit` must be bound by
                `functools.partial`.

        Raises:
            InvalidJob: It cannot be run as it is, and why. Nothing was submitted.
            UnknownRequest: Nobody handles a request of that name.
            WireError: The backend could not be asked. An answer that got lost is asked for again under the same id,
                so a job is never submitted twice.
            MonitorClosed: After `close`.
        """
        body = self._client.prepare(
            request, args, kwargs, priority=priority, name=name, params=params, tags=tags
        )
        return self._client.adopt(self._client.api.run_sync(calls.submit(body)))

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
        return self._client.group

    def on(self, **callbacks: Unpack[Callbacks]) -> Callable[[], None]:
        """Call these from now on, as `on_job_complete=notify`; what is returned ends that. See `JobClient.on`."""
        self._client.check_open()
        return self._client.on(**callbacks)

    def _job(self, job: JobHandle[Any] | str) -> JobHandle[Any]:
        """Return the job that is meant; a handle of another monitor stays with that one."""
        return job if isinstance(job, JobHandle) else self.get(job_id(job))
