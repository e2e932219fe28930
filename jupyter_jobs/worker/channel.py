"""The work's end of what it says to its shim: as often as it likes, at next to no cost.

What was said last is kept here and sent in short lines of JSON. A few reports go out at once; then the newest goes out
`INTERVAL_S` later, from a thread that lives just as long. So a loop of a million reports sends twenty a second, and
the last one always arrives, even if the work says nothing more for an hour.

Writing never blocks: what the pipe does not take now is sent later, or replaced by newer news.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_jobs.worker.metrics import NAME_LIMIT, Point

__all__ = ["INTERVAL_S", "Channel"]

INTERVAL_S = 0.05  # twice as often as the shim passes reports on
_BURST = 10  # reports that go out at once, after a while of silence
_LINE_LIMIT = select.PIPE_BUF  # bytes that are written in full or not at all, whoever else writes
_POINTS_LIMIT = 200  # of one interval; of more, every second one is left out
_PATIENCE_S = 2.0  # for the last words, when the shim is busy

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_UNSAID: tuple[float | None, float | None, float | None] = (None, None, None)


class Channel:
    """Sends to a FIFO; silent where nobody reads it.

    Set what is new and, unless it is `waiting`, `nudge` it. This takes no lock: a sender that takes `waiting` back
    looks at the news after that. All may be used from any thread, and from processes that were forked.

    Args:
        fifo: Its path.
        outline: Whether to say of all news that they count only as far as nothing more exact is said.

    Attributes:
        numbers: `done`, `total` and `progress`, each null if not said. Compared by identity: set a new tuple each time.
        message: What the work is doing.
        waiting: Whether somebody will look at the news anyway.
    """

    def __init__(self, fifo: Path, *, outline: bool = False) -> None:
        self._outline = outline
        self.numbers = self._sent_numbers = _UNSAID
        self.message: str | None = None
        self.waiting = False
        self._sent_message: str | None = None
        self._points: list[Point] = []
        self._stride = self._passed = 0
        self._tokens = float(_BURST)
        self._refilled_at = time.monotonic()
        self._lock = threading.RLock()  # a signal's handler may report too
        self._ends_in: int | None = None  # the process whose end is looked after
        try:
            self._file = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # the shim is gone, and the work has outlived it
            self._file = -1
        os.register_at_fork(after_in_child=self._forked)

    def measured(self, step: float | None, values: Mapping[str, float | None]) -> None:
        """Send a point. Of more than 200 in an interval only an even choice is sent."""
        self._passed += 1
        if self._passed < self._stride:
            return
        with self._lock:
            self._passed = 0
            self._points.append((time.time_ns() // 1_000_000, step, values))
            if len(self._points) > _POINTS_LIMIT:
                del self._points[1:-1:2]
                self._stride = max(2 * self._stride, 2)
        if not self.waiting:
            self.nudge()

    def nudge(self) -> None:
        """Send what is new, now or in a moment."""
        with self._lock:
            if self.waiting:
                return
            now = time.monotonic()
            self._tokens = min(_BURST, self._tokens + (now - self._refilled_at) / INTERVAL_S)
            self._refilled_at = now
            if self._tokens >= 1:
                self._tokens -= 1
                if self._send():
                    return
            self.waiting = True
            self._look_after_the_end()
            try:
                threading.Thread(target=self._send_later, name="jupyter_jobs", daemon=True).start()
            except RuntimeError:  # no more threads, or the process is ending: `flush` sends it
                self.waiting = False

    def flush(self) -> None:
        """Send what is left before the process ends, and wait a little where the pipe is full."""
        deadline = time.monotonic() + _PATIENCE_S
        with self._lock:
            while self._file >= 0 and not self._send():
                patience = deadline - time.monotonic()
                if patience <= 0 or not select.select([], [self._file], [], patience)[1]:
                    return

    def _send_later(self) -> None:
        while self.waiting:
            time.sleep(INTERVAL_S)
            with self._lock:
                self._tokens -= 1
                self.waiting = False
                self.waiting = not self._send()

    def _send(self) -> bool:
        """Write what is new; False if something is left because the pipe is full."""
        self._stride = self._passed = 0
        while self._points:
            line, count = _line_of(self._points)
            if not self._write(line):
                return False
            del self._points[:count]
        numbers, message = self.numbers, self.message
        news: dict[str, Any] = {}
        if numbers is not self._sent_numbers:
            named = zip(("done", "total", "progress"), numbers, strict=True)
            news = {name: value for name, value in named if value is not None}
        if message is not self._sent_message:
            news["message"] = message
        if news and self._outline:
            news["outline"] = True
        if news and not self._write(_dump(news) + b"\n"):
            return False
        self._sent_numbers, self._sent_message = numbers, message
        return True

    def _write(self, line: bytes) -> bool:
        try:
            if self._file >= 0:
                os.write(self._file, line)
        except BlockingIOError:
            return False
        except OSError:  # the shim is gone; the work goes on
            os.close(self._file)
            self._file = -1
        return True

    def _look_after_the_end(self) -> None:
        if self._ends_in != os.getpid():
            self._ends_in = os.getpid()
            atexit.register(self.flush)
            if util := sys.modules.get("multiprocessing.util"):  # its processes end without atexit
                util.Finalize(None, self.flush, exitpriority=0)

    def _forked(self) -> None:
        """Start anew in a forked process: what the parent has yet to say, the parent says."""
        self._lock = threading.RLock()
        self._sent_numbers, self._sent_message = self.numbers, self.message
        self._points = []
        self.waiting = False


def _line_of(points: list[Point]) -> tuple[bytes, int]:
    """Return a line of as many points as one write takes, and how many these are; a long one is split up."""
    room = _LINE_LIMIT - len(b'{"points":[]}\n')
    taken: list[bytes] = []
    for point in points:
        dumped = _dump(point)
        room -= len(dumped) + 1
        if room < 0:
            break
        taken.append(dumped)
    if not taken:
        time_ms, step, values = points[0]
        named = [(name[:NAME_LIMIT], value) for name, value in values.items()]
        half = len(named) // 2
        points[:1] = [(time_ms, step, dict(part)) for part in (named[:half], named[half:])]
        return _line_of(points)
    return b'{"points":[%s]}\n' % b",".join(taken), len(taken)


def _dump(value: Any) -> bytes:
    return _encode(value).encode("utf-8", "replace")
