"""Sends pages the log of the job that they have open, line by line as it grows.

The lines are asked for about once a second, and only while somebody follows: awaited on the thread of the event loop,
and on any other thread, as the stand-in's, by a plain request. A cell may begin to block the loop while a request is
awaited there; whoever comes after some time asks again, and of two answers about the same place the second is dropped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs.errors import JobsError, WireError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient

__all__ = ["LogTails", "Tail"]

log = logging.getLogger("jupyter_jobs.widget")

RHYTHM = 1.0  # seconds between two questions
TROUBLED = 5.0  # seconds until the next one after no answer
OVERDUE = 3.0  # seconds after which an answer is not waited for any more
LINES = 2000  # lines a message


class Tail:
    """One page's place in one job's log. Pure; the caller holds a lock.

    Args:
        job: Whose log.
        after: The last line that the page has; 0 begins with the last 2,000.
    """

    def __init__(self, job: str, after: int) -> None:
        self.job = job
        self.ended = False
        self.is_heard = False  # whether the page knows that somebody answers
        self._after = after
        self._due_at = 0.0
        self._asked_at: float | None = None

    def ask(self, now: float) -> tuple[int, Call[Any]] | None:
        """Return the place and the question to ask now, or None."""
        is_open = self._asked_at is not None and now - self._asked_at < OVERDUE
        if self.ended or is_open or now < self._due_at:
            return None
        self._asked_at = now
        if self._after:
            return self._after, calls.logs(self.job, after=self._after, limit=LINES)
        return 0, calls.logs(self.job, tail=LINES, limit=LINES)

    def take(
        self, place: int, page: Mapping[str, Any], now: float, *, is_over: bool
    ) -> list[Mapping[str, Any]]:
        """Take an answer; return the lines that are new.

        Args:
            place: What `ask` returned with the question.
            page: The answer.
            now: The time, on the clock of `ask`.
            is_over: Whether the job had ended when it was asked: then nothing follows a page without lines.
        """
        if place != self._after or self.ended:
            return []
        lines = [line for line in page["lines"] or () if line["seq"] > place]
        self._asked_at = None
        self._due_at = now + RHYTHM if len(lines) < LINES else now
        self._after = lines[-1]["seq"] if lines else place
        self.ended = bool(page["ended"]) or (is_over and not lines)
        return lines

    def fail(self, now: float) -> None:
        """Note that there was no answer."""
        self._asked_at = None
        self._due_at = now + TROUBLED


class LogTails:
    """The logs that pages follow, one a page.

    Args:
        client: Asks for the lines.
        send: Hands a message to the front end; any thread.
    """

    def __init__(self, client: JobClient, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._client = client
        self._send = send
        self._tails: dict[str, Tail] = {}
        self._lock = threading.Lock()  # also keeps the lines of two answers in order

    def follow(self, page: str, job: str | None, after: int = 0) -> None:
        """Send a page the lines of this job from now on, and of no other; None ends it. Any thread."""
        with self._lock:
            self._tails.pop(page, None)
            if job:
                self._tails[page] = Tail(job, after)
        if job:
            self.step()

    def step(self) -> None:
        """Ask for what is due. Any thread; on the event loop's the answers come later, else they have come."""
        for page, tail in list(self._tails.items()):
            with self._lock:
                question = tail.ask(time.monotonic())
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

    async def _fetch(self, page: str, tail: Tail, place: int, call: Call[Any]) -> None:
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
        self, page: str, tail: Tail, place: int, answer: Mapping[str, Any], is_over: bool
    ) -> None:
        with self._lock:
            if self._tails.get(page) is not tail:
                return
            lines = tail.take(place, answer, time.monotonic(), is_over=is_over)
            if lines or tail.ended or not tail.is_heard:
                tail.is_heard = True
                self._say(page, tail, lines)

    def _refused(self, page: str, tail: Tail, error: JobsError) -> None:
        with self._lock:
            if self._tails.get(page) is not tail:
                return
            if isinstance(error, WireError):
                log.info("the log of %s could not be read: %s", tail.job, error)
                tail.fail(time.monotonic())
                return
            tail.ended = True
            self._say(page, tail, [], error=str(error))

    def _say(self, page: str, tail: Tail, lines: list[Mapping[str, Any]], **more: Any) -> None:
        if tail.ended:
            del self._tails[page]
        told = {"type": "log", "page": page, "job": tail.job, "lines": lines, "ended": tail.ended}
        self._send({**told, **more})
