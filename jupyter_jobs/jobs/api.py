"""Runs calls against one API: in the words of its profile, plainly or awaited, and with errors about jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from jupyter_jobs.appsync.attempts import NeverSent
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import (
    ConnectionLost,
    JobsError,
    RemoteProtocolError,
    RequestRefused,
    RequestTimedOut,
    ServerFault,
)
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.profiles import PROFILES, Profile, root
from jupyter_jobs.jobs.reader import Body, Reader
from jupyter_jobs.jobs.refusals import job_error, uncertain

__all__ = ["JobApi"]

T = TypeVar("T")

_REVIVALS = 3  # of a server for one call: it may have just been about to end
_SUBMITTING = ("submitJob", "retryJob")

Told = Mapping[str, Any] | RequestRefused
"""What the wire says to a document: its data, or that it has errors."""


class JobApi:
    """Runs calls over one AppSync client, and turns its refusals into errors about jobs.

    `run` belongs to the client's event loop; `run_sync` may be called from any thread and blocks for at most the
    client's timeout.

    Attributes:
        profile: What the API calls things.
        reader: Reads what it tells of jobs.
        on_submitted: Takes the jobs that a submission made and the seconds it took, on the thread that asked; of many
            in one document those that were accepted.

    Args:
        wire: Asks the server.
        revive: Brings a server back that is not there; the call is then repeated.
    """

    def __init__(
        self,
        wire: AppSyncClient,
        *,
        revive: Callable[[], object] | None = None,
        profile: Profile = PROFILES["jupyter_jobs"],
    ) -> None:
        self.wire = wire
        self.profile = profile
        self.reader = Reader(profile)
        self.on_submitted: Callable[[list[Body], float], object] | None = None
        self._revive = revive

    async def run(self, call: Call[T]) -> T:
        """Run one call.

        Raises:
            JobError: The server refused it, and why.
            NotSupported: The API has no such operation.
            WireError: It could not be asked, or its answer is not what was asked for.
        """
        with self._translated(call):
            began = time.monotonic()
            told: Told
            try:
                told = await self._execute(call)
            except RequestRefused as refusal:
                told = refusal
            return self._read(call, told, began)

    def run_sync(self, call: Call[T]) -> T:
        """Run one call on the calling thread; as `run` otherwise."""
        with self._translated(call):
            began = time.monotonic()
            told: Told
            try:
                told = self._execute_sync(call)
            except RequestRefused as refusal:
                told = refusal
            return self._read(call, told, began)

    async def drive(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """Run the calls that an exchange asks for, one after the other; it may go on after an error."""
        answer: Any = None
        while True:
            try:
                call = _next(exchange, answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            try:
                answer = await self.run(call)
            except JobsError as error:
                answer = error

    def drive_sync(self, exchange: Generator[Call[Any], Any, T]) -> T:
        """As `drive`, on the calling thread."""
        answer: Any = None
        while True:
            try:
                call = _next(exchange, answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            try:
                answer = self.run_sync(call)
            except JobsError as error:
                answer = error

    async def _execute(self, call: Call[Any]) -> Mapping[str, Any]:
        document, variables, again = self._asked(call)
        for _ in range(_REVIVALS):
            try:
                return await self.wire.execute(document, variables, idempotent=again)
            except ConnectionLost:
                if self._revive is None or not again:
                    raise
                await asyncio.to_thread(self._revive)
        return await self.wire.execute(document, variables, idempotent=again)

    def _execute_sync(self, call: Call[Any]) -> Mapping[str, Any]:
        document, variables, again = self._asked(call)
        for _ in range(_REVIVALS):
            try:
                return self.wire.execute_sync(document, variables, idempotent=again)
            except ConnectionLost:
                if self._revive is None or not again:
                    raise
                self._revive()
        return self.wire.execute_sync(document, variables, idempotent=again)

    def _asked(self, call: Call[Any]) -> tuple[str, Mapping[str, Any], bool]:
        """Return document, variables, and whether it may be repeated."""
        if call.document is not None:
            return call.document, call.variables, call.idempotent
        document = self.profile.document(call.operation, call.variables)
        variables = self.profile.variables(call.operation, call.variables)
        return document, variables, call.idempotent and self._repeatable(call)

    def _repeatable(self, call: Call[Any]) -> bool:
        return call.operation != "submitJob" or self.profile.client_ids

    def _read(self, call: Call[T], told: Told, began: float) -> T:
        try:
            if isinstance(told, RequestRefused):
                if call.read_refused is None:
                    raise told
                answer = call.read_refused(told, self.reader)
            elif call.document is not None:
                answer = call.read(told, self.reader)
            else:
                answer = call.read(told[root(self.profile.document(call.operation))], self.reader)
            if call.operation in _SUBMITTING:
                self._submitted(answer, time.monotonic() - began)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            host = self.wire.endpoint.host
            raise RemoteProtocolError(
                f"{host} answered {call.operation} with something that cannot be used: "
                f"{type(error).__name__}: {error}",
                host=host,
            ) from error
        return answer

    def _submitted(self, answer: Any, seconds: float) -> None:
        outcomes = answer if isinstance(answer, list) else [answer]
        jobs = [outcome for outcome in outcomes if not isinstance(outcome, JobsError)]
        if jobs and self.on_submitted is not None:
            self.on_submitted(jobs, seconds)

    @contextmanager
    def _translated(self, call: Call[Any]) -> Iterator[None]:
        try:
            yield
        except RequestRefused as error:
            translated = job_error(error, call.job_id, self.profile)
            if translated is None:
                raise
            raise translated from error
        except (ConnectionLost, RequestTimedOut, ServerFault, RemoteProtocolError) as error:
            if self._repeatable(call) or isinstance(error, NeverSent):
                raise
            raise uncertain(error) from error


def _next(exchange: Generator[Call[Any], Any, Any], answer: Any) -> Call[Any]:
    """Tell an exchange what came of its last call, and return the next."""
    fails = isinstance(answer, JobsError)
    return exchange.throw(answer) if fails else exchange.send(answer)
