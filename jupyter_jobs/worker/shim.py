"""The process between the backend and a job's work.

One thread, one selector. It forks the work, pumps what it prints into the log, passes on what it reports, ends it
when told to (SIGTERM), and writes `outcome.json` last of all. It stays small and imports the standard library only:
every job has one.

stdout is the FIFO `reports` of the job's folder, opened for reading *and* writing: writing never fails while nobody
reads, and a backend that was started again finds the same stream. What does not fit is dropped, for a newer report
follows. The end of the FIFO, as the backend sees it, is the end of this process.

A full disk, or a system that has no more to give, is waited out: work that cannot be begun now is not begun, and the
report `unbegun` says why; work that runs goes on without its log; how it ended is written when there is room.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import time
from pathlib import Path
from typing import Any

from jupyter_jobs.worker import outcome
from jupyter_jobs.worker.job import FIFO
from jupyter_jobs.worker.logfile import LogWriter
from jupyter_jobs.worker.marks import hold_mark
from jupyter_jobs.worker.metrics import MetricsWriter
from jupyter_jobs.worker.processes import (
    adopt_orphans,
    job_processes,
    kill_all,
    present_process,
)
from jupyter_jobs.worker.reports import Reports, read_report
from jupyter_jobs.worker.runners import Work
from jupyter_jobs.worker.stacks import forget_stack, read_stack
from jupyter_jobs.worker.work import become_work, read_work

__all__ = ["supervise", "time_limit"]

_DRAIN_S = 0.5  # how long output may follow the end of the work, from processes it left behind
_CANCEL_POLL_S = 0.05
_CHUNK = 64 * 1024


def supervise(folder: Path) -> None:
    """Do the job in `folder` and return when it has ended."""
    os.set_blocking(1, False)
    try:
        work = read_work(folder)
        wakeup, alarm = os.pipe()
        with contextlib.suppress(FileExistsError):  # from an earlier run
            os.mkfifo(folder / FIFO, 0o600)
        said = os.open(folder / FIFO, os.O_RDWR | os.O_NONBLOCK)  # to write as well: it never ends
        pipes = {name: os.pipe() for name in ("o", "e")}
        outcome.forget(folder)
        forget_stack(folder)
        outcome.write_json(folder / "shim.json", present_process()._asdict())
    except OSError as error:
        _say_unbegun(error)
        return
    adopt_orphans()
    hold_mark(folder)  # before the fork, so that there is no work without it
    for descriptor in (wakeup, alarm):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    terms: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: terms.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(
        signal.SIG_BLOCK, [signal.SIGTERM]
    )  # until the fork has a handler of its own
    try:
        child = os.fork()
    except OSError as error:
        (folder / "shim.json").unlink()
        _say_unbegun(error)
        return
    if child == 0:
        signal.set_wakeup_fd(-1)
        os.setpgid(0, 0)
        for descriptor in (wakeup, alarm, said, *(reader for reader, _ in pipes.values())):
            os.close(descriptor)
        become_work(work, (pipes["o"][1], pipes["e"][1]))
    with contextlib.suppress(OSError):  # the fork does the same; whoever comes first
        os.setpgid(child, child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    with selectors.DefaultSelector() as selector:
        for name, (reader, writer) in pipes.items():
            os.close(writer)
            os.set_blocking(reader, False)
            selector.register(reader, selectors.EVENT_READ, name)
        selector.register(wakeup, selectors.EVENT_READ, "wakeup")
        selector.register(said, selectors.EVENT_READ, "said")
        _Shim(work, child, selector, terms).run()


def _say_unbegun(error: OSError) -> None:
    line = json.dumps({"unbegun": error.strerror or str(error), "errno": error.errno})
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode())


class _Shim:
    def __init__(
        self, work: Work, child: int, selector: selectors.BaseSelector, terms: list[int]
    ) -> None:
        self._work = work
        self._child = child
        self._selector = selector
        self._terms = terms
        self._log = LogWriter(work.folder / "log", work.log_limit, self._hear)
        self._metrics = MetricsWriter(work.folder / "metrics")
        self._reports = Reports(self._metrics, self._log.news)
        self._open_streams = {"o", "e"}
        self._status: int | None = None
        self._drain_until = math.inf
        self._timeout = time_limit(work)
        self._time_out_at = time.monotonic() + self._timeout
        self._kill_at: float | None = None
        self._interrupted = ""  # the status that this leads to

    def run(self) -> None:
        if self._work.run > 1:
            runs = max(self._work.run, int(self._work.rules.get("retries") or 0) + 1)
            line = f"--- run {self._work.run} of {runs} ---\n"
            self._log.feed("e", line.encode(), _now_ms())
        while not self._has_ended():
            for key, _ in self._selector.select(self._patience()):
                self._read(key)
            self._reap()
            if self._terms or time.monotonic() >= self._time_out_at:
                self._end_work()
            self._reports.send(time.monotonic())
        if self._status is not None and self._status < 0:
            kill_all(self._left_over())
        self._read_last_words()
        self._log.close(_now_ms())
        self._metrics.close()
        outcome.persist(
            lambda: outcome.write_json(self._work.folder / "outcome.json", self._outcome()),
            self._say_full,
        )
        self._log.close(_now_ms())
        self._reports.close()

    def _say_full(self, message: str) -> None:
        self._reports.take({"message": message})
        self._reports.send(math.inf)

    def _has_ended(self) -> bool:
        if self._status is None or (self._kill_at is not None and self._left_over()):
            return False
        return not self._open_streams or time.monotonic() >= self._drain_until

    def _patience(self) -> float | None:
        """Seconds until something is due, None for as long as it takes."""
        now = time.monotonic()
        due = [self._drain_until, self._reports.due]
        if self._kill_at is not None:
            due.append(now + _CANCEL_POLL_S)
        elif self._status is None:
            due.append(self._time_out_at)
        patience = max(min(due) - now, 0.0)
        return None if math.isinf(patience) else patience

    def _read(self, key: selectors.SelectorKey) -> None:
        descriptor = key.fd
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if key.data == "wakeup":
            return
        if key.data == "said":
            self._reports.feed(data)
        elif data:
            self._log.feed(key.data, data, _now_ms())
            self._reports.printed()
        else:
            self._selector.unregister(descriptor)
            self._open_streams.discard(key.data)

    def _hear(self, said: bytes) -> bool:
        """Take in what a program said by a line on stdout, if it says anything."""
        report = read_report(said)
        self._reports.take(report)
        return bool(report)

    def _read_last_words(self) -> None:
        """Read what the work said right before its end."""
        for key in self._selector.get_map().values():
            if key.data == "said":
                with contextlib.suppress(BlockingIOError):
                    while data := os.read(key.fd, _CHUNK):
                        self._reports.feed(data)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                self._status = os.waitstatus_to_exitcode(status)
                self._drain_until = time.monotonic() + _DRAIN_S

    def _end_work(self) -> None:
        """Ask the work's group to end; when the grace is over, kill whatever is left of the job."""
        now = time.monotonic()
        if self._kill_at is None:
            if self._status is not None and not self._terms:
                return  # it has ended in time
            self._kill_at = now + self._work.grace
            if self._status is None:
                self._interrupted = "CANCELLED" if self._terms else "TIMED_OUT"
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGTERM)
        elif now >= self._kill_at:
            kill_all(self._left_over())

    def _left_over(self) -> set[int]:
        return job_processes(self._work.id, os.getpid(), self._child)

    def _outcome(self) -> dict[str, Any]:
        run = {} if self._work.run == 1 else {"run": self._work.run}
        return {**self._verdict(), **run}

    def _verdict(self) -> dict[str, Any]:
        assert self._status is not None
        reported = outcome.read_json(self._work.folder / "work.json")
        if reported is not None and reported["status"] == "SUCCEEDED":
            return reported  # it was done before it could be told to end
        if self._interrupted == "CANCELLED":
            return {"status": "CANCELLED"}
        if self._interrupted:
            error = outcome.describe_timeout(self._timeout)
            if stack := read_stack(self._work.folder):
                error["traceback"] = f"{stack}{error['type']}: {error['message']}\n"
            return {"status": "TIMED_OUT", "error": outcome.fit_error(error, self._log.tail)}
        if reported is not None:
            error = reported["error"]
        else:
            unfinished = "" if self._work.kind == "COMMAND" else "the work was done"
            described = outcome.describe_exit(self._status, unfinished=unfinished)
            if described is None:
                return {"status": "SUCCEEDED", "result": 0}
            error = described
        return {"status": "FAILED", "error": outcome.fit_error(error, self._log.tail)}


def time_limit(work: Work) -> float:
    """Return the seconds that a run may take, infinity if it may take for ever."""
    limit: Any = work.rules.get("timeout")
    return float(limit) if type(limit) in (int, float) and limit > 0 else math.inf


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
