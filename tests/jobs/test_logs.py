import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_jobs.errors import (
    ConnectionLost,
    InvalidJob,
    JobNotFound,
    JobsError,
    LocalProtocolError,
    MonitorClosed,
    NotSupported,
    Unauthorized,
)
from jupyter_jobs.jobs import tail
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.logs import LogLine, LogStream, check_tail, moment_of, numbered
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.jobs.store import JobStore
from tests.support.backend import RunningBackend
from tests.support.following import following
from tests.support.proxy import proxied

T0 = datetime(2026, 11, 23, 10, tzinfo=UTC)


def raw(seq: int, text: str = "") -> dict[str, Any]:
    time = (T0 + timedelta(seconds=seq)).isoformat(timespec="milliseconds")
    return {"seq": seq, "time": time, "stream": "stdout", "text": text or f"line {seq}"}


# Lines.


def test_a_line_keeps_its_colours_and_has_its_text_without() -> None:
    line = LogLine(1, "", "stdout", "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07")

    assert str(line) == line.text
    assert line.plain == "red link"


def test_what_was_dropped_is_told_where_it_was() -> None:
    lines = list(numbered([raw(3), raw(4), raw(9)], 1, None))

    assert [(line.seq, line.dropped) for line in lines] == [
        (2, 2),
        (3, 0),
        (4, 0),
        (8, 4),
        (9, 0),
    ]
    assert lines[0].text == "[2 lines were dropped here: the log is over its size limit]"
    assert lines[0].stream == "dropped"


def test_where_a_read_begins_nothing_is_missing() -> None:
    assert [line.seq for line in numbered([raw(7)], None, None)] == [7]


def test_what_is_older_than_wanted_is_left_out() -> None:
    lines = numbered([raw(1), raw(5), raw(6)], 1, T0 + timedelta(seconds=6))

    assert [line.seq for line in lines] == [6]


def test_a_moment_may_be_given_in_many_ways() -> None:
    assert moment_of(None) is None
    assert moment_of(T0) == T0
    assert moment_of("2026-11-23T10:00:00Z") == T0
    assert moment_of(datetime(2026, 11, 23, 10)) == datetime(2026, 11, 23, 10).astimezone(UTC)
    ago = moment_of(timedelta(minutes=1))
    assert ago is not None
    assert timedelta(minutes=1) <= datetime.now(UTC) - ago < timedelta(minutes=2)


@pytest.mark.parametrize("wrong", ["yesterday", 60])
def test_what_is_no_moment_says_what_is(wrong: Any) -> None:
    with pytest.raises(InvalidJob, match="a timedelta"):
        moment_of(wrong)


@pytest.mark.parametrize("wrong", [-1, "3", 1.5])
def test_lines_are_counted_in_whole_numbers(wrong: Any) -> None:
    with pytest.raises(InvalidJob, match="tail= takes a whole number of lines, 0 or more, not"):
        check_tail(wrong)


@pytest.mark.parametrize("right", [None, 0, 7])
def test_a_number_of_lines_may_be_left_out(right: int | None) -> None:
    check_tail(right)


# A stream, of a log that a test writes.


class Script:
    """A client whose server tells what a test says, question by question; with the last answer the job is over."""

    def __init__(self, *answers: Any, tells_end: bool = True) -> None:
        self.tells_end = tells_end
        self.store = JobStore()
        self.closed = False
        self.answers = list(answers)
        self.asked: list[Call[Any]] = []
        self.waits = 0
        self.loop: Any = None
        self.api: Any = SimpleNamespace(run_sync=self._answer, run=self._answer_awaited)
        self.tell("RUNNING", 1)

    def tell(self, status: str, version: int) -> None:
        self.store.merge({"id": "j", "version": version, "status": status})

    @contextmanager
    def blocking(self) -> Iterator[None]:
        self.waits += 1
        yield

    def _answer(self, call: Call[Any]) -> Any:
        self.asked.append(call)
        if call.operation == "getJob":
            return {"id": "j", "version": 9, "status": "SUCCEEDED"}
        answer = self.answers.pop(0) if self.answers else page(ended=True)
        if not self.answers and self.tells_end:
            self.tell("SUCCEEDED", 8)
        if isinstance(answer, BaseException):
            raise answer
        return call.read(answer, Reader(PROFILES["jupyter_jobs"]))

    async def _answer_awaited(self, call: Call[Any]) -> Any:
        return self._answer(call)

    @property
    def places(self) -> list[Any]:
        return [call.variables.get("after") for call in self.asked if call.operation == "jobLogs"]


