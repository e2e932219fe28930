"""What the work sees of its own job: its parameters, and a way to say how far it is.

Reports are JSON lines on a pipe that the shim reads. Outside a job everything here does nothing, so that the same
function runs in a notebook and in a job.
"""

from __future__ import annotations

import functools
import json
import numbers
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["DIR_VARIABLE", "ID_VARIABLE", "REPORT_VARIABLE", "CurrentJob", "current_job", "track"]

ID_VARIABLE = "JUPYTER_JOBS_ID"
DIR_VARIABLE = "JUPYTER_JOBS_DIR"
REPORT_VARIABLE = "JUPYTER_JOBS_REPORT"

T = TypeVar("T")

_TRACK_INTERVAL_S = 0.05  # twice as often as the shim passes reports on
_MESSAGE_LIMIT = (
    500  # characters; a report stays below PIPE_BUF (4096), so that threads cannot mix theirs
)


class CurrentJob:
    """The job that this process works for; `id` is empty outside a job.

    All methods may be called from any thread, and from processes that were forked.
    """

    def __init__(
        self, id: str = "", folder: Path | None = None, channel: int | None = None
    ) -> None:
        self.id = id
        self._folder = folder
        self._channel = channel

    @functools.cached_property
    def params(self) -> Any:
        """The parameters that the job was submitted with, decoded; `{}` without any."""
        if self._folder is None:
            return {}
        params = json.loads((self._folder / "job.json").read_text("utf-8"))["params"]
        return {} if params is None else params

    @property
    def dir(self) -> Path:
        """A folder of the job's own, for files to keep; outside a job the present one."""
        if self._folder is None:
            return Path.cwd()
        files = self._folder / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        return files

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the work is.

        Args:
            done: Steps done. Without `total`, a float is a share from 0 to 1, an int a count.
            total: Steps to be done.
            message: What it is doing; kept until the next one.
        """
        report: dict[str, Any] = {}
        if total is not None:
            report = {"done": float(done), "total": float(total)}
            if total > 0:
                report["progress"] = min(max(float(done) / float(total), 0.0), 1.0)
        elif _is_count(done):
            report = {"done": float(done)}
        else:
            report = {"progress": float(done)}
        if message is not None:
            report["message"] = str(message)
        self._send(report)

    def message(self, text: str) -> None:
        """Say what the work is doing."""
        self._send({"message": str(text)})

    def _send(self, report: dict[str, Any]) -> None:
        if self._channel is None:
            return
        if "message" in report:
            report["message"] = report["message"][:_MESSAGE_LIMIT]
        try:
            os.write(self._channel, json.dumps(report).encode() + b"\n")
        except OSError:  # the shim is gone; the work goes on
            self._channel = None

    def __repr__(self) -> str:
        return f"CurrentJob({self.id!r})"


@functools.cache
def current_job() -> CurrentJob:
    """Return the job that this process works for; outside a job one whose methods do nothing."""
    id_ = os.environ.get(ID_VARIABLE)
    folder = os.environ.get(DIR_VARIABLE)
    if not id_ or not folder:
        return CurrentJob()
    return CurrentJob(id_, Path(folder), _inherited_channel(os.environ.get(REPORT_VARIABLE, "")))


def track(
    iterable: Iterable[T], total: float | None = None, message: str | None = None
) -> Iterator[T]:
    """Yield from `iterable` and report each step that was finished, at most 20 times a second.

    Args:
        iterable: What to go through.
        total: Its length, where `len()` cannot tell.
        message: What the job is doing meanwhile.
    """
    job = current_job()
    if total is None:
        try:
            total = len(iterable)  # type: ignore[arg-type]  # what has no len() says so
        except TypeError:
            total = None
    job.progress(0, total, message)
    done, reported = 0, 0
    clock, due = time.monotonic, time.monotonic() + _TRACK_INTERVAL_S
    try:
        for item in iterable:
            yield item
            done += 1
            if clock() >= due:
                job.progress(done, total)
                reported, due = done, clock() + _TRACK_INTERVAL_S
    finally:
        if reported != done:
            job.progress(done, total)


def _is_count(done: Any) -> bool:
    """Whether a number without a total counts steps: any integer, NumPy's too, and what is no share."""
    return isinstance(done, numbers.Integral) or not 0 <= done <= 1


def _inherited_channel(spec: str) -> int | None:
    """Return the descriptor that `number:inode` names, if this process really has that pipe.

    A grandchild may have the variable but not the pipe, and a file of its own under the same number.
    """
    try:
        number, inode = (int(part) for part in spec.split(":"))
        status = os.fstat(number)
    except (ValueError, OSError):
        return None
    return number if stat.S_ISFIFO(status.st_mode) and status.st_ino == inode else None
