import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_jobs._loop import Tasks
from jupyter_jobs.appsync.client import ConnectionState, ConnectionStatus
from jupyter_jobs.errors import InvalidCall
from jupyter_jobs.jobs.callbacks import Callbacks, Dispatcher, Metric
from jupyter_jobs.jobs.model import JobStatus
from tests.support.interrupts import interrupt, run_through_interrupts

RUNNING, SUCCEEDED, FAILED = JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED


class Told:
    """Callbacks that note what they are told, and a dispatcher that calls them."""

    def __init__(self) -> None:
        self.news: list[tuple[str, Any]] = []
        self.tasks = Tasks(asyncio.get_running_loop())
        self.dispatcher = Dispatcher(self.tasks, lambda id_: id_)  # type: ignore[arg-type, return-value]  # ids will do
        self.dispatcher.add(self.noting())

    def noting(self) -> Callbacks:
        names = Callbacks.__annotations__
        return {name: lambda it, name=name: self.news.append((name, it)) for name in names}  # type: ignore[return-value]  # a dict of all its keys

    def ends(self) -> list[tuple[str, Any]]:
        return [(name, it) for name, it in self.news if name in ("on_job_complete", "on_job_error")]


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    told = Told()
    yield told
    await told.tasks.cancel()


async def test_a_jobs_life_is_told_in_order(told: Told) -> None:
    for status in (JobStatus.QUEUED, RUNNING, SUCCEEDED):
        told.dispatcher.job_changed("j1", status)
        await settled(told)

    assert told.news == [
        ("on_status_update", "j1"),
        ("on_status_update", "j1"),
        ("on_status_update", "j1"),
        ("on_job_complete", "j1"),
    ]


async def settled(told: Told) -> None:
    """Wait until the queue is worked off."""
    await asyncio.sleep(0)  # the worker starts
    if told.dispatcher._worker is not None:
        await asyncio.wait([told.dispatcher._worker])


async def test_nothing_is_called_from_within_the_one_who_tells(told: Told) -> None:
    told.dispatcher.job_changed("j1", RUNNING)

    assert told.news == []


async def test_updates_of_a_job_that_wait_are_joined_and_ends_are_not(told: Told) -> None:
    for _ in range(100):
        told.dispatcher.job_changed("j1", RUNNING)
        told.dispatcher.job_changed("j2", RUNNING)
    told.dispatcher.job_changed("j1", SUCCEEDED)
    told.dispatcher.job_changed("j2", FAILED)
    await told.dispatcher.drain()

    assert told.news == [
        ("on_status_update", "j1"),
        ("on_status_update", "j2"),
        ("on_job_complete", "j1"),
        ("on_job_error", "j2"),
    ]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (SUCCEEDED, "on_job_complete"),
        (FAILED, "on_job_error"),
        (JobStatus.TIMED_OUT, "on_job_error"),
        (JobStatus.LOST, "on_job_error"),
        (JobStatus.CANCELLED, None),
    ],
)
async def test_each_end_has_its_callback(told: Told, status: JobStatus, name: str | None) -> None:
    told.dispatcher.job_changed("j1", RUNNING)
    told.dispatcher.job_changed("j1", status)
    await told.dispatcher.drain()

    assert told.ends() == ([(name, "j1")] if name else [])
    assert ("on_status_update", "j1") in told.news


async def test_an_end_is_told_once(told: Told) -> None:
    told.dispatcher.job_changed("j1", RUNNING)
    told.dispatcher.job_changed("j1", SUCCEEDED)
    told.dispatcher.job_changed("j1", SUCCEEDED)
    told.dispatcher.submitted("j1", SUCCEEDED)
    told.dispatcher.heard("j1")
    told.dispatcher.job_changed("j1", SUCCEEDED)
    await told.dispatcher.drain()

    assert told.ends() == [("on_job_complete", "j1")]


async def test_what_is_found_ended_is_history_and_not_told(told: Told) -> None:
    told.dispatcher.job_changed("j1", SUCCEEDED)
    await told.dispatcher.drain()

    assert told.news == []


async def test_a_job_whose_first_news_is_the_event_of_its_end_is_told(told: Told) -> None:
    told.dispatcher.heard("j1")
    told.dispatcher.job_changed("j1", FAILED)
    await told.dispatcher.drain()

    assert told.ends() == [("on_job_error", "j1")]


async def test_a_job_that_ended_before_the_answer_to_its_submission_is_told(told: Told) -> None:
    told.dispatcher.job_changed("j1", SUCCEEDED)  # a question has found it
    told.dispatcher.submitted("j1", SUCCEEDED)
    await told.dispatcher.drain()

    assert told.ends() == [("on_job_complete", "j1")]


async def test_async_callbacks_are_awaited_one_after_the_other(told: Told) -> None:
    running: list[str] = []
    most: list[int] = []

    async def slow(job: str) -> None:
        running.append(job)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(job)

    told.dispatcher.add({"on_job_complete": slow})
    for number in range(5):
        told.dispatcher.submitted(f"j{number}", SUCCEEDED)
    await told.dispatcher.drain()

    assert most == [1] * 5


async def test_news_that_comes_while_a_slow_callback_runs_waits_and_is_joined(told: Told) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow(job: str) -> None:
        entered.set()
        await go.wait()

    told.dispatcher.add({"on_status_update": slow})
    told.dispatcher.job_changed("j1", RUNNING)
    await entered.wait()
    for _ in range(50):
        told.dispatcher.job_changed("j1", RUNNING)
    go.set()
    await told.dispatcher.drain()

    assert told.news == [("on_status_update", "j1")] * 2


