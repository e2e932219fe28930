"""Starts jobs when there is room, follows them, ends them, and picks up what an earlier backend left.

Each job has a folder, and a shim (`jupyter_jobs.worker`) that does the work and outlives this process. The shim's reports come through
a FIFO in that folder; its end is the end of the FIFO, and by then `outcome.json` says how it went. So a job that is
adopted is followed just as one that was started.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.executors import EXECUTORS, Submission
from jupyter_jobs.backend.repository import Body, Repository
from jupyter_jobs.jobs.embedded import process_started_at
from jupyter_jobs.worker.logfile import LogPage, LogReader
from jupyter_jobs.worker.outcome import read_json, write_json
from jupyter_jobs.worker.processes import job_processes, kill_all

__all__ = ["Runner", "Update"]

log = logging.getLogger("jupyter_jobs.backend")

Update = Callable[[dict[str, Any]], Awaitable[bool]]


@dataclass
class _Shim:
    """A job's shim; `process` is set if this backend started it."""

    pid: int
    started: int
    process: subprocess.Popen[bytes] | None = None

    def signal(self, number: int) -> None:
        if process_started_at(self.pid) == self.started:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass
class Runner:
    """The jobs that run on this machine.

    Args:
        repository: The jobs.
        folder: Of the backend's data; jobs have theirs in `jobs/<id>`.
        external: Whether named requests are left to workers elsewhere.
        slots: Jobs that run at a time.
    """

    repository: Repository
    folder: Path
    external: bool = field(kw_only=True)
    slots: int = field(kw_only=True)

    def __post_init__(self) -> None:
        self._shims: dict[str, _Shim] = {}
        self._followers: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._scheduler: asyncio.Task[None] | None = None

    @property
    def live(self) -> int:
        """Jobs that run or could."""
        return len(self._shims) + len(self.repository.next_queued(1, requests=not self.external))

    async def start(self, update: Update) -> None:
        """Adopt what is there and begin to start what waits.

        Args:
            update: Writes changes of a job as the mutation `updateJob` does, and publishes them; tells whether it could.
        """
        self._update = update
        for body in self.repository.live():
            await self._adopt(body)
        self._scheduler = asyncio.create_task(self._schedule(), name="scheduler")
        self.nudge()

    async def stop(self) -> None:
        """Follow no more; the jobs go on."""
        tasks = [*self._followers, *([self._scheduler] if self._scheduler else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self, submitted: Mapping[str, Any]) -> None:
        """See that a job can be accepted.

        Raises:
            Refusal: It cannot, and why.
        """
        kind = submitted["kind"]
        if kind != "REQUEST" or not self.external:
            await EXECUTORS[kind](Submission.read(submitted["request"], submitted["payload"]))

    def nudge(self) -> None:
        """Look whether a job can be started."""
        self._wanted.set()

    def kill(self, id_: str) -> None:
        """End a job: its shim asks the work to, and kills what does not listen. Nothing for jobs that run elsewhere."""
        if (shim := self._shims.get(id_)) is not None:
            shim.signal(signal.SIGTERM)

    def logs(self, id_: str, *, after: int | None, tail: int | None, limit: int) -> dict[str, Any]:
        """Return lines of a job's output as a `LogPage` of the schema."""
        reader = LogReader(self._folder(id_) / "log")
        ended = (
            self._folder(id_) / "outcome.json"
        ).exists()  # before reading: nothing follows if it was there
        page = (
            reader.tail(min(tail, limit))
            if tail is not None and after is None
            else reader.page(after or 0, limit)
        )
        return {**_log_page(page), "ended": ended and page.at_end}

    def result(self, id_: str) -> dict[str, str] | None:
        """Return a job's result in full as a `JobResult` of the schema, or None if there is none."""
        with suppress(FileNotFoundError):
            data = (self._folder(id_) / "result.pickle").read_bytes()
            return {"encoding": "pickle", "data": base64.b64encode(data).decode()}
        body = self.repository.get(id_)
        if body is None or body["status"] != "SUCCEEDED":
            return None
        text = body["result"]
        if text is None and body["resultSize"] is not None:
            text = json.dumps((read_json(self._folder(id_) / "outcome.json") or {}).get("result"))
        return {"encoding": "json", "data": base64.b64encode((text or "null").encode()).decode()}

    async def _schedule(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            free = self.slots - len(self._shims)
            for body in self.repository.next_queued(max(free, 0), requests=not self.external):
                await self._launch(body)

    async def _launch(self, body: Body) -> None:
        """Start a job's shim. The row knows its process before anything else happens, so that it is never forgotten."""
        id_ = body["id"]
        try:
            reports = self._spawn(body)
        except OSError as error:
            log.error("job %s could not be started", id_, exc_info=error)
            await self._lost(id_, f"it could not be started: {error.strerror or error}")
            return
        await self._update({"id": id_, "status": "RUNNING"})
        self._follow(id_, reports)

    def _spawn(self, body: Body) -> int:
        id_, folder = body["id"], self._folder(body["id"])
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        payload = json.loads(self.repository.payload(id_) or "{}")
        params = None if body["params"] is None else json.loads(body["params"])
        work = {"id": id_, "kind": body["kind"], "request": body["request"]}
        write_json(folder / "job.json", {**work, "params": params, "payload": payload})
        with suppress(FileExistsError):
            os.mkfifo(folder / "reports", 0o600)
        writer = os.open(folder / "reports", os.O_RDWR)
        try:
            reader = os.open(folder / "reports", os.O_RDONLY | os.O_NONBLOCK)
            with open(folder / "shim.log", "ab") as errors:
                process = subprocess.Popen(
                    [
                        payload.get("python") or sys.executable,
                        "-m",
                        "jupyter_jobs.worker",
                        str(folder),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=writer,
                    stderr=errors,
                    cwd=folder,
                    start_new_session=True,
                )
        finally:
            os.close(writer)
        started = process_started_at(process.pid) or 0
        self.repository.set_process(id_, process.pid, started)
        self._shims[id_] = _Shim(process.pid, started, process)
        return reader

    async def _adopt(self, body: Body) -> None:
        id_ = body["id"]
        known = self.repository.process(id_)
        if known is None:
            if body["status"] != "QUEUED" and not (self.external and body["kind"] == "REQUEST"):
                await self._lost(id_, "the backend ended before it was started")
            return
        try:
            fifo = self._folder(id_) / "reports"
            reports = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            # A FIFO that nobody has written to since it was opened never tells that it has ended (poll(2), POLLHUP):
            # if the shim is gone, this makes it tell.
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            await self._lost(id_, "its folder is gone")
            return
        log.info("adopting job %s", id_)
        self._shims[id_] = _Shim(*known)
        if body["status"] == "QUEUED":
            await self._update({"id": id_, "status": "RUNNING"})
        elif body["status"] == "CANCELLING":
            self.kill(id_)
        self._follow(id_, reports)

    def _follow(self, id_: str, reports: int) -> None:
        task = asyncio.create_task(self._until_ended(id_, reports), name=f"job {id_}")
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)

    async def _until_ended(self, id_: str, reports: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reports, "rb", buffering=0)
        )
        try:
            async for line in reader:
                with suppress(ValueError):
                    await self._update({"id": id_, **json.loads(line)})
        finally:
            transport.close()
        shim = self._shims[id_]
        if shim.process is not None:
            shim.process.wait()
        try:
            await self._settle(id_, shim)
        finally:
            del self._shims[id_]
            self.nudge()

    async def _settle(self, id_: str, shim: _Shim) -> None:
        outcome = read_json(self._folder(id_) / "outcome.json")
        if outcome is None:
            kill_all(job_processes(shim.pid))  # nobody watches over them any more
            body = self.repository.get(id_)
            if body is not None and body["status"] == "CANCELLING":  # before it could tell of it
                await self._update({"id": id_, "status": "CANCELLED"})
            else:
                await self._lost(id_, "the process that watched over it was killed")
            return
        changes: dict[str, Any] = {"id": id_, "status": outcome["status"]}
        for name in ("result", "error"):
            if outcome.get(name) is not None:
                changes[name] = json.dumps(outcome[name])
        if "resultSize" in outcome:
            changes["resultSize"] = outcome["resultSize"]
        if not await self._update(changes):
            await self._update(_in_short(changes))

    async def _lost(self, id_: str, reason: str) -> None:
        error = json.dumps({"type": "Lost", "message": reason})
        await self._update({"id": id_, "status": "LOST", "error": error})

    def _folder(self, id_: str) -> Path:
        return self.folder / "jobs" / id_


def _in_short(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the end of a job without what no event can carry; the result stays in `outcome.json`."""
    short = {name: value for name, value in changes.items() if name not in ("result", "error")}
    if "result" in changes:
        short["resultSize"] = len(changes["result"])
    if "error" in changes:
        error = json.loads(changes["error"])
        short["error"] = json.dumps(
            {**error, "message": error["message"][:500], "traceback": "", "log": []}
        )
    return short


def _log_page(page: LogPage) -> dict[str, Any]:
    lines = [
        {
            "seq": line.seq,
            "time": datetime.fromtimestamp(line.time_ms / 1000, UTC).isoformat(
                timespec="milliseconds"
            ),
            "stream": line.stream,
            "text": line.text,
        }
        for line in page.lines
    ]
    return {"lines": lines, "dropped": page.dropped}
