"""Keeps a panel moving, and `result()` returning, while a cell blocks the notebook's event loop.

The feed lives on that loop. While it runs, a task ticks some times a second. When the tick is overdue and jobs are
live, or at once when one of our own blocking calls is entered, one long-lived daemon thread asks the same questions as
the feed over HTTPS, merges the answers into the same store and flushes the same panel. When the loop ticks again the
thread rests. Merging by version makes the overlap harmless.

One thread for the life of the monitor: each new thread that sends to the page opens a socket that the kernel keeps
until its next garbage collection.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jupyter_jobs.jobs.model import JobStatus

__all__ = ["StandIn"]

log = logging.getLogger("jupyter_jobs.widget")

TICK = 0.15  # seconds between ticks while jobs are live; Interrupt is seen no later while a cell awaits
OVERDUE = 0.5  # seconds without a tick: the loop is blocked
RHYTHM = 1.0  # seconds between questions
EAGER = 0.05  # seconds before the second question of a blocking call; doubles up to RHYTHM


class StandIn:
    """The thread that works while the event loop cannot.

    Args:
        loop: The loop whose thread the user's cells may block.
        is_needed: Whether any job is live.
        catch_up: Asks, merges and flushes; called on the stand-in's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        is_needed: Callable[[], bool],
        catch_up: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._is_needed = is_needed
        self._catch_up = catch_up
        self._home = threading.get_ident()
        self._last_tick = time.monotonic()
        self._entered = 0  # blocking calls of ours under way on the loop's thread
        self._pause = EAGER
        self._rests = True
        self._wake = threading.Event()
        self._closed = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ticked(self) -> None:
        """Note that the loop runs."""
        self._last_tick = time.monotonic()
        if self._is_needed():
            self.wake()

    def job_changed(self, _: str, status: JobStatus) -> None:
        """Observe the store: a job that lives may have come to be known in a cell, so that the loop has not run since."""
        if self._rests and not status.is_terminal:
            self.wake()

    def wake(self) -> None:
        """Have the thread look whether it is needed. From any thread."""
        with self._starting:
            # One that is not alive was interrupted while it started, for it ends by `close` alone.
            is_there = self._thread is not None and self._thread.is_alive()
            if not is_there and not self._closed and not self._loop.is_closed():
                self._thread = threading.Thread(
                    target=self._run, name="jupyter-jobs-stand-in", daemon=True
                )
                self._thread.start()
        self._wake.set()

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Mark a call that waits on the calling thread; on the loop's own thread the stand-in starts at once."""
        if threading.get_ident() != self._home:
            yield
            return
        self._entered += 1
        try:
            self._pause = EAGER
            self.wake()
            yield
        finally:
            self._entered -= 1

    def close(self) -> None:
        """End the thread; does not wait for a question that is under way."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        asked = -RHYTHM
        while threading.current_thread() is self._thread:
            self._rests = True
            self._wake.clear()  # before looking: what is told from here on ends the next wait
            if self._closed or self._loop.is_closed():
                return
            if not self._is_needed():
                self._wake.wait()
                continue
            self._rests = False
            if not self._entered and time.monotonic() - self._last_tick < OVERDUE:
                self._wake.wait(TICK)
            elif (left := asked + self._rhythm() - time.monotonic()) > 0:
                self._wake.wait(left)
            else:
                asked = time.monotonic()
                self._work()
                self._pause = min(2 * self._pause, RHYTHM)

    def _rhythm(self) -> float:
        return self._pause if self._entered else RHYTHM

    def _work(self) -> None:
        try:
            self._catch_up()
        except (
            Exception
        ) as error:  # the thread must outlive any one failure; the feed reports lasting ones
            if not self._closed:  # else the failure is that everything ends
                log.warning("could not catch up while the kernel is busy: %s", error)
