from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_jobs.appsync.timing import LATE_S, PatientTimer, Timing


async def test_a_deadline_that_comes_in_time_is_kept() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    timer = PatientTimer(loop, rung.set)

    timer.set(loop.time() + 100)
    timer.set(loop.time() + 0.01)

    await rung.wait()


async def test_a_deadline_that_was_taken_back_does_not_ring() -> None:
    loop, rung, end = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    timer = PatientTimer(loop, rung.set)
    timer.set(loop.time() + 0.01)
    timer.set(None)
    loop.call_later(0.02, end.set)

    await end.wait()

    assert not rung.is_set()


@pytest.mark.usefixtures("short_grace")
async def test_a_deadline_that_finds_the_loop_late_lets_it_read_first() -> None:
    loop = asyncio.get_running_loop()
    told: list[str] = []
    rung = asyncio.Event()
    timer = PatientTimer(loop, lambda: (told.append("judged"), rung.set()))
    deadline = loop.time() + 0.01
    timer.set(deadline)
    time.sleep(LATE_S + 0.1)  # noqa: ASYNC251  the cell that blocks
    loop.call_later(0.03, told.append, "read")
    loop.call_later(0.05, timer.set, deadline)

    await rung.wait()

    assert told == ["read", "judged"]


def test_a_socket_is_replaced_an_hour_before_the_service_closes_it() -> None:
    assert Timing().recycle_after_s == 23 * 3600
