"""A job without a backend: a folder, a real shim, and whoever reads its reports."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cloudpickle

from jupyter_jobs.worker.processes import job_processes, kill_all

__all__ = ["RunningShim", "function", "run_shim", "running_shim"]

JOB = "job-1"
PATIENCE_S = 30.0 * float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))


@dataclass
class RunningShim:
    """A shim at work.

    Attributes:
        folder: Of the job.
        process: The shim's.
        reports: What it says, line by line, until it ends.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    reports: IO[str]

    def report(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a report that is wanted; earlier ones are lost."""
        for line in self.reports:
            if wanted(report := json.loads(line)):
                return report
        raise AssertionError(f"it ended without that report: {self.outcome()}")

    def message(self, text: str) -> dict[str, Any]:
        """Wait until the job says `text`."""
        return self.report(lambda report: report.get("message") == text)

    def remaining(self) -> list[dict[str, Any]]:
        """All reports until it ends."""
        return [json.loads(line) for line in self.reports]

    def outcome(self) -> dict[str, Any]:
        """Wait for the end; how it ended."""
        self.reports.read()
        self.process.wait(PATIENCE_S)
        return json.loads((self.folder / "outcome.json").read_bytes())

    def cancel(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def processes(self) -> set[int]:
        """Everything that lives of the job, without the shim."""
        return job_processes(JOB, self.process.pid)


def function(call: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """The payload of a call."""
    return {"function": base64.b64encode(cloudpickle.dumps((call, args, {}))).decode()}


@contextmanager
def running_shim(
    folder: Path,
    kind: str,
    payload: dict[str, Any],
    *,
    env: dict[str, str] | None = None,
    **job: Any,
) -> Iterator[RunningShim]:
    """Start a job for a block; afterwards nothing of it is left."""
    folder.mkdir(exist_ok=True)
    described = {"id": JOB, "request": "a test", "params": None, **job}
    (folder / "job.json").write_text(json.dumps({**described, "kind": kind, "payload": payload}))
    os.mkfifo(folder / "reports")
    writer = os.open(folder / "reports", os.O_RDWR)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_jobs.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            cwd=folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        reports = (folder / "reports").open(encoding="utf-8")
    finally:
        os.close(writer)
    try:
        with reports:
            yield RunningShim(folder, process, reports)
    finally:
        kill_all(job_processes(JOB, process.pid))
        process.kill()
        process.wait()


def run_shim(folder: Path, kind: str, payload: dict[str, Any], **job: Any) -> dict[str, Any]:
    """Run a job to its end; how it ended."""
    with running_shim(folder, kind, payload, **job) as shim:
        return shim.outcome()
