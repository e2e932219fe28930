"""The work's own process, from the fork to its end. The shim watches from outside."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
import time
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any, Never

from jupyter_jobs.worker import outcome
from jupyter_jobs.worker.job import (
    DIR_VARIABLE,
    FILES,
    FILES_VARIABLE,
    ID_VARIABLE,
    current_job,
)
from jupyter_jobs.worker.runners import RUNNERS, Work
from jupyter_jobs.worker.runners.tracing import variables
from jupyter_jobs.worker.stacks import keep_stack

__all__ = ["become_work", "read_work"]


def read_work(folder: Path) -> Work:
    """Return what `job.json` in a job's folder says."""
    job = outcome.read_json(folder / "job.json")
    if job is None:
        raise SystemExit(f"there is no job in {folder}")
    known = {field.name for field in fields(Work)}  # a newer backend may say more
    return Work(folder=folder, **{name: value for name, value in job.items() if name in known})


def become_work(work: Work, streams: tuple[int, int]) -> Never:
    """Turn this fresh fork into the work: run it, write down what came of it, and end.

    Args:
        work: What to do.
        streams: Descriptors that become stdout and stderr.
    """
    _take_streams(streams)
    _limit_files(work.open_files)
    os.environ.update(_environment(work))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _end)
    if work.kind in ("FUNCTION", "REQUEST") and work.rules.get("timeout"):
        keep_stack(work.folder)
    path = work.folder / "work.json"
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        time.tzset()
        (work.folder / FILES).mkdir(mode=0o700, exist_ok=True)
        if folder := work.payload.get("cwd"):
            os.chdir(folder)
        entries = [*(work.payload.get("sysPath") or ()), *_python_path(work)]
        sys.path[:0] = [entry for entry in dict.fromkeys(entries) if entry not in sys.path]
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        runner = importlib.import_module(RUNNERS[work.kind])
        value = runner.run(work)
        result = outcome.persist(lambda: outcome.keep_result(value, work.folder), _say)
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            _write(path, {"status": "SUCCEEDED", "result": None})
        else:
            described = _describe(error)
            if work.kind == "FUNCTION" and _keep(error, work.folder):
                described["loadable"] = True
            _write(path, {"status": "FAILED", "error": described})
            raise SystemExit(1) from None
    else:
        _write(path, {"status": "SUCCEEDED", **result})
    raise SystemExit(0)


def _write(path: Path, value: Any) -> None:
    outcome.persist(lambda: outcome.write_json(path, value), _say)


def _say(message: str) -> None:
    current_job().message(message)


def _limit_files(most: int | None) -> None:
    """Give back the limit that the backend found: programs that close all they may have open count up to it."""
    if most is not None:
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _keep(error: BaseException, folder: Path) -> bool:
    from jupyter_jobs.worker.exceptions import keep_exception

    try:
        return keep_exception(error, folder)
    except OSError:  # a full disk
        return False


def _environment(work: Work) -> dict[str, str]:
    given = {name: str(value) for name, value in (work.payload.get("env") or {}).items()}
    own = {
        ID_VARIABLE: work.id,
        DIR_VARIABLE: str(work.folder),
        FILES_VARIABLE: str(work.folder / FILES),
    }
    return {**variables(work), **given, **own}


def _python_path(work: Work) -> list[str]:
    """The job's own PYTHONPATH: this interpreter has read its own when it started."""
    given = (work.payload.get("env") or {}).get("PYTHONPATH", "")
    return [entry for entry in given.split(os.pathsep) if entry]


def _describe(error: BaseException) -> dict[str, Any]:
    described = outcome.describe_error(error)
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
        described["message"] = (
            f"the work ended itself with exit code {code}"
            if isinstance(error.code, int)
            else str(error.code)
        )
        described["exitCode"] = code
    return described


def _take_streams(streams: tuple[int, int]) -> None:
    """Make the pipes stdout and stderr, in Python's eyes too, and see that lines go out as they end."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for number, descriptor in enumerate(streams, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            open(number, "wb", closefd=False),
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )
        for number in (1, 2)
    )


def _end(signal_number: int, frame: FrameType | None) -> None:
    """On SIGTERM run `finally` blocks and context managers; the shim kills what takes too long for that."""
    raise SystemExit(128 + signal_number)
