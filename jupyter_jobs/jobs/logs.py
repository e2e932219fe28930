"""What a job prints: as a list, or line by line while it works.

Lines have numbers, and a read goes on after the last one that was had. So neither a lost connection, nor a backend that
starts again, nor a machine that slept leaves a hole or tells a line twice; and where the size limit dropped lines, one
that says so stands in their place. A silence is no end: only the log's own end mark is, once the job has ended too.
"""

from __future__ import annotations

import asyncio
import numbers
import re
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from jupyter_jobs._loop import call_soon
from jupyter_jobs.errors import InvalidJob, JobsError, MonitorClosed, NotSupported, WireError
from jupyter_jobs.jobs import asked, calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Body, Call
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.tail import QUICK, TROUBLED, Tail

__all__ = ["LogLine", "LogOwner", "LogStream", "check_tail", "moment_of", "numbered"]

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's output; `str` of it is its text.

    Attributes:
        seq: Its number, from 1.
        time: When it was read, ISO 8601 in UTC.
        stream: `stdout` or `stderr`; `dropped` for a line that stands for those that the size limit dropped.
        text: The line without its end, colours (ANSI) and all.
        dropped: How many lines it stands for; 0 for one of the job's own.
    """

    seq: int
    time: str
    stream: str
    text: str
    dropped: int = 0

    @property
    def plain(self) -> str:
        """The text without colours."""
        return _ANSI.sub("", self.text)

    def __str__(self) -> str:
        return self.text


def numbered(lines: list[Body], expected: int | None, since: datetime | None) -> Iterator[LogLine]:
    """Yield lines as they were told, and one in place of those that are missing between them.

    Args:
        lines: In order.
        expected: The number that the first one should have; None if any will do.
        since: Leave out what is older.
    """
    for line in lines:
        seq = line["seq"]
        gap, expected = seq - expected if expected is not None else 0, seq + 1
        if since is not None and datetime.fromisoformat(line["time"]) < since:
            continue
        if gap > 0:
            words = f"[{gap:,} lines were dropped here: the log is over its size limit]"
            yield LogLine(seq - 1, line["time"], "dropped", words, gap)
        yield LogLine(seq, line["time"], line["stream"], line["text"])


def moment_of(since: datetime | timedelta | str | None) -> datetime | None:
    """Return a moment that was given as such, as how long ago it was, or as ISO 8601; without a zone it is local time.

    Raises:
        InvalidJob: It is none of those.
    """
    if since is None:
        return None
    if isinstance(since, timedelta):
        return datetime.now(UTC) - since
    try:
        moment = datetime.fromisoformat(since) if isinstance(since, str) else since
        return moment.astimezone(UTC)
    except (ValueError, AttributeError):
        raise InvalidJob(
            f"since= takes a datetime, a timedelta (how long ago) or a time as '2026-01-31T09:30', not {since!r}"
        ) from None


def check_tail(tail: Any) -> None:
    """Check of how many last lines a log is to be read.

    Raises:
        InvalidJob: It is neither a number of lines nor None.
    """
    if tail is not None and (not isinstance(tail, numbers.Integral) or tail < 0):
        raise InvalidJob(f"tail= takes a whole number of lines, 0 or more, not {tail!r}")


class LogOwner(Protocol):
    """What reading a log needs of the client of the job."""

    store: JobStore
    api: JobApi
    loop: asyncio.AbstractEventLoop
    closed: bool

    @property
    def blocking(self) -> Callable[[], AbstractContextManager[None]]:
        """Marks a call that waits on the calling thread, so that updates still arrive meanwhile."""


Step = Call[Any] | float | JobsError
"""What a read does next: ask, wait for so many seconds, or say why it cannot go on by itself."""


def _may_pass(error: JobsError) -> bool:
    return isinstance(error, WireError) and error.retryable


class LogStream(Iterator[LogLine], AsyncIterator[LogLine]):
    """The lines of a job's log, as they come, until the log ends: for `for`, and for `async for`.

    Made by `job.logs(follow=True)`. Interrupting it, or leaving it, leaves the job alone; taken up again it goes on
    where it was. It outlives lost connections and backends that start again.

    Raises:
        JobError: The log cannot be had, and why. After this and the following errors, too, it can be taken up again.
        Unauthorized: The key or token is not taken any more.
        MonitorClosed: The monitor was closed; the job goes on.
        LocalProtocolError: For `for` on the thread of a `JobClient`'s own event loop: use `async for`.
    """

    def __init__(
        self,
        job: str,
        owner: LogOwner,
        *,
        tail: int | None = None,
        since: datetime | None = None,
    ) -> None:
        self._job = job
        self._owner = owner
        self._lines: deque[LogLine] = deque()
        self._plan = self._read(tail, since)
        self._step: Step | None = None  # what the plan waits for; None before and after it
        self._over = False
        self._version = 0  # of the job, as it was when the plan was made

    def __iter__(self) -> LogStream:
        return self

    def __aiter__(self) -> LogStream:
        return self

    def __next__(self) -> LogLine:
        with ExitStack() as waiting:
            is_marked = False
            while not self._lines:
                step = self._next_step()
                if step is None:
                    raise StopIteration
                if isinstance(step, Call):
                    try:
                        answer = self._owner.api.run_sync(step)
                    except JobsError as error:
                        answer = error
                    self._go_on(answer)
                    continue
                if step > QUICK and not is_marked:  # before, lines come and this is over soon
                    waiting.enter_context(self._owner.blocking())
                    is_marked = True
                self._sleep(step)
                self._go_on(None)
        return self._lines.popleft()

    async def __anext__(self) -> LogLine:
        while not self._lines:
            step = self._next_step()
            if step is None:
                raise StopAsyncIteration
            answer: Any = None
            if isinstance(step, Call):
                try:
                    answer = await self._ask(step)
                except JobsError as error:
                    answer = error
            else:
                await self._rest(step)
            self._go_on(answer)
        return self._lines.popleft()

    def _read(self, tail: int | None, since: datetime | None) -> Generator[Step, Any, None]:
        """Yield what is to be asked, and for how many seconds to wait; put lines where they are taken from."""
        after = 0
        if tail is not None or since is not None:
            after = yield from self._begin(tail, since)
        place = Tail(self._job, after)
        while not place.ended:
            is_over = self._is_over()
            self._version = self._owner.store.version(self._job)
            question = place.ask(time.monotonic(), self._version)
            if question is None:
                yield max(place.due_at - time.monotonic(), 0.0)
                continue
            expected, call = question[0] + 1, question[1]
            try:
                page = yield call
            except JobsError as error:
                place.fail(time.monotonic())
                if not _may_pass(error):
                    yield error
                continue
            lines = place.take(question[0], page, time.monotonic(), is_over=is_over)
            self._lines.extend(numbered(lines, expected, since))
            if page["ended"] and not is_over and not lines:
                yield from self._look()

    def _begin(self, tail: int | None, since: datetime | None) -> Generator[Step, Any, int]:
        """Read what is wanted of what there is; return the number of the last line that needs not be asked for."""
        said = None if since is None else since.isoformat(timespec="milliseconds")
        while True:
            try:
                lines = yield from asked.read_lines(self._job, tail=tail, since=said)
                if lines:
                    self._lines.extend(numbered(lines, None, since))
                    return int(lines[-1]["seq"])
                newest = (yield asked.log_page(self._job, tail=1, limit=1))["lines"]
                return newest[-1]["seq"] - (tail is None) if newest else 0
            except JobsError as error:
                yield TROUBLED if _may_pass(error) else error

    def _look(self) -> Generator[Step, Any, None]:
        """Ask for the job: its log says that it has ended, and nobody else has told so."""
        with suppress(NotSupported, WireError):
            body = yield calls.get(self._job)
            if body is not None:
                self._owner.store.merge(body)

    def _is_over(self) -> bool:
        job = self._owner.store.get(self._job)
        return job is not None and job.status.is_terminal

    def _next_step(self) -> Call[Any] | float | None:
        """Return what is to be done next, or None at the end; raise what the reader has to know."""
        if self._step is None and not self._over:
            self._go_on(None)
        step = self._step
        if step is not None and self._owner.closed:
            raise MonitorClosed("the monitor was closed while this log was read; the job goes on")
        if isinstance(step, JobsError):
            self._step = None  # read on, it is tried again
            raise step
        return step

    def _go_on(self, answer: Any) -> None:
        """Tell the plan what came of its step. One that was interrupted is not told of, and is taken again."""
        try:
            if isinstance(answer, JobsError):
                self._step = self._plan.throw(answer)
            else:
                self._step = self._plan.send(answer)
        except BaseException as error:
            self._step, self._over = None, True
            if not isinstance(error, StopIteration):
                raise

    def _sleep(self, seconds: float) -> None:
        """Wait on the calling thread until it is time, or until there is news of the job."""
        changed = threading.Event()
        stop = self._owner.store.observe(lambda id_, _: changed.set() if id_ == self._job else None)
        try:
            if self._owner.store.version(self._job) == self._version:
                changed.wait(seconds)
        finally:
            stop()

    async def _rest(self, seconds: float) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        stop = self._owner.store.observe(
            lambda id_, _: call_soon(loop, changed.set) if id_ == self._job else None
        )
        try:
            if self._owner.store.version(self._job) == self._version:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await changed.wait()
        finally:
            stop()

    async def _ask(self, call: Call[Any]) -> Any:
        if asyncio.get_running_loop() is self._owner.loop:
            return await self._owner.api.run(call)
        return await asyncio.to_thread(self._owner.api.run_sync, call)

    def __repr__(self) -> str:
        return f"<log of {self._job}>"