async def test_what_a_callback_raises_is_logged_and_harms_nobody(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(job: str) -> None:
        raise ZeroDivisionError("of mine")

    async def fails_later(job: str) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("of mine, later")

    told.dispatcher.add({"on_job_complete": fails})
    told.dispatcher.add({"on_job_complete": fails_later})
    with caplog.at_level(logging.ERROR):
        told.dispatcher.submitted("j1", SUCCEEDED)
        told.dispatcher.submitted("j2", SUCCEEDED)
        await told.dispatcher.drain()

    assert told.ends() == [("on_job_complete", "j1"), ("on_job_complete", "j2")]
    assert caplog.text.count("the callback on_job_complete failed") == 4
    assert "of mine, later" in caplog.text


def test_what_a_callback_raises_shows_where_nobody_has_set_up_a_log() -> None:
    program = (
        "import asyncio; from jupyter_jobs.jobs.callbacks import _call\n"
        "asyncio.run(_call('on_job_complete', lambda job: 1 / 0, None))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert told.returncode == 0
    assert "the callback on_job_complete failed" in told.stderr
    assert "ZeroDivisionError" in told.stderr


async def test_a_callback_that_waited_for_something_cancelled_holds_up_no_other(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    async def waits(job: str) -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    told.dispatcher.add({"on_job_complete": waits})
    with caplog.at_level(logging.ERROR):
        told.dispatcher.submitted("j1", SUCCEEDED)
        told.dispatcher.submitted("j2", SUCCEEDED)
        await told.dispatcher.drain()

    assert told.ends() == [("on_job_complete", "j1"), ("on_job_complete", "j2")]
    assert caplog.text.count("the callback on_job_complete failed") == 2


def test_an_interrupt_that_hits_a_callback_holds_up_no_other() -> None:
    async def story() -> None:
        told, begun = Told(), asyncio.Event()

        async def waits(job: str) -> None:
            begun.set()
            await asyncio.sleep(0.01 if job == "j2" else 3600)

        told.dispatcher.add({"on_job_complete": waits})
        told.dispatcher.submitted("j1", SUCCEEDED)
        await begun.wait()
        told.dispatcher.submitted("j2", SUCCEEDED)
        interrupt("jupyter-jobs callbacks")
        await asyncio.sleep(0)
        await told.dispatcher.drain()

        assert told.ends() == [("on_job_complete", "j1"), ("on_job_complete", "j2")]

    run_through_interrupts(story())


async def test_callbacks_may_come_and_go(told: Told) -> None:
    late: list[str] = []
    told.dispatcher.job_changed("j1", RUNNING)
    remove = told.dispatcher.add({"on_job_complete": late.append, "on_job_error": None})
    told.dispatcher.job_changed("j1", SUCCEEDED)
    await settled(told)
    remove()
    remove()
    told.dispatcher.submitted("j2", SUCCEEDED)
    await told.dispatcher.drain()

    assert late == ["j1"]


async def test_a_callback_of_no_known_name_or_kind_is_refused(told: Told) -> None:
    with pytest.raises(
        InvalidCall, match=r"no callback 'on_done'; choose of on_job_complete, .*on_event"
    ):
        told.dispatcher.add({"on_done": print})
    with pytest.raises(InvalidCall, match="on_event must be a function, not 3"):
        told.dispatcher.add({"on_job_complete": told.news.append, "on_event": 3})

    told.dispatcher.submitted("j1", SUCCEEDED)
    await told.dispatcher.drain()
    assert told.ends() == [("on_job_complete", "j1")]


async def test_every_state_of_the_connection_and_every_number_is_told(told: Told) -> None:
    states = [ConnectionStatus(ConnectionState.CONNECTING), ConnectionStatus()]
    metric = Metric("submitted", 0.5, jobs=1)
    for state in states:
        told.dispatcher.connection_changed(state)
    told.dispatcher.measured(metric)
    await told.dispatcher.drain()

    assert told.news == [
        *(("on_connection_state_change", state) for state in states),
        ("on_event", metric),
    ]


async def test_news_from_another_thread_is_told_on_the_loops(told: Told) -> None:
    import threading

    threads: list[int] = []
    told.dispatcher.add({"on_job_complete": lambda _: threads.append(threading.get_ident())})
    await asyncio.to_thread(told.dispatcher.submitted, "j1", SUCCEEDED)
    await settled(told)
    await told.dispatcher.drain()

    assert threads == [threading.get_ident()]


async def test_after_the_drain_nothing_is_told(told: Told) -> None:
    await told.dispatcher.drain()
    told.dispatcher.submitted("j1", SUCCEEDED)
    await settled(told)
    await told.dispatcher.drain()

    assert told.news == []


async def test_a_callback_is_known_while_it_runs(told: Told) -> None:
    seen: list[bool] = []
    told.dispatcher.add({"on_job_error": lambda _: seen.append(told.dispatcher.is_calling)})
    told.dispatcher.submitted("j1", FAILED)
    await settled(told)

    assert seen == [True]
    assert not told.dispatcher.is_calling


async def test_a_callback_that_never_ends_does_not_hold_the_close(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_jobs.jobs.callbacks.DRAIN_S", 0.01)
    forever = asyncio.Event()
    told.dispatcher.add({"on_job_error": lambda _: forever.wait()})
    told.dispatcher.submitted("j1", FAILED)

    await told.dispatcher.drain()
    assert ("on_job_error", "j1") in told.news
