"""The process between the backend and a job's work.

One thread, one selector. It forks the work, pumps what it prints into the log, passes on what it reports, ends it
when told to (SIGTERM), and writes `outcome.json` last of all. It stays small and imports the standard library only:
every job has one.

stdout is the FIFO `reports` of the job's folder, opened for reading *and* writing: writing never fails while nobody
reads, and a backend that was started again finds the same stream. What does not fit is dropped, for a newer report
follows. The end of the FIFO, as the backend sees it, is the end of this process.
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
from jupyter_jobs.worker.logfile import LogWriter
from jupyter_jobs.worker.processes import adopt_orphans, job_processes, kill_all
from jupyter_jobs.worker.runners import Work
from jupyter_jobs.worker.work import become_work, read_work

__all__ = ["supervise"]

REPORT_INTERVAL_S = 0.1
LINE_AS_MESSAGE_INTERVAL_S = 0.5
_DRAIN_S = 0.5  # how long output may follow the end of the work, from processes it left behind
_CANCEL_POLL_S = 0.05
_CHUNK = 64 * 1024
_MESSAGE_LIMIT = 500
_NUMBERS = ("progress", "done", "total")


def supervise(folder: Path) -> None:
    """Do the job in `folder` and return when it has ended."""
    work = read_work(folder)
    outcome.write_json(folder / "shim.json", {"pid": os.getpid()})
    adopt_orphans()
    wakeup, alarm = os.pipe()
    for descriptor in (wakeup, alarm, 1):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    terms: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: terms.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    pipes = {name: os.pipe() for name in ("o", "e", "reports")}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, [signal.SIGTERM]
    )  # until the fork has a handler of its own
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        os.setpgid(0, 0)
        for descriptor in (wakeup, alarm, *(reader for reader, _ in pipes.values())):
            os.close(descriptor)
        become_work(work, (pipes["o"][1], pipes["e"][1]), pipes["reports"][1])
    with contextlib.suppress(OSError):  # the fork does the same; whoever comes first
        os.setpgid(child, child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    with selectors.DefaultSelector() as selector:
        for name, (reader, writer) in pipes.items():
            os.close(writer)
            os.set_blocking(reader, False)
            selector.register(reader, selectors.EVENT_READ, name)
        selector.register(wakeup, selectors.EVENT_READ, "wakeup")
        _Shim(work, child, selector, terms).run()


class _Shim:
    def __init__(
        self, work: Work, child: int, selector: selectors.BaseSelector, terms: list[int]
    ) -> None:
        self._work = work
        self._child = child
        self._selector = selector
        self._terms = terms
        self._log = LogWriter(work.folder / "log", work.log_limit)
        self._reports = _Reports()
        self._open_streams = {"o", "e"}
        self._status: int | None = None
        self._drain_until = math.inf
        self._kill_at: float | None = None
        self._interrupted = False

    def run(self) -> None:
        while not self._has_ended():
            for key, _ in self._selector.select(self._patience()):
                self._read(key)
            self._reap()
            if self._terms:
                self._end_work()
            self._reports.send(time.monotonic(), self._log.last_line)
        if self._status is not None and self._status < 0:
            kill_all(self._left_over())
        self._log.close(_now_ms())
        self._reports.send(math.inf, self._log.last_line)
        outcome.write_json(self._work.folder / "outcome.json", self._outcome())

    def _has_ended(self) -> bool:
        if self._status is None or (self._terms and self._left_over()):
            return False
        return not self._open_streams or time.monotonic() >= self._drain_until

    def _patience(self) -> float | None:
        """Seconds until something is due, None for as long as it takes."""
        now = time.monotonic()
        due = [self._drain_until, self._reports.due(self._log.last_line)]
        if self._terms:
            due.append(now + _CANCEL_POLL_S)
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
        if not data:
            self._selector.unregister(descriptor)
            self._open_streams.discard(key.data)
        elif key.data == "reports":
            self._reports.feed(data)
        else:
            self._log.feed(key.data, data, _now_ms())

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
            self._kill_at = now + self._work.grace
            self._interrupted = self._status is None
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGTERM)
        elif now >= self._kill_at:
            kill_all(self._left_over())

    def _left_over(self) -> set[int]:
        return job_processes(os.getpid(), self._child)

    def _outcome(self) -> dict[str, Any]:
        assert self._status is not None
        reported = outcome.read_json(self._work.folder / "work.json")
        if reported is None:
            unfinished = "" if self._work.kind == "COMMAND" else "the work was done"
            error = outcome.describe_exit(self._status, unfinished=unfinished)
            if self._interrupted:  # a program may well exit with 0 when it is asked to end
                reported = {"status": "CANCELLED"}
            elif error is None:
                reported = {"status": "SUCCEEDED", "result": 0}
            else:
                reported = {"status": "FAILED", "error": error}
        if reported["status"] == "FAILED":
            if self._interrupted:
                return {"status": "CANCELLED"}
            reported["error"] = outcome.fit_error(reported["error"], self._log.tail)
        return reported


class _Reports:
    """What the work has said last, and when that is to be passed on."""

    def __init__(self) -> None:
        self._partial = b""
        self._state: dict[str, Any] = {}
        self._dirty = False
        self._sent_at = -math.inf
        self._speaks = False
        self._line = ""
        self._line_sent_at = -math.inf

    def feed(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            report = _read_report(line)
            if report:
                self._state.update(report)
                self._dirty = True
                self._speaks = self._speaks or "message" in report

    def due(self, last_line: str) -> float:
        """When `send` has something to do; infinity if nothing is new."""
        due = self._sent_at + REPORT_INTERVAL_S if self._dirty else math.inf
        if not self._speaks and last_line != self._line:
            due = min(
                due,
                max(
                    self._line_sent_at + LINE_AS_MESSAGE_INTERVAL_S,
                    self._sent_at + REPORT_INTERVAL_S,
                ),
            )
        return due

    def send(self, now: float, last_line: str) -> None:
        """Pass on what is new, if it is time; at the time infinity in any case."""
        if self.due(last_line) > now:
            return
        if not self._speaks and last_line != self._line:
            self._line, self._line_sent_at, self._dirty = last_line, now, True
            self._state["message"] = last_line[:_MESSAGE_LIMIT]
        if not self._dirty:
            return
        try:
            os.write(1, json.dumps(self._state).encode() + b"\n")
            self._dirty = False
        except BlockingIOError:  # no backend is reading; it would get stale news
            pass
        self._sent_at = now


def _read_report(line: bytes) -> dict[str, Any]:
    """Return what can be used of a report: anything may be written to that pipe."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(report, dict):
        return {}
    kept: dict[str, Any] = {
        name: float(report[name])
        for name in _NUMBERS
        if type(report.get(name)) in (int, float) and math.isfinite(report[name])
    }
    if "progress" in kept:
        kept["progress"] = min(max(kept["progress"], 0.0), 1.0)
    if isinstance(report.get("message"), str):
        text = report["message"][:_MESSAGE_LIMIT]
        kept["message"] = text.encode(
            "utf-8", "replace"
        ).decode()  # half a surrogate pair cannot be stored
    return kept


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
