import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.widget import standin as standin_module
from jupyter_jobs.widget.standin import OVERDUE, StandIn
from tests.support.backend import PATIENCE_S


@contextmanager
def standing_in(
    catch_up: Callable[[], None], needed: Callable[[], bool] = lambda: True
) -> Iterator[StandIn]:
    standin = StandIn(asyncio.get_running_loop(), is_needed=needed, catch_up=catch_up)
    try:
        yield standin
    finally:
        standin.close()
        if standin._thread is not None:
            standin._thread.join(PATIENCE_S)
            assert not standin._thread.is_alive()


async def test_a_blocked_loop_is_stood_in_for() -> None:
    asked = threading.Event()
    with standing_in(asked.set) as standin:
        standin.ticked()

        assert asked.wait(PATIENCE_S)  # this very wait blocks the loop


async def test_a_job_that_comes_to_be_known_in_a_cell_is_followed_in_it() -> None:
    asked = threading.Event()
    live: list[str] = []
    with standing_in(asked.set, lambda: bool(live)) as standin:
        standin.job_changed("ended", JobStatus.SUCCEEDED)
        assert standin._thread is None
        live.append("retry")
        standin.job_changed("retry", JobStatus.QUEUED)

        assert asked.wait(PATIENCE_S)  # nothing has ticked


async def test_a_loop_that_ticks_is_left_alone_until_a_call_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, now = threading.Event(), [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(standin_module, "time", clock)
    with standing_in(asked.set) as standin:
        for _ in range(4):
            now[0] += 0.9 * OVERDUE
            standin.ticked()
            assert not asked.wait(0.2)

        with standin.blocking():
            assert asked.wait(PATIENCE_S)


async def test_a_call_on_another_thread_blocks_nothing() -> None:
    with standing_in(lambda: None) as standin:
        entered: list[int] = []

        def wait_elsewhere() -> None:
            with standin.blocking():
                entered.append(standin._entered)

        await asyncio.to_thread(wait_elsewhere)

        assert entered == [0]


async def test_one_failure_does_not_end_the_service() -> None:
    calls: list[int] = []
    again = threading.Event()

    def catch_up() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("network is down")
        again.set()

    with standing_in(catch_up) as standin, standin.blocking():
        assert again.wait(PATIENCE_S)


async def test_without_live_jobs_nobody_asks() -> None:
    needed = False
    asked = threading.Event()
    with standing_in(asked.set, lambda: needed) as standin:
        with standin.blocking():
            assert not asked.wait(0.3)
            needed = True
            standin.wake()

            assert asked.wait(PATIENCE_S)


async def test_an_interrupted_call_blocks_no_longer() -> None:
    with standing_in(lambda: None) as standin:
        with pytest.raises(KeyboardInterrupt), standin.blocking(), standin.blocking():
            raise KeyboardInterrupt

        assert standin._entered == 0


async def test_a_thread_whose_start_was_interrupted_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Event()
    start = threading.Thread.start

    def interrupted(_: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        raise KeyboardInterrupt

    with standing_in(asked.set) as standin:
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            with standin.blocking():
                raise AssertionError("the call is not entered")
        assert standin._entered == 0
        with standin.blocking():
            assert asked.wait(PATIENCE_S)


async def test_what_fails_because_all_ends_is_not_lamented(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entered, closed = threading.Event(), threading.Event()

    def catch_up() -> None:
        entered.set()
        closed.wait(PATIENCE_S)
        raise OSError("the comm is closed")

    with standing_in(catch_up) as standin:
        with standin.blocking():
            assert entered.wait(PATIENCE_S)
        standin.close()
        standin.close()
        closed.set()

    assert caplog.records == []


async def test_a_closed_one_starts_no_thread() -> None:
    with standing_in(lambda: None) as standin:
        standin.close()
        standin.wake()
        with standin.blocking():
            assert standin._thread is None
