import asyncio
import contextvars
import gc
import logging
import subprocess
import sys
import threading

import pytest

from jupyter_jobs._loop import Tasks, call_soon, loop_thread
from tests.support.interrupts import interrupt, run_through_interrupts

CELL = contextvars.ContextVar("CELL", default="none")


async def test_a_task_does_not_belong_to_the_cell_that_started_it() -> None:
    CELL.set("the first")

    async def look() -> str:
        return CELL.get()

    assert await Tasks(asyncio.get_running_loop()).spawn(look(), name="look") == "none"


async def test_a_task_that_only_its_owner_knows_is_kept() -> None:
    tasks = Tasks(asyncio.get_running_loop())
    ended = asyncio.Event()
    waiters: list[asyncio.Future[None]] = []

    async def work() -> None:
        waiters.append(asyncio.get_running_loop().create_future())
        await waiters[0]
        ended.set()

    tasks.spawn(work(), name="work")
    await asyncio.sleep(0)
    gc.collect()
    waiters.pop().set_result(None)

    await ended.wait()


async def test_a_failure_that_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks(asyncio.get_running_loop())

    async def fail() -> None:
        raise OSError("disk is full")

    with caplog.at_level(logging.ERROR):
        await asyncio.wait([tasks.spawn(fail(), name="saving")])
        await asyncio.sleep(0)

    [record] = caplog.records
    assert record.getMessage() == "the background task saving failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "disk is full"


async def test_cancelling_waits_until_all_have_ended_and_spares_the_caller() -> None:
    tasks = Tasks(asyncio.get_running_loop())
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    async def close() -> None:
        await tasks.cancel()
        ended.append("close")

    tasks.spawn(work(), name="work")
    await asyncio.sleep(0)
    await tasks.spawn(close(), name="close")

    assert ended == ["work", "close"]


async def test_a_call_from_another_thread_runs_on_the_loop_in_no_cells_context() -> None:
    loop = asyncio.get_running_loop()
    called: asyncio.Future[tuple[int, str, str]] = loop.create_future()

    def call(word: str) -> None:
        called.set_result((threading.get_ident(), CELL.get(), word))

    def elsewhere() -> None:
        CELL.set("the second")
        call_soon(loop, call, "hello")

    thread = threading.Thread(target=elsewhere)
    thread.start()

    assert await called == (threading.get_ident(), "none", "hello")
    thread.join()


def test_a_call_to_a_closed_loop_does_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    called: list[int] = []

    call_soon(loop, called.append, 1)
    assert called == []


def test_a_process_has_one_background_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        loops.append(loop_thread())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(loops) == 4
    assert len(set(loops)) == 1
    assert loops[0].is_running()
    assert [t.daemon for t in threading.enumerate() if t.name == "jupyter-jobs-loop"] == [True]


def test_the_background_loop_keeps_no_process_from_ending() -> None:
    program = (
        "import asyncio, jupyter_jobs._loop as l; "
        "asyncio.run_coroutine_threadsafe(asyncio.sleep(3600), l.loop_thread())"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=50)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_what_is_kept_begins_again_after_an_interrupt_until_it_is_stopped() -> None:
    async def story() -> None:
        begun = asyncio.Semaphore(0)
        tasks = Tasks(asyncio.get_running_loop())

        async def work() -> None:
            begun.release()
            await asyncio.Event().wait()

        stop = tasks.keep(work, name="work")
        for _ in range(3):
            await begun.acquire()
            interrupt("work")
        await begun.acquire()
        stop()
        await tasks.cancel()

        assert begun.locked()

    run_through_interrupts(story())


def test_an_interrupt_that_comes_with_the_stop_begins_nothing() -> None:
    async def story() -> None:
        tasks = Tasks(asyncio.get_running_loop())
        stop = tasks.keep(asyncio.Event().wait, name="work")
        await asyncio.sleep(0)
        interrupt("work")
        asyncio.get_running_loop().call_soon(stop)
        await asyncio.sleep(0.01)

        assert [task for task in asyncio.all_tasks() if task.get_name() == "work"] == []

    run_through_interrupts(story())


def test_an_interrupt_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        Tasks(asyncio.get_running_loop()).spawn(asyncio.Event().wait(), name="work")
        await asyncio.sleep(0)
        interrupt("work")
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO):
        run_through_interrupts(story())

    assert [record.levelname for record in caplog.records if "work" in record.getMessage()] == [
        "INFO"
    ]
