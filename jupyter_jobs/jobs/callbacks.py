"""What a client tells its user's code, and when: never inside the receive path, always in order, each end once.

News is put into a queue, and one task on the client's loop works it off, so that a slow callback stalls neither
keep-alives nor the store. While an update of a job waits there, further ones of the same job join it: the callback
sees the newest state. Ends are never joined and never lost.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from jupyter_jobs._loop import Tasks, call_soon, is_cancelled
from jupyter_jobs.appsync.client import ConnectionStatus
from jupyter_jobs.errors import InvalidCall
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["Callbacks", "Dispatcher", "Metric"]

# Beside the package's log, which is silent unless somebody sets it up: what the user's code raises must show anyhow.
log = logging.getLogger("jupyter_jobs_callbacks")

DRAIN_S = 5.0
"""How long `aclose` waits for callbacks that are under way."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number for a program that measures.

    Attributes:
        kind: "submitted": a job was taken by the API. "reconnected": the connection is back. "reconciled": the jobs
            were asked for. "connection": its state changed.
        seconds: From the question to the answer; without a connection; from the first question to the last answer;
            in the former state.
        jobs: Jobs that the answers told of.
        healed: Those of them that were newer there than any event had told.
        state: The connection's new state, or an empty string.
    """

    kind: Literal["submitted", "reconnected", "reconciled", "connection"]
    seconds: float
    jobs: int = 0
    healed: int = 0
    state: str = ""


class Callbacks(TypedDict, total=False):
    """The callbacks of a client, plain functions or async ones; they run on its event loop.

    Attributes:
        on_job_complete: Takes a job that has succeeded, once.
        on_job_error: Takes a job that has failed, timed out or got lost, once. A cancelled job is neither.
        on_status_update: Takes a job of which something is new, in the state that it is in by now.
        on_connection_state_change: Takes each `ConnectionStatus`.
        on_event: Takes each `Metric`.
    """

    on_job_complete: Callable[[JobHandle[Any]], object]
    on_job_error: Callable[[JobHandle[Any]], object]
    on_status_update: Callable[[JobHandle[Any]], object]
    on_connection_state_change: Callable[[ConnectionStatus], object]
    on_event: Callable[[Metric], object]


class Dispatcher:
    """Calls a client's callbacks. `close` and `drain` belong to the loop's thread, the rest to any.

    A job's end is told if the job was followed: known alive, submitted here, or first heard of by an event. What is
    found ended when the jobs are listed is history, and told to nobody.

    Args:
        tasks: Where the callbacks run.
        handle: Returns the handle of a job.
    """

    def __init__(self, tasks: Tasks, handle: Callable[[str], JobHandle[Any]]) -> None:
        self._tasks = tasks
        self._handle = handle
        self._callbacks: dict[str, list[Callable[[Any], object]]] = {name: [] for name in _NAMES}
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, Any]] = deque()
        self._waiting: set[str] = set()  # jobs with an update in the queue
        self._followed: set[str] = set()
        self._told: set[str] = set()
        self._worker: asyncio.Task[None] | None = None
        self._started = False
        self._closed = False

    def add(self, callbacks: Mapping[str, Any]) -> Callable[[], None]:
        """Call these too, from now on; what is returned ends that.

        Raises:
            InvalidCall: A name that is none, or something that cannot be called.
        """
        for name, callback in callbacks.items():
            if name not in self._callbacks:
                raise InvalidCall(f"there is no callback {name!r}; choose of {', '.join(_NAMES)}")
            if callback is not None and not callable(callback):
                raise InvalidCall(f"{name} must be a function, not {callback!r}")
        added = [(name, callback) for name, callback in callbacks.items() if callback is not None]
        for name, callback in added:
            self._callbacks[name].append(callback)

        def remove() -> None:
            for name, callback in added:
                if callback in self._callbacks[name]:
                    self._callbacks[name].remove(callback)

        return remove

    def heard(self, id_: str) -> None:
        """Follow a job that an event tells of."""
        if id_ not in self._told:
            self._followed.add(id_)

    def submitted(self, id_: str, status: JobStatus) -> None:
        """Follow a job that was submitted here; it may have ended before the answer came."""
        with self._lock:
            if id_ in self._told:
                return
            self._followed.add(id_)
        if status.is_terminal:
            self.job_changed(id_, status)

    def job_changed(self, id_: str, status: JobStatus) -> None:
        """Tell that something is new about a job."""
        is_terminal = status.is_terminal
        if not is_terminal and id_ in self._followed and not self._callbacks["on_status_update"]:
            return  # the most frequent case by far
        news: list[tuple[str, Any]] = []
        with self._lock:
            if self._callbacks["on_status_update"] and id_ not in self._waiting:
                if not is_terminal or id_ in self._followed:
                    self._waiting.add(id_)
                    news.append(("on_status_update", id_))
            if not is_terminal:
                self._followed.add(id_)
            elif id_ in self._followed:
                self._followed.discard(id_)
                self._told.add(id_)
                if status is JobStatus.SUCCEEDED:
                    news.append(("on_job_complete", id_))
                elif status.is_failure:
                    news.append(("on_job_error", id_))
        self._put(news)

    def connection_changed(self, status: ConnectionStatus) -> None:
        """Tell how the connection is doing."""
        self._put([("on_connection_state_change", status)])

    def measured(self, metric: Metric) -> None:
        """Tell a number."""
        self._put([("on_event", metric)])

    @property
    def is_calling(self) -> bool:
        """Whether a callback is what runs just now."""
        return self._worker is not None and self._worker is asyncio.current_task()

    async def drain(self) -> None:
        """Take no more news, and wait for what is queued; not for long."""
        self._closed = True
        worker = self._worker
        if self._queue and worker is None:
            worker = self._start()
        if worker is not None:
            await asyncio.wait([worker], timeout=DRAIN_S)

    def _put(self, news: list[tuple[str, Any]]) -> None:
        news = [(name, argument) for name, argument in news if self._callbacks[name]]
        if not news or self._closed:
            return
        with self._lock:
            self._queue.extend(news)
            if self._started:
                return
            self._started = True
        call_soon(self._tasks.loop, self._start)

    def _start(self) -> asyncio.Task[None]:
        if self._worker is None or self._worker.done():
            self._worker = self._tasks.spawn(self._work(), name="jupyter-jobs callbacks")
        return self._worker

    async def _work(self) -> None:
        try:
            while True:
                with self._lock:
                    if not self._queue:
                        self._started = False
                        return
                    name, argument = self._queue.popleft()
                    if name == "on_status_update":
                        self._waiting.discard(argument)
                job = name not in ("on_connection_state_change", "on_event")
                for callback in tuple(self._callbacks[name]):
                    await _call(name, callback, self._handle(argument) if job else argument)
                await asyncio.sleep(0)  # many jobs may end at once; the connection wants its turn
        except (
            KeyboardInterrupt
        ):  # a cell was interrupted while this ran; the others are still to be told
            call_soon(self._tasks.loop, self._start)
            raise
        finally:
            self._worker = None


_NAMES = tuple(Callbacks.__annotations__)


async def _call(name: str, callback: Callable[[Any], object], argument: Any) -> None:
    """Call the user's code: its failure goes to the log, in a notebook below the cell that runs, and nowhere else."""
    try:
        answer = callback(argument)
        if inspect.isawaitable(answer):
            await answer
    except (Exception, asyncio.CancelledError):
        if is_cancelled():
            raise
        log.exception("the callback %s failed: %r", name, callback)