def page(*seqs: int, ended: bool = False) -> dict[str, Any]:
    return {"lines": [raw(seq) for seq in seqs], "ended": ended, "dropped": 0}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are waited out in no time."""
    monkeypatch.setattr(tail, "TROUBLED", 0.01)
    monkeypatch.setattr("jupyter_jobs.jobs.logs.TROUBLED", 0.01)


def seqs(stream: LogStream) -> list[int]:
    return [line.seq for line in stream]


def test_lines_come_once_each_and_in_order() -> None:
    script = Script(page(1, 2), page(3), page(), page(4))

    assert seqs(LogStream("j", script)) == [1, 2, 3, 4]
    assert script.places == [0, 2, 3, 3, 4]


def test_a_lost_connection_is_waited_out() -> None:
    lost = ConnectionLost("the network is down")
    script = Script(lost, page(1, 2), lost, lost, page(3))

    assert seqs(LogStream("j", script)) == [1, 2, 3]
    assert script.places == [0, 0, 2, 2, 2, 3]


@pytest.mark.parametrize("error", [Unauthorized("no"), JobNotFound("none"), NotSupported("none")])
@pytest.mark.parametrize("options", [{}, {"tail": 1}])
def test_what_does_not_pass_is_raised_and_then_it_goes_on(
    error: JobsError, options: dict[str, Any]
) -> None:
    stream = LogStream("j", Script(error, page(1), error, page(2)), **options)

    with pytest.raises(type(error)):
        next(stream)
    assert next(stream).seq == 1
    with pytest.raises(type(error)):
        next(stream)
    assert seqs(stream) == [2]


def test_lines_that_were_dropped_have_one_in_their_place() -> None:
    stream = LogStream("j", Script(page(1), page(8, 9)))

    assert [(line.seq, line.dropped) for line in stream] == [(1, 0), (7, 6), (8, 0), (9, 0)]


def test_a_read_that_is_interrupted_goes_on_where_it_was() -> None:
    script = Script(page(1), KeyboardInterrupt(), page(2))
    stream = LogStream("j", script)
    assert next(stream).seq == 1

    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert seqs(stream) == [2]


def test_it_may_begin_with_the_last_lines() -> None:
    script = Script(page(7, 8), page(9))

    assert seqs(LogStream("j", script, tail=2)) == [7, 8, 9]
    assert dict(script.asked[0].variables) == {"id": "j", "tail": 2, "limit": 2}


def test_it_may_begin_with_what_comes_from_now_on() -> None:
    script = Script(page(), page(8), page(9))

    assert seqs(LogStream("j", script, tail=0)) == [9]
    assert script.places[-2:] == [8, 9]


def test_it_may_begin_at_a_time() -> None:
    since = T0 + timedelta(seconds=5)
    script = Script(page(5, 6), page(), page(7))
    none_yet = Script(page(), page(4), page(4, 5))

    assert seqs(LogStream("j", script, since=since)) == [5, 6, 7]
    assert script.asked[0].variables["since"] == "2026-11-23T10:00:05.000+00:00"
    assert seqs(LogStream("j", none_yet, since=since)) == [5]
    assert none_yet.places[2] == 3


def test_a_beginning_that_is_lost_is_made_again() -> None:
    script = Script(ConnectionLost("down"), page(7, 8))

    assert seqs(LogStream("j", script, tail=2)) == [7, 8]


def test_the_end_of_a_run_is_no_end_while_another_may_follow() -> None:
    script = Script(page(1, ended=True), page(2), page(3, ended=True))

    assert seqs(LogStream("j", script)) == [1, 2, 3]


def test_an_end_that_nobody_told_of_is_asked_about() -> None:
    script = Script(page(1), tells_end=False)

    assert seqs(LogStream("j", script)) == [1]
    assert [call.operation for call in script.asked][-2:] == ["getJob", "jobLogs"]


def test_a_closed_monitor_ends_it_with_a_word() -> None:
    script = Script(page(1))
    stream = LogStream("j", script)
    next(stream)
    script.closed = True

    with pytest.raises(MonitorClosed, match="the job goes on"):
        next(stream)


def test_only_a_wait_that_lasts_is_marked_as_one() -> None:
    lively, silent = Script(page(1), page(2)), Script(page(1), page(), page(), page(2))

    assert seqs(LogStream("j", lively)) == [1, 2]
    assert lively.waits == 0
    assert seqs(LogStream("j", silent)) == [1, 2]
    assert silent.waits == 1


async def test_it_can_be_awaited_too() -> None:
    script = Script(ConnectionLost("down"), page(1, 2), page(), page(3))
    script.loop = asyncio.get_running_loop()

    assert [line.seq async for line in LogStream("j", script)] == [1, 2, 3]


async def test_on_another_loop_it_asks_from_a_thread() -> None:
    script = Script(page(1))
    threads: list[int] = []
    answer = script.api.run_sync

    def noted(call: Call[Any]) -> Any:
        threads.append(threading.get_ident())
        return answer(call)

    script.api.run_sync = noted
    assert [line.seq async for line in LogStream("j", script)] == [1]

    assert threading.get_ident() not in threads


# With a backend.


@pytest.fixture
async def client(backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(backend, str(uuid.uuid4())) as client:
        yield client


PROGRAM = """
import sys, time
for n in range(6):
    print("line", n, flush=True)
    time.sleep(0.15)
