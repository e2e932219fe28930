"""Loads what a job left behind: its value, or the exception that it raised.

A pickle runs code as it is loaded, so none is loaded that did not come from the user's own backend, on this machine: not
even one that somebody else's backend here sends, or one behind a tunnel. One that lies in a file is read where the
backend says, if it is this user's own and in the folder of that very job.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import stat
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from jupyter_jobs.errors import JobFailed, JobsError, ResultUnavailable
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.own import is_own
from jupyter_jobs.jobs.tracebacks import show_with

__all__ = ["raised_by", "value_of"]

_CAREFUL = os.O_NOFOLLOW | os.O_NONBLOCK  # no link, and no waiting for who writes a FIFO


def value_of(job: Job, api: JobApi) -> Any:
    """Fetch and load the value of a job that succeeded; blocks for as long as that takes.

    Raises:
        ResultUnavailable: It cannot be had here, and why.
        WireError: The server could not be asked.
    """
    if not api.wire.endpoint.is_loopback:
        size = "its value" if job.result_size is None else f"{job.result_size:,} bytes"
        raise ResultUnavailable(
            f"{job.label} left {size} with its server; "
            "only results of the backend on this machine are loaded, since loading runs code",
            job_id=job.id,
        )
    return api.drive_sync(_load(job, api))


def raised_by(job: Job, failed: JobFailed, api: JobApi) -> Exception | None:
    """Fetch and load the exception that a function raised in its job; None where that cannot be, `failed` says why not.

    It was caused by `failed`, so that whatever shows it shows the job's own calls; what caused it there caused that.
    """
    if not (job.error or {}).get("loadable") or not api.wire.endpoint.is_loopback:
        return None
    try:
        raised = api.drive_sync(_load(job, api))
    except JobsError as error:
        note = f"Its exception cannot be raised here: {error}"
        if note not in getattr(failed, "__notes__", ()):
            failed.add_note(note)
        return None
    if not isinstance(raised, Exception) or isinstance(raised, StopIteration | StopAsyncIteration):
        return None  # what would end the kernel or a loop is no way to tell of a job's end
    failed.__cause__, raised.__cause__ = raised.__cause__, failed
    show_with(raised, failed)
    return raised


def _load(job: Job, api: JobApi) -> Generator[Call[Any], Any, Any]:
    told = yield calls.result(job.id)
    if told is None:
        raise ResultUnavailable(f"the server has no result of {job.label}", job_id=job.id)
    # Asked after the answer: if the backend lives now, it was not somebody else who took its port that answered.
    if told["encoding"] != "json" and not is_own(api.wire.endpoint):
        raise ResultUnavailable(
            f"the value of {job.label} is a pickle, and {api.wire.endpoint.host} is not known as a backend of your own: "
            "loading one runs code; have the job return what JSON holds",
            job_id=job.id,
        )
    path = told.get("path")
    try:
        with _opened(path, job) if path else io.BytesIO(base64.b64decode(told["data"])) as file:
            return json.load(file) if told["encoding"] == "json" else pickle.load(file)
    except ResultUnavailable:
        raise
    except Exception as error:  # unpickling runs code of the classes that it meets
        what = "exception" if told["encoding"] == "exception" else "value"
        raise ResultUnavailable(
            f"the {what} of {job.label} cannot be loaded in this kernel: {error}", job_id=job.id
        ) from error


def _opened(name: str, job: Job) -> IO[bytes]:
    """Open a file of a job's folder.

    Raises:
        ResultUnavailable: It is gone, or is not what it should be.
    """
    path = Path(name)
    if not path.is_absolute() or path.parent.name != job.id:
        raise _strange(name, job, "it lies outside the folder of the job")
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFUL))
    except FileNotFoundError:
        raise ResultUnavailable(
            f"the value of {job.label} is gone: its files were pruned or deleted, {path} is not there",
            job_id=job.id,
        ) from None
    except OSError as error:
        raise _strange(name, job, error.strerror or str(error)) from error
    told = os.fstat(file.fileno())
    if stat.S_ISREG(told.st_mode) and told.st_uid == os.getuid() and not told.st_mode & 0o022:
        return file
    file.close()
    raise _strange(name, job, "it is no file that you alone can write")


def _strange(name: str, job: Job, why: str) -> ResultUnavailable:
    return ResultUnavailable(
        f"the value of {job.label} is not read from {name}: {why}", job_id=job.id
    )
