"""`jupyter-jobs stop`: ends the backend of this machine, at once or once its jobs have ended."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.acting import confirm
from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.pages import add_data_dir, ask_page
from jupyter_jobs.cli.spans import seconds
from jupyter_jobs.cli.terminal import complain, one_line
from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import EmbeddedBackend, Presence, look, why_not
from jupyter_jobs.jobs.runtime import is_stopped

__all__ = ["STOP"]

END_S = 30.0  # that a backend may take to end, where nobody says how long
_LOOK_S = 0.05  # between looks whether a process is gone; it is no child of ours
_ASK_S = 0.5  # between questions what is waited for
_NAMED = 3  # jobs that are told by name


def _options(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--drain",
        action="store_true",
        help="take no new jobs, and end when the live ones have ended",
    )
    how.add_argument("--cancel", action="store_true", help="cancel all live jobs, then end")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before --cancel")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SPAN",
        help="wait so long for its end (default: 30s; with --drain as long as it takes)",
    )


def _run(args: argparse.Namespace) -> int:
    seen = look(args.data_dir)
    if seen.backend is None or seen.presence is Presence.ABSENT:
        if args.json:
            terminal.print_json({"stopped": None})
        else:
            print("no backend is running")
        return Exit.OK
    is_deaf = seen.presence is Presence.SILENT and (
        args.drain or args.cancel or is_stopped(seen.backend.pid)
    )
    if seen.presence is Presence.ELSEWHERE or is_deaf:
        raise BackendUnavailable(why_not(seen))
    end = _Drain(seen.backend, args) if args.drain or args.cancel else _Stop(seen.backend, args)
    return end.run()


class _Stop:
    """Ends a backend; its jobs go on."""

    patience: float | None = END_S

    def __init__(self, backend: EmbeddedBackend, args: argparse.Namespace) -> None:
        self._backend = backend
        self._args = args
        self._timeout = self.patience if args.timeout is None else args.timeout

    def run(self) -> int:
        """Ask for the end and wait for it; returns the exit code."""
        self.begin()
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while self._backend.is_alive:
            if deadline is not None and time.monotonic() > deadline:
                complain(
                    f"the backend, process {self._backend.pid}, was asked to end and has not yet{self.awaited()}"
                )
                return Exit.TIMED_OUT
            self.look()
            time.sleep(_LOOK_S)
        if self._args.json:
            terminal.print_json({"stopped": self._backend.pid})
        else:
            print(f"stopped the backend, process {self._backend.pid}; {self.outcome()}")
        return Exit.OK

    def begin(self) -> None:
        """Ask for the end."""
        with suppress(ProcessLookupError):
            os.kill(self._backend.pid, signal.SIGTERM)

    def look(self) -> None:
        """See how far it is."""

    def awaited(self) -> str:
        """Return what it waits for, and what to do, to be put behind a sentence."""
        return f": kill -9 {self._backend.pid} ends it, its jobs go on"

    def outcome(self) -> str:
        """Return what became of the jobs."""
        return "jobs that run go on"


class _Drain(_Stop):
    """Ends a backend once no job is live any more."""

    def __init__(self, backend: EmbeddedBackend, args: argparse.Namespace) -> None:
        self.patience = END_S if args.cancel else None
        super().__init__(backend, args)
        self._told: Mapping[str, Any] = {}
        self._said = ""
        self._ask_at = 0.0
        self._asked = 0

    def run(self) -> int:
        """As `_Stop.run`; whoever interrupts it is told that the backend goes on with it."""
        try:
            return super().run()
        except KeyboardInterrupt:
            if self._told:
                complain("the backend goes on with that: it takes no new jobs, and ends by itself")
            raise

    def begin(self) -> None:
        if self._args.cancel and (live := ask_page(self._backend, "GET", "/stats").get("live", 0)):
            confirm(f"cancel {_count(live)} and end the backend", is_sure=self._args.yes)
        jobs = "cancel" if self._args.cancel else "finish"
        self._told = ask_page(self._backend, "POST", "/stop", {"jobs": jobs})
        self._asked = self._told["live"]

    def look(self) -> None:
        if time.monotonic() >= self._ask_at:
            with suppress(BackendUnavailable):  # it ends just now
                self._told = ask_page(self._backend, "GET", "/stats")
            self._ask_at = time.monotonic() + _ASK_S
        said = _waiting(self._told)
        if said and said != self._said and not self._args.json:
            self._said = said
            print(f"waiting for {said}", flush=True)

    def awaited(self) -> str:
        said = _waiting(self._told)
        return (
            f"{said and f': it waits for {said}'}. It takes no new jobs, and ends when these have; "
            "jupyter-jobs stop ends it now, and they go on"
        )

    def outcome(self) -> str:
        if not self._asked:
            return "no job was live"
        ended = _count(self._asked)
        return f"cancelled {ended}" if self._args.cancel else f"{ended} had ended before"


def _waiting(told: Mapping[str, Any]) -> str:
    """Return which jobs are waited for: how many, and the names of some."""
    if not told.get("live"):
        return ""
    jobs = told.get("waitsFor", ())
    named = [f"{one_line(job['name'] or job['id'])[:30]} ({job['status'].lower()})" for job in jobs]
    more = ", …" if told["live"] > _NAMED and named else ""
    names = ", ".join(named[:_NAMED])
    return _count(told["live"]) + (f": {names}{more}" if names else "")


def _count(jobs: int) -> str:
    return f"{jobs:,} live job{'s' * (jobs != 1)}"


STOP = Command(
    name="stop",
    help="end the backend of this machine",
    description="End the backend of this machine, and wait until it is gone. Jobs that run go on, and the next backend, "
    "which starts when it is needed, takes them up again; with --drain it ends when they have ended and takes no new "
    "ones, with --cancel it cancels them first.",
    run=_run,
    options=_options,
    examples=(
        "jupyter-jobs stop",
        "jupyter-jobs stop --drain --timeout 2h",
        "jupyter-jobs stop --cancel --yes",
    ),
    json="an object of `stopped`: the number of the process, or null",
)
