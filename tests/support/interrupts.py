"""Interrupts by the user, as a kernel delivers them: into whichever task its loop runs at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["interrupt", "run_through_interrupts"]


def run_through_interrupts(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end on a loop of its own, which goes on after each interrupt as a kernel's does."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(main)
    try:
        while not task.done():
            try:
                loop.run_until_complete(task)
            except KeyboardInterrupt:
                continue
        task.result()
    finally:
        loop.close()


def interrupt(name: str) -> None:
    """Raise KeyboardInterrupt in the one task of that name, at the place where it waits."""
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == name]
    waits_for = task._fut_waiter  # type: ignore[attr-defined]  # nothing public raises in a task
    while isinstance(waits_for, asyncio.Task):
        waits_for = waits_for._fut_waiter  # type: ignore[attr-defined]
    if waits_for is None:  # it is about to run
        asyncio.get_running_loop().call_soon(interrupt, name)
    else:
        waits_for.set_exception(KeyboardInterrupt())
