import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_jobs.errors import ConnectionLost
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.widget import log_tail
from jupyter_jobs.widget.log_tail import LINES, OVERDUE, RHYTHM, TROUBLED, LogTails, Tail
from tests.support.backend import RunningBackend
from tests.support.following import following


def page(*seqs: int, ended: bool = False) -> dict[str, Any]:
    return {"lines": [{"seq": seq, "text": f"line {seq}"} for seq in seqs], "ended": ended}


def asked(tail: Tail, now: float) -> dict[str, Any] | None:
    question = tail.ask(now)
    return None if question is None else dict(question[1].variables)


# One place in one log.


def test_it_begins_with_the_last_lines_and_goes_on_where_it_was() -> None:
    tail = Tail("j", 0)
    assert asked(tail, 0.0) == {"id": "j", "tail": 2000, "limit": 2000}
    lines = tail.take(0, page(5, 6), 0.1, is_over=False)

    assert [line["seq"] for line in lines] == [5, 6]
    assert asked(tail, 0.1 + RHYTHM) == {"id": "j", "after": 6, "limit": 2000}


def test_a_page_that_has_lines_gets_those_that_follow() -> None:
    tail = Tail("j", 40)

    assert asked(tail, 0.0) == {"id": "j", "after": 40, "limit": 2000}


def test_it_asks_once_at_a_time_and_once_a_second() -> None:
    tail = Tail("j", 0)
    assert asked(tail, 0.0)
    assert asked(tail, 1.0) is None

    tail.take(0, page(1), 1.5, is_over=False)
    assert asked(tail, 1.5 + RHYTHM - 0.01) is None
    assert asked(tail, 1.5 + RHYTHM)


def test_a_full_page_is_followed_by_the_next_at_once() -> None:
    tail = Tail("j", 1)
    tail.ask(0.0)
    tail.take(1, page(*range(2, LINES + 2)), 0.1, is_over=False)

    assert asked(tail, 0.1) == {"id": "j", "after": LINES + 1, "limit": LINES}


def test_an_answer_that_is_held_up_is_overtaken_and_then_dropped() -> None:
    tail = Tail("j", 1)
    assert tail.ask(0.0)
    assert asked(tail, OVERDUE) == {"id": "j", "after": 1, "limit": LINES}

    assert len(tail.take(1, page(2, 3), OVERDUE, is_over=False)) == 2
    assert tail.take(1, page(2, 3), OVERDUE, is_over=False) == []
    tail.ask(2 * OVERDUE)
    assert [line["seq"] for line in tail.take(3, page(3, 4), 9.0, is_over=False)] == [4]


def test_it_ends_with_the_log() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0)
    tail.take(0, page(1, ended=True), 0.1, is_over=True)

    assert tail.ended
    assert asked(tail, 100.0) is None


def test_a_job_that_is_over_and_says_no_more_has_ended_its_log() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0)
    tail.take(0, page(1), 0.1, is_over=True)
    assert not tail.ended

    tail.ask(10.0)
    tail.take(1, page(), 10.1, is_over=True)
    assert tail.ended


def test_after_trouble_it_waits_longer() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0)
    tail.fail(1.0)

    assert asked(tail, TROUBLED) is None
    assert asked(tail, 1.0 + TROUBLED)


# With a backend.


class Page:
    def __init__(self, client: JobClient) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.tails = LogTails(client, self.told.append)

    @property
    def texts(self) -> list[str]:
        return [line["text"] for message in self.told for line in message["lines"]]

    @property
    def ended(self) -> bool:
        return bool(self.told) and self.told[-1]["ended"]


async def test_the_log_of_a_job_that_has_ended_is_sent_once(backend: RunningBackend) -> None:
    async with following(backend, "ended log") as client:
        job = await client.submit(Command(["python", "-c", "for n in range(3): print('n', n)"]))
        await job
        page = Page(client)
        page.tails.follow("p", job.id)
        while not page.ended:
            await client.get(job.id)
            await _turns()
        page.tails.step()
        await _turns()

    assert page.texts == ["n 0", "n 1", "n 2"]
    [message] = page.told
    assert {key: message[key] for key in ("type", "page", "job", "ended")} == {
        "type": "log",
        "page": "p",
        "job": job.id,
        "ended": True,
    }
    assert set(message["lines"][0]) == {"seq", "time", "stream", "text"}


async def test_lines_are_sent_as_they_come_also_while_the_loop_is_blocked(
    backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "RHYTHM", 0.0)
    shell = "for n in 1 2 3; do echo line $n; sleep 0.2; done"
    async with following(backend, "live log") as client:
        job = await client.submit(Command.shell(shell))
        page = Page(client)

        def work() -> None:
            page.tails.follow("p", job.id)
            while not page.ended:
                page.tails.step()

        standin = threading.Thread(target=work)
        standin.start()
        standin.join()  # the loop is blocked meanwhile

    assert page.texts == ["line 1", "line 2", "line 3"]
    assert len(page.told) > 1


async def test_a_job_that_has_said_nothing_is_answered_once(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "RHYTHM", 0.0)
    async with following(external_backend, "silent log") as client:
        job = await client.submit("work")
        page = Page(client)
        for _ in range(3):
            await asyncio.to_thread(page.tails.follow, "p", job.id)
            await asyncio.to_thread(page.tails.step)

    assert [(message["lines"], message["ended"]) for message in page.told] == [([], False)] * 3


async def test_a_log_that_cannot_be_had_says_why_and_is_asked_for_no_more(
    external_backend: RunningBackend,
) -> None:
    async with following(external_backend, "no log") as client:
        page = Page(client)
        page.tails.follow("p", "nobody")
        while not page.told:
            await _turns()
        page.tails.step()
        await _turns()

    [message] = page.told
    assert (message["lines"], message["ended"]) == ([], True)
    assert "nobody" in message["error"]


async def test_a_lost_connection_is_no_end(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async with following(external_backend, "lost log") as client:
        page = Page(client)

        async def lost(_: object) -> None:
            raise ConnectionLost("the network is down")

        monkeypatch.setattr(client.api, "run", lost)
        with caplog.at_level(logging.INFO, "jupyter_jobs.widget"):
            page.tails.follow("p", "j")
            while not caplog.records:
                await _turns()
        assert page.tails._tails["p"].ask(time.monotonic()) is None
        assert page.tails._tails["p"].ask(time.monotonic() + TROUBLED)

    assert page.told == []


async def test_a_late_answer_for_a_log_that_is_left_is_dropped(
    external_backend: RunningBackend,
) -> None:
    async with following(external_backend, "left log") as client:
        page = Page(client)
        page.tails.follow("p", "nobody")
        page.tails.follow("p", None)
        for _ in range(3):
            await client.get((await client.submit("work")).id)

    assert page.told == []


async def _turns() -> None:
    await asyncio.sleep(0.01)
