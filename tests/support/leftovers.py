"""What a test may leave behind: nothing that is ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

import jupyter_jobs

__all__ = ["nothing_left"]

_PACKAGE = str(Path(jupyter_jobs.__file__).parent)
_PROCESS = psutil.Process()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Run a block that must end its threads, its tasks and its sockets."""
    before = _threads() | _tasks() | _sockets()
    yield
    left = (_threads() | _tasks() | _sockets()) - before
    assert not left, f"left behind: {', '.join(sorted(map(str, left)))}"


def _threads() -> set[object]:
    return {thread for thread in threading.enumerate() if not thread.daemon}


def _tasks() -> set[object]:
    """Return the tasks of ours that go on, on whatever loop."""
    return {
        task
        for task in _all_tasks()
        if not task.done()
        and not task.get_loop().is_closed()
        and task.get_coro().cr_code.co_filename.startswith(_PACKAGE)  # type: ignore[union-attr]
    }


def _all_tasks() -> list[asyncio.Task[object]]:
    names = ("_all_tasks", "_scheduled_tasks", "_eager_tasks")  # until Python 3.11, and since
    return [task for name in names for task in list(getattr(asyncio.tasks, name, ()))]


def _sockets() -> set[object]:
    return {
        f"a socket from {_address(connection.laddr)} to {_address(connection.raddr)}"
        for connection in _PROCESS.net_connections("tcp")
    }


def _address(pair: tuple[str, int] | tuple[()]) -> str:
    return ":".join(map(str, pair))
