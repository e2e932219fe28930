import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_jobs.errors import ConnectionLost
from jupyter_jobs.jobs import tail
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.jobs.tail import TROUBLED
from jupyter_jobs.widget.log_tail import LogTails
from tests.support.backend import RunningBackend
from tests.support.following import following


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
    monkeypatch.setattr(tail, "QUICK", 0.0)
    shell = "for n in 1 2 3; do echo line $n; sleep 0.2; done"
    async with following(backend, "live log") as client:
        job = await client.submit(Command.shell(shell))
        page = Page(client)

        def work() -> None:
            page.tails.follow("p", job.id)
            while not page.ended:
                client.api.drive_sync(client.reconciler.calls())
                page.tails.step()

        standin = threading.Thread(target=work)
        standin.start()
        standin.join()  # the loop is blocked meanwhile

    assert page.texts == ["line 1", "line 2", "line 3"]
    assert len(page.told) > 1


async def test_a_job_that_has_said_nothing_is_answered_once(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "QUICK", 0.0)
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
        assert page.tails._tails["p"].ask(time.monotonic(), 0) is None
        assert page.tails._tails["p"].ask(time.monotonic() + TROUBLED, 0)

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