"""


async def test_the_lines_of_a_job_come_while_it_works(client: JobClient) -> None:
    job = await client.submit(Command(["python", "-c", PROGRAM]))
    alive: list[bool] = []
    texts: list[str] = []
    async for line in job.logs(follow=True):
        alive.append(not job.done())
        texts.append(line.text)

    assert texts == [f"line {n}" for n in range(6)]
    assert alive[0]
    assert job.status == "SUCCEEDED"


async def test_they_come_on_another_thread_too(client: JobClient) -> None:
    job = await client.submit(Command(["python", "-c", PROGRAM]))

    read = asyncio.to_thread(lambda: [str(line) for line in job.logs(follow=True)])
    assert await read == [f"line {n}" for n in range(6)]


async def test_a_wait_on_the_loops_own_thread_is_refused(client: JobClient) -> None:
    job = await client.submit(Command.shell("sleep 30"))

    with pytest.raises(LocalProtocolError, match="`async for`"):
        next(job.logs(follow=True))
    await client.cancel(job.id)


async def test_a_job_that_never_began_has_an_end_too(
    external_backend: RunningBackend,
) -> None:
    async with following(external_backend, str(uuid.uuid4())) as client:
        job = await client.submit("work")
        await client.cancel(job.id)

        assert [line async for line in job.logs(follow=True)] == []


async def test_lines_come_again_after_the_way_was_cut(backend: RunningBackend) -> None:
    group = str(uuid.uuid4())
    with proxied(backend.http) as proxy:
        async with following(backend, group, http=proxy.http) as client:
            job = await client.submit(Command(["python", "-c", PROGRAM]))
            stream = job.logs(follow=True)
            texts = [str(await anext(stream))]
            proxy.cut()
            texts += [str(line) async for line in stream]

    assert texts == [f"line {n}" for n in range(6)]


async def test_only_lines_from_a_time_on_are_read(client: JobClient) -> None:
    job = await client.submit(Command(["python", "-c", PROGRAM]))
    await job
    lines = await asyncio.to_thread(job.logs)

    def later() -> list[LogLine]:
        return job.logs(since=lines[3].time)

    assert await asyncio.to_thread(later) == lines[3:]
    assert await asyncio.to_thread(lambda: job.logs(since=timedelta(days=1))) == lines
