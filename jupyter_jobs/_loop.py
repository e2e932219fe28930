"""Tasks and threads of the package: who may start one, in which context, and who answers for it.

Tasks run in an empty `contextvars.Context`. ipykernel 7 keeps the cell that created a task in its context, and
nbclient, papermill and nbval drop widget messages whose parent is a finished cell.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from weakref import WeakSet

__all__ = ["Tasks", "call_soon", "is_cancelled", "loop_thread"]

log = logging.getLogger("jupyter_jobs")


class Tasks:
    """Background tasks of one owner on one event loop.

    Keeps a strong reference to each (asyncio itself keeps a weak one) and logs what nobody awaits. All methods belong
    to the loop's own thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        _all.add(self)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start a coroutine in an empty context; a failure is logged with its traceback."""
        task = self.loop.create_task(coroutine, name=name, context=contextvars.Context())
        # Whoever closes a loop by hand takes its tasks along; asyncio would lament each of them.
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # as `asyncio.gather` does
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(
        self, work: Callable[[], Coroutine[Any, Any, Any]], *, name: str
    ) -> Callable[[], None]:
        """Start what is to go on although the user interrupts; what is returned ends it.

        Interrupting a kernel raises KeyboardInterrupt in whatever its loop runs at that moment, so it can end any task.
        """
        task: asyncio.Task[Any] | None = None

        def begin() -> None:
            nonlocal task
            task = self.spawn(work(), name=name)
            task.add_done_callback(ended)

        def ended(done: asyncio.Task[Any]) -> None:
            if task is done and not done.cancelled():
                if isinstance(done.exception(), KeyboardInterrupt):
                    begin()

        def stop() -> None:
            nonlocal task
            if task is not None:
                task.cancel()
            task = None

        begin()
        return stop

    async def cancel(self) -> None:
        """Cancel all tasks but the calling one, and wait until they have ended."""
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, KeyboardInterrupt):
            log.info("an interrupt ended the background task %s", task.get_name())
        else:
            log.error("the background task %s failed", task.get_name(), exc_info=error)


def is_cancelled() -> bool:
    """Return whether the running task itself is to end, and not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_all: WeakSet[Tasks] = WeakSet()
_LEAVE_WITHIN_S = 2.0


@atexit.register
def _end_what_was_left() -> None:
    """End the tasks of a loop that just stopped, as a kernel's does, before Python destroys them with noise."""
    for tasks in tuple(_all):
        if tasks._tasks and not tasks.loop.is_closed() and not tasks.loop.is_running():
            with suppress(Exception):
                tasks.loop.run_until_complete(asyncio.wait_for(tasks.cancel(), _LEAVE_WITHIN_S))


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: Any) -> None:
    """Run `callback` on the loop's thread, from any thread, in an empty context; nothing happens on a closed loop."""
    try:
        loop.call_soon_threadsafe(callback, *args, context=contextvars.Context())
    except RuntimeError:
        if not loop.is_closed():
            raise


_thread_lock = threading.Lock()
_thread_loop: asyncio.AbstractEventLoop | None = None


def loop_thread() -> asyncio.AbstractEventLoop:
    """Return the event loop of the process's one background thread, started when first asked for.

    For plain scripts, where no loop runs, and for `JobMonitor(loop="thread")`. The thread is a daemon: it never keeps
    a process from ending.
    """
    global _thread_loop
    with _thread_lock:
        if _thread_loop is None or _thread_loop.is_closed():
            loop = asyncio.new_event_loop()
            started = threading.Event()
            loop.call_soon(started.set)
            threading.Thread(target=loop.run_forever, name="jupyter-jobs-loop", daemon=True).start()
            started.wait()
            _thread_loop = loop
        return _thread_loop
