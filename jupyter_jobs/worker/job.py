"""What the work sees of its own job: its parameters, and a way to say how far it is and what it measures.

Outside a job everything here does nothing, so that the same function runs in a notebook and in a job. Programs that
the work starts are in the job too: they have the variables, and the FIFO `said` is in the job's folder.
"""

from __future__ import annotations

import functools
import json
import numbers
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from jupyter_jobs.worker.channel import Channel
from jupyter_jobs.worker.metrics import number

__all__ = [
    "DIR_VARIABLE",
    "FIFO",
    "FILES",
    "FILES_VARIABLE",
    "ID_VARIABLE",
    "CurrentJob",
    "current_job",
    "track",
]

ID_VARIABLE = "JUPYTER_JOBS_ID"
DIR_VARIABLE = "JUPYTER_JOBS_DIR"
FILES_VARIABLE = "JUPYTER_JOBS_FILES"  # for programs: what `current_job().dir` is in Python
FILES = "files"  # its name in the job's folder
FIFO = "said"

T = TypeVar("T")

_MESSAGE_LIMIT = 500  # characters; a report stays below PIPE_BUF (4096)


class CurrentJob:
    """The job that this process works for; `id` is empty outside a job.

    All methods may be called from any thread, and from processes that were forked. They cost less than a microsecond.

    Args:
        id: The job's.
        folder: The job's.
        outline: Whether what is said counts only as far as nothing more exact is said.
    """

    def __init__(self, id: str = "", folder: Path | None = None, *, outline: bool = False) -> None:
        self.id = id
        self._folder = folder
        self._channel = None if folder is None else Channel(folder / FIFO, outline=outline)

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
        files = self._folder / FILES
        files.mkdir(mode=0o700, exist_ok=True)
        return files

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the work is.

        Args:
            done: Steps done. Without `total`, a float is a share from 0 to 1, an int a count.
            total: Steps to be done; kept until the next one.
            message: What it is doing; kept until the next one.
        """
        steps = float(done)
        channel = self._channel
        if channel is None:
            return
        if total is not None:
            channel.numbers = (steps, float(total), None)
        elif _is_count(done):
            channel.numbers = (steps, channel.numbers[1], None)
        else:
            channel.numbers = (None, None, steps)
        if message is not None:
            channel.message = str(message)[:_MESSAGE_LIMIT]
        if not channel.waiting:
            channel.nudge()

    def message(self, text: str) -> None:
        """Say what the work is doing."""
        if (channel := self._channel) is not None:
            channel.message = str(text)[:_MESSAGE_LIMIT]
            if not channel.waiting:
                channel.nudge()

    def metrics(self, *, step: float | None = None, **values: Any) -> None:
        """Add a point to the job's series: `current_job().metrics(loss=0.21, accuracy=0.9, step=epoch)`.

        The newest values and the shape of each series are seen while the job runs; the points are kept with it.
        NaN and infinity are kept as null.

        Args:
            step: Where the point stands; without it the points are told apart by their times.
            values: Numbers by name, also scalars of NumPy, PyTorch, TensorFlow or JAX.

        Raises:
            TypeError: A value is no number.
        """
        at = None if step is None else number("step", step)
        for name, value in values.items():
            values[name] = number(name, value)
        if (channel := self._channel) is not None and values:
            channel.measured(at, values)

    def __repr__(self) -> str:
        return f"CurrentJob({self.id!r})"


@functools.cache
def current_job() -> CurrentJob:
    """Return the job that this process works for; outside a job one whose methods do nothing."""
    id_ = os.environ.get(ID_VARIABLE)
    folder = os.environ.get(DIR_VARIABLE)
    return CurrentJob(id_, Path(folder)) if id_ and folder else CurrentJob()


def track(
    iterable: Iterable[T], total: float | None = None, message: str | None = None
) -> Iterator[T]:
    """Yield from `iterable` and report each step that was finished; this costs a tenth of a microsecond a step.

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
    if (channel := job._channel) is None:
        yield from iterable
        return
    whole = None if total is None else float(total)
    channel.numbers = (0.0, whole, None)
    if message is not None:
        channel.message = message[:_MESSAGE_LIMIT]
    channel.nudge()
    for done, item in enumerate(iterable, start=1):
        yield item
        channel.numbers = (done, whole, None)  # as `progress` does, without its 200 ns
        if not channel.waiting:
            channel.nudge()


def _is_count(done: Any) -> bool:
    """Whether a number without a total counts steps: any integer, NumPy's too, and what is no share."""
    return isinstance(done, numbers.Integral) or not 0 <= done <= 1
