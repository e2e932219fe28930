"""What the doctor tells of the backend of this machine: whether and how it runs, its folder, its key, its log."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.life.logs import last_warnings
from jupyter_jobs.backend.storage.mounts import network_file_system
from jupyter_jobs.cli.checkup import Finding, Mark
from jupyter_jobs.cli.sizes import size
from jupyter_jobs.cli.terminal import one_line
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    Presence,
    Sighting,
    ask,
    runtime_file,
    why_not,
)
from jupyter_jobs.jobs.estimates import duration
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["before", "folder", "key", "log", "machine", "running"]

LEAST_ROOM = 1_000_000_000
"""Bytes on the folder's disk, with fewer of which jobs and their logs may soon find none."""

_WARNINGS = 3  # of the log's last ones
_SHOWN = 300  # characters of each


def before(seen: Sighting) -> Finding:
    """Tell whether it runs, before anything is started."""
    backend = seen.backend
    if backend is None or seen.presence is Presence.ABSENT:
        gone = (
            "" if backend is None else f"; process {backend.pid}, which its file tells of, is gone"
        )
        text = f"the one on this machine does not run: it is started, as by JobMonitor(){gone}"
        return Finding(Mark.NOTE, "backend", text)
    if seen.presence is Presence.RUNS:
        return Finding(Mark.NOTE, "backend", "the one on this machine runs")
    return Finding(Mark.ODD, "backend", why_not(seen))


def machine(seen: Sighting) -> Iterator[Finding]:
    """Tell all about one that runs; nothing if it has ended since."""
    if seen.backend is not None and seen.presence is Presence.RUNS:
        try:
            status, body = ask(seen.backend, "GET", "/stats")
        except OSError as error:
            yield Finding(Mark.ODD, "backend", f"it does not answer any more: {error}")
            return
        told = json.loads(body) if status == 200 else {}
        yield from running(seen.backend, told, importlib.metadata.version("jupyter_jobs"))
    yield from folder(seen.folder)
    yield from key(runtime_file(seen.folder))
    yield from log(seen.folder / "backend.log")


def running(backend: EmbeddedBackend, told: Mapping[str, Any], present: str) -> Iterator[Finding]:
    """Tell of one that runs.

    Args:
        backend: What its file says.
        told: What `/stats` does.
        present: The release that is installed here.
    """
    since = told.get("since")
    span = "" if since is None else f", since {duration(time.time() - since, tenths=False)}"
    where = f"process {backend.pid} on {backend.host or 'this machine'}{span}"
    yield Finding(Mark.GOOD, "backend", f"{where}, at {backend.http.removesuffix('/graphql')}")
    release = f"jupyter_jobs {backend.version}, contract {backend.contract}"
    if backend.version == present:
        yield Finding(Mark.GOOD, "backend", release)
    else:
        text = (
            f"{release}, and here is {present}: jupyter-jobs stop ends it, its jobs go on, and the next use starts "
            "this one"
        )
        yield Finding(Mark.ODD, "backend", text)
    counts = told.get("jobs", {})
    jobs = [f"{counts[each]:,} {each.word}" for each in JobStatus if counts.get(each)]
    yield Finding(Mark.NOTE, "backend", f"jobs: {', '.join(jobs) or 'none'}")
    if told.get("draining"):
        text = "it takes no new jobs, and ends when the live ones have; jupyter-jobs stop ends it now, and they go on"
        yield Finding(Mark.ODD, "backend", text)
    for notice in backend.notices:
        yield Finding(Mark.ODD, "backend", one_line(notice))


def folder(path: Path) -> Iterator[Finding]:
    """Tell of the data folder, its disk, and who may look into it."""
    try:
        free = shutil.disk_usage(path).free
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield Finding(Mark.ODD, "folder", f"{path}: {error.strerror}")
        return
    text = f"{path}, {size(free)} free"
    if (network := network_file_system(path)) is not None:
        text += f", on a network file system ({network}): JUPYTER_JOBS_DATA_DIR names one of this machine"
        yield Finding(Mark.ODD, "folder", text)
    elif free < LEAST_ROOM:
        text += ": jupyter-jobs prune --older-than 7d makes room"
        yield Finding(Mark.ODD, "folder", text)
    else:
        yield Finding(Mark.GOOD, "folder", f"{text}, on a disk of this machine")
    yield from _private("folder", path, mode, "700")


def key(path: Path) -> Iterator[Finding]:
    """Tell of the file that has the key, and who may read it; nothing if there is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if not mode & 0o077:
        yield Finding(Mark.GOOD, "key", f"in {path}, for its owner alone ({mode:04o})")
    yield from _private("key", path, mode, "600")


def log(path: Path) -> Iterator[Finding]:
    """Tell where the log is, and what it last warned of."""
    warnings = last_warnings(path, _WARNINGS)
    yield Finding(Mark.NOTE, "log", f"{path}{'' if warnings else ', no warning'}")
    for event in warnings:
        text = one_line(f"{event.get('time', '')} {event.get('event', '')}")
        yield Finding(Mark.ODD, "log", text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def _private(about: str, path: Path, mode: int, right: str) -> Iterator[Finding]:
    if mode & 0o077:
        text = f"others on this machine may look at {path} ({mode:04o}): chmod {right} {path}"
        yield Finding(Mark.WRONG, about, text)
