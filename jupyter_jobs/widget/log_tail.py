"""Sends pages the log of the job that they have open, line by line as it grows.

The lines are asked for in the rhythm of `Tail`, and only while somebody follows: awaited on the thread of the event
loop, and on any other thread, as the stand-in's, by a plain request. A cell may begin to block the loop while a request is
awaited there; whoever comes after some time asks again, and of two answers about the same place the second is dropped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs.errors import JobsError, WireError
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.tail import Tail

__all__ = ["LogTails"]

log = logging.getLogger("jupyter_jobs.widget")


class PageTail(Tail):
    """One page's place in one job's log.

    Attributes:
        is_heard: Whether the page knows that somebody answers.
    """

    is_heard = False


class LogTails:
    """The logs that pages follow, one a page.

    Args:
        client: Asks for the lines.
        send: Hands a message to the front end; any thread.
    """

    def __init__(self, client: JobClient, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._client = client
        self._send = send
        self._tails: dict[str, PageTail] = {}
        self._lock = threading.Lock()  # also keeps the lines of two answers in order

    def follow(self, page: str, job: str | None, after: int = 0) -> None:
        """Send a page the lines of this job from now on, and of no other; None ends it. Any thread."""
        with self._lock:
            self._tails.pop(page, None)
            if job:
                self._tails[page] = PageTail(job, after or None)
        if job:
            self.step()

    def step(self) -> None:
        """Ask for what is due. Any thread; on the event loop's the answers come later, else they have come."""
        for page, tail in list(self._tails.items()):
            with self._lock:
                question = tail.ask(time.monotonic(), self._client.store.version(tail.job))
            if question is None:
                continue
            place, call = question
            if threading.get_ident() == self._client.thread_id:
                self._client.spawn(self._fetch(page, tail, place, call), name="jupyter-jobs log")
            else:
                is_over = self._is_over(tail.job)
                try:
                    answer = self._client.api.run_sync(call)
                except JobsError as error:
                    self._refused(page, tail, error)
                else:
                    self._answered(page, tail, place, answer, is_over)

    async def _fetch(self, page: str, tail: PageTail, place: int, call: Call[Any]) -> None:
        is_over = self._is_over(tail.job)
        try:
            answer = await self._client.api.run(call)
        except JobsError as error:
            self._refused(page, tail, error)
        else:
            self._answered(page, tail, place, answer, is_over)

    def _is_over(self, job: str) -> bool:
        record = self._client.store.get(job)
        return record is not None and record.status.is_terminal

    def _answered(
        self, page: str, tail: PageTail, place: int, answer: Mapping[str, Any], is_over: bool
    ) -> None:
        with self._lock:
            if self._tails.get(page) is not tail:
                return
            lines = tail.take(place, answer, time.monotonic(), is_over=is_over)
            if lines or tail.ended or not tail.is_heard:
                tail.is_heard = True
                self._say(page, tail, lines)

    def _refused(self, page: str, tail: PageTail, error: JobsError) -> None:
        with self._lock:
            if self._tails.get(page) is not tail:
                return
            if isinstance(error, WireError):
                log.info("the log of %s could not be read: %s", tail.job, error)
                tail.fail(time.monotonic())
                return
            tail.ended = True
            self._say(page, tail, [], error=str(error))

    def _say(self, page: str, tail: PageTail, lines: list[Mapping[str, Any]], **more: Any) -> None:
        if tail.ended:
            del self._tails[page]
        told = {"type": "log", "page": page, "job": tail.job, "lines": lines, "ended": tail.ended}
        self._send({**told, **more})
