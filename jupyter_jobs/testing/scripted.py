"""`ScriptedJobs`: what a test says and asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, Unpack

from jupyter_jobs.errors import JobsError
from jupyter_jobs.jobs.following import Following, open_clients
from jupyter_jobs.jobs.settings import SETTINGS
from jupyter_jobs.testing.backend import ScriptedBackend
from jupyter_jobs.testing.script import Answer, Rule, Said, Script
from jupyter_jobs.testing.submitted import Submitted

__all__ = ["ScriptedJobs"]

_DATA, _RUNTIME = "JUPYTER_JOBS_DATA_DIR", "JUPYTER_RUNTIME_DIR"
_CLOSING_S = 5.0
_LOST: list[Mapping[str, Any]] = [{"fault": "drop"}]
_OFFLINE: list[Mapping[str, Any]] = [{"fault": "cut"}, {"fault": "refuse_upgrade", "status": 503}]


class ScriptedJobs:
    """A backend in this process whose jobs follow a script; every `JobMonitor()` and `JobClient.connect()` finds it.

    It speaks as the embedded backend does, over real sockets; only the work is not done. A job that is not said to take
    time has ended as soon as it was submitted; a run that is to be retried is so at once. For all others time stands
    still until `advance` or `run_all`.

        with ScriptedJobs() as jobs:
            jobs.on("train", takes=3600, progress=[0.1, 0.5], returns=0.9)
            job = JobMonitor().submit(train, 0.01)
            jobs.advance(1800)

    Args:
        folder: Where it keeps jobs and logs; default one that is removed in the end.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._kept = folder is not None
        self._folder = Path(folder or tempfile.mkdtemp(prefix="scripted-jobs-")).absolute()
        self._script = Script()
        self._backend = ScriptedBackend(self._folder / "jobs", self._script)
        self._faults: list[list[Mapping[str, Any]]] = []
        self._environment: dict[str, str | None] = {}

    def on(self, name: str, answer: Answer | None = None, /, **said: Unpack[Said]) -> Rule:
        """Say what jobs of a name come to. Of several that speak of a job, the newest counts.

            jobs.on("train", returns=0.9)
            jobs.on("Process *", takes=3600, prints=["reading", "writing"], progress=[0.5])
            jobs.on("fetch", raises=ConnectionError("reset")).then(returns=[1, 2])
            jobs.on("square", lambda job: job.args[0] ** 2)

        Args:
            name: Of a function, a named request, a command's program, a notebook's file, or what `name=` said; with the
                wildcards of `fnmatch`.
            answer: An `Outcome`, or a function that is called with the `Submitted` when a run starts: it returns the
                result or an `Outcome`, or raises what the work raises.
            **said: See `Outcome`. Without any the job returns None.

        Returns:
            The rule, whose `then` says what the next run comes to; the last goes on for all further ones.
        """
        rule = self._script.add(name)
        return rule.then(answer, **said) if answer is not None or said else rule

    @property
    def submitted(self) -> list[Submitted]:
        """What was submitted, oldest first; a submit that was given the job of its key made none."""
        return self._backend.call(self._backend.runner.submitted.copy)

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass for the jobs; then monitors and clients of this process know what has come of it.

        `advance(0)` lets them know of what takes no time. What they are to hear while events are lost or they are
        offline is left to them. Callbacks run on their event loop, soon.
        """
        length = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        if not length >= 0:
            raise ValueError(f"time goes forward: advance by seconds from 0, not {seconds!r}")
        self._backend.run(self._backend.runner.advance(length))
        self._tell_clients()

    def run_all(self) -> None:
        """Let time pass until all jobs have ended, but those that hang; as `advance` otherwise."""
        self._backend.run(self._backend.runner.run_all())
        self._tell_clients()

    @contextmanager
    def no_events(self) -> Iterator[None]:
        """Lose all events for a block; the socket lives, and questions are answered."""
        with self._wrong(_LOST):
            yield

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Cut all connections, and let none through for a block; the jobs go on.

        Afterwards clients find back in their own time, as after any outage; `monitor.reconnect()` cuts the wait short.
        """
        with self._wrong(_OFFLINE):
            self._backend.cut()
            yield

    def expire_token(self) -> None:
        """Let the credentials expire that clients have: they are cut off, and refused from now on.

        `monitor.reconnect()` finds the new ones, as does a new monitor or client.
        """
        self._backend.change_key()
        self._backend.cut()

    def close(self) -> None:
        """Close the monitors and clients that follow these jobs, and end. Twice without harm."""
        for client in self._clients():
            _close(client)
        self._backend.stop()
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._environment = {}
        if not self._kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        names = {setting.variable for setting in SETTINGS.values()} | {_DATA, _RUNTIME}
        self._environment = {name: os.environ.pop(name, None) for name in names}
        os.environ[_DATA] = str(self._folder / "jobs")
        os.environ[_RUNTIME] = str(self._folder / "runtime")
        (self._folder / "jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._backend.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "ScriptedJobs()"

    @contextmanager
    def _wrong(self, rules: list[Mapping[str, Any]]) -> Iterator[None]:
        self._faults.append(rules)
        self._do_wrong()
        try:
            yield
        finally:
            self._faults.remove(rules)
            self._do_wrong()

    def _do_wrong(self) -> None:
        self._backend.do_wrong([rule for rules in self._faults for rule in rules])

    def _tell_clients(self) -> None:
        if not self._faults:
            for client in self._clients():
                with suppress(JobsError):  # whose credentials have expired hears nothing
                    client.api.drive_sync(client.reconciler.calls())

    def _clients(self) -> list[Following]:
        here = f"http://127.0.0.1:{self._backend.port}/"
        return [client for client in open_clients() if client.target.endpoint.http.startswith(here)]


def _close(client: Following) -> None:
    """Close a client, by its monitor if it has one, and wait for that where it can be waited for."""
    monitors: Any = sys.modules.get("jupyter_jobs.widget.monitor")
    for monitor in list(monitors.JobMonitor._monitors.values()) if monitors else ():
        if monitor._client is client:
            monitor.close()
    client.close()
    if client.loop.is_running() and client.thread_id not in (None, threading.get_ident()):
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(client.aclose(), client.loop).result(_CLOSING_S)
