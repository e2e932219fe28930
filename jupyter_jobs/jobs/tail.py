"""A place in one job's log, and the rhythm in which to ask for what follows. Pure: time is an argument.

The rhythm follows the log: some times a second while lines come, ever more slowly while none does, and at once when
there is news of the job. Where news brings no lines again and again, as from a job that only tells how far it is, it
hurries less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_jobs.jobs import asked
from jupyter_jobs.jobs.calls import Body, Call

__all__ = ["LINES", "OVERDUE", "QUICK", "SLOW", "TROUBLED", "Tail"]

QUICK = 0.2  # seconds between two questions while lines come
SLOW = 2.0  # the same, while none comes
NEWS = 1.0  # seconds between two that news asks for in vain, at most
TROUBLED = 5.0  # seconds until the next one after no answer, at most
OVERDUE = 3.0  # seconds after which an answer is not waited for any more
LINES = 2000  # lines a question
FULL = (
    500_000  # characters; an answer that has more was cut short there, however few lines they are
)
_GROWTH = 1.5


class Tail:
    """A place in one job's log. Where threads share one, they hold a lock.

    Attributes:
        job: Whose log.
        ended: Whether the log has ended, and all of it was taken.
        due_at: When to ask next.

    Args:
        job: Whose log.
        after: The last line that is known; None begins with the last 2,000.
    """

    def __init__(self, job: str, after: int | None) -> None:
        self.job = job
        self.ended = False
        self.due_at = 0.0
        self._after = after
        self._pause = QUICK
        self._asked_at: float | None = None
        self._taken_at = -NEWS
        self._version = 0
        self._hurried = False  # whether it is news that makes it ask
        self._in_vain = 0
        self._failures = 0

    def ask(self, now: float, version: int) -> tuple[int, Call[Any]] | None:
        """Return the place and the question to ask now, or None.

        Args:
            now: Seconds on any clock.
            version: Of the job: a change of it is news.
        """
        if version != self._version:
            self._version = version
            soon = self._taken_at + min(QUICK * _GROWTH**self._in_vain, NEWS)
            if soon < self.due_at and not self._failures:
                self.due_at, self._hurried = soon, True
        is_open = self._asked_at is not None and now - self._asked_at < OVERDUE
        if self.ended or is_open or now < self.due_at:
            return None
        self._asked_at = now
        if self._after is None:
            return -1, asked.log_page(self.job, tail=LINES, limit=LINES)
        return self._after, asked.log_page(self.job, after=self._after, limit=LINES)

    def take(self, place: int, page: Mapping[str, Any], now: float, *, is_over: bool) -> list[Body]:
        """Take an answer; return the lines that are new.

        Args:
            place: What `ask` returned with the question.
            page: The answer.
            now: The time, on the clock of `ask`.
            is_over: Whether the job had ended when it was asked. Before, an end mark is that of a run that another may
                follow; after, nothing follows a page without lines, of a job too that was lost or never began.
        """
        if self.ended or place != (-1 if self._after is None else self._after):
            return []
        lines = [line for line in page["lines"] if line["seq"] > place]
        self._in_vain = min(self._in_vain + 1, 8) if self._hurried and not lines else 0
        self._pause = QUICK if lines else min(_GROWTH * self._pause, SLOW)
        self._asked_at, self._taken_at, self._hurried, self._failures = None, now, False, 0
        is_full = len(lines) >= LINES or sum(len(line["text"]) for line in lines) > FULL
        self.due_at = now if is_full else now + self._pause
        if lines or place >= 0:
            self._after = lines[-1]["seq"] if lines else place
        self.ended = is_over and (bool(page["ended"]) or not lines)
        return lines

    def fail(self, now: float) -> None:
        """Note that there was no answer."""
        self._asked_at = None
        self._failures += 1
        self.due_at = now + min(TROUBLED, QUICK * 2.0 ** min(self._failures, 16))
