"""The backend as a process: what it is made of, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from starlette.types import ASGIApp

from jupyter_jobs.appsync.auth import Guests, Verifier
from jupyter_jobs.backend.api.resolvers import Api, build
from jupyter_jobs.backend.life.address import Memory, announce, bind, only_one, withdraw
from jupyter_jobs.backend.life.ending import Ending, is_culled
from jupyter_jobs.backend.life.gate import Gate
from jupyter_jobs.backend.life.handles import raise_open_files
from jupyter_jobs.backend.life.keys import OwnKey, make_key
from jupyter_jobs.backend.life.logs import logging_to
from jupyter_jobs.backend.life.metrics import render
from jupyter_jobs.backend.life.pages import own_pages
from jupyter_jobs.backend.life.vitals import CountingApi, Vitals
from jupyter_jobs.backend.realtime.session import Timing
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.backend.running.runner import Runner, Update
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.storage.retention import Keep, Retention
from jupyter_jobs.backend.trouble import usable
from jupyter_jobs.backend.web.app import Backend
from jupyter_jobs.backend.web.tls import Face, face_of
from jupyter_jobs.backend.web.web_server import WebServer
from jupyter_jobs.errors import ConfigurationError, JobsError
from jupyter_jobs.jobs.embedded import EmbeddedBackend, data_folder
from jupyter_jobs.jobs.operations import UPDATE_JOB

__all__ = ["Options", "serve", "updates"]

log = logging.getLogger("jupyter_jobs.backend")

KEY_VARIABLE = "JUPYTER_JOBS_API_KEY"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to serve.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 takes the one of last time if it is free, else any.
        data_dir: Folder of jobs, logs and results; default as `data_folder`.
        external: Whether named requests wait for workers elsewhere.
        idle_exit: Seconds without a connection or a live job after which it ends; None never.
        timing: How clients are kept time with.
        auth: A JSON file for `read_guests`: who is let in besides the holder of the backend's own key.
        faults: A JSON file of faults that it does on purpose (`backend.faults`); None for a backend that does none.
        slots: Jobs that run at a time; default the number of CPUs.
        keep: What is kept of jobs that have ended; default as the environment says, see `Keep.read`.
        quiet: Whether its log goes to its file alone, and not to the standard error.
        belongs_to: The process of a JupyterHub server with which it ends, see `ending.is_culled`.
        tls_cert: Certificate for clients on the network; the user's own processes come on loopback then, too.
        tls_key: Its key.
        allow_hosts: Names by which clients on the network reach it, besides `host`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    data_dir: Path | None = None
    external: bool = False
    idle_exit: float | None = None
    timing: Timing = field(default_factory=Timing)
    auth: Path | None = None
    faults: Path | None = None
    slots: int | None = None
    keep: Keep | None = None
    quiet: bool = False
    belongs_to: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_hosts: tuple[str, ...] = ()


def serve(options: Options) -> int:
    """Serve until TERM, Ctrl-C or an end of `ending`; returns the exit code.

    Prints one JSON line when connections are accepted. Running jobs go on when it ends, and the next one adopts them.

    Raises:
        ConfigurationError: It may not or cannot bind there.
        BackendUnavailable: Another backend serves this data folder, or it cannot be used: the disk is full, read-only, …
    """
    # Not given to jobs, who inherit this environment.
    given = os.environ.pop(KEY_VARIABLE, "")
    with contextlib.ExitStack() as held:
        held.callback(os.umask, os.umask(0o077))
        face = face_of(options.host, options.tls_cert, options.tls_key, options.allow_hosts)
        options = replace(
            options,
            keep=options.keep or Keep.read(os.environ),
            belongs_to=options.belongs_to if is_culled(os.environ) else None,
        )
        folder = data_folder(options.data_dir)
        held.enter_context(usable(folder))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held.enter_context(only_one(folder))
        held.enter_context(logging_to(folder, quiet=options.quiet))
        held.enter_context(_failure_logged(options))
        repository = held.enter_context(contextlib.closing(Repository(folder / "jobs.sqlite")))
        memory = Memory(folder)
        key = OwnKey(given or memory.key or make_key(), is_given=bool(given))
        entrance = held.enter_context(_Entrance.opened(options, face, memory.port))
        memory.keep(key.present, entrance.own.getsockname()[1])
        return asyncio.run(_Service(options, folder, repository, key, entrance).run())


@contextlib.contextmanager
def _failure_logged(options: Options) -> Iterator[None]:
    """Leave a line in the log about why it did not start, for who looks there later."""
    try:
        yield
    except JobsError as error:
        if options.quiet:
            log.error("cannot serve: %s", error)
        raise


@dataclass(frozen=True)
class _Entrance:
    """Where it listens.

    Attributes:
        own: For the user's own processes.
        face: How the network sees it; None if that does not.
        network: For the network; None where there is no face.
    """

    own: socket.socket
    face: Face | None = None
    network: socket.socket | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(cls, options: Options, face: Face | None, last_port: int) -> Iterator[Self]:
        """Listen for a block; for the user's own processes at the port of last time, if it is free."""
        if face is None:
            with bind(options.host, options.port, last_port) as own:
                yield cls(own)
        else:
            with (
                bind("127.0.0.1", 0, last_port) as own,
                bind(options.host, options.port, 0) as network,
            ):
                yield cls(own, face, network)

    @property
    def listeners(self) -> list[socket.socket]:
        """All of them."""
        return [self.own] if self.network is None else [self.own, self.network]

    @property
    def tls(self) -> tuple[socket.socket, ssl.SSLContext] | None:
        """Who of them speaks TLS, and what by."""
        if self.face is None or self.network is None:
            return None
        return self.network, self.face.context

    def told(self, own: EmbeddedBackend) -> dict[str, str]:
        """Return by which URLs it is reached, for whoever started it."""
        if self.face is None or self.network is None:
            return {"http": own.http, "realtime": own.realtime}
        port = self.network.getsockname()[1]
        realtime = self.face.url("wss", port) + "/realtime"
        return {"http": self.face.url("https", port), "realtime": realtime, "own": own.http}


class _Service:
    """The parts of a backend, put together.

    Args:
        options: With what the environment says.
        folder: Of its data.
        repository: The jobs.
        key: Its own.
        entrance: Where it listens.
    """

    def __init__(
        self,
        options: Options,
        folder: Path,
        repository: Repository,
        key: OwnKey,
        entrance: _Entrance,
    ) -> None:
        self._options = options
        self._folder = folder
        self._repository = repository
        self._key = key
        self._entrance = entrance
        self._gate = Gate()
        self._topics = Topics(build())
        self._runner = Runner(
            repository,
            folder,
            external=options.external,
            slots=options.slots or os.cpu_count() or 1,
            open_files=raise_open_files(),
        )
        self._vitals = Vitals(repository, folder / "jobs.sqlite")
        api = CountingApi(
            repository, self._runner, publish=self._topics.publish, vitals=self._vitals
        )
        self._update = updates(api)
        self._ending = Ending(repository, self._runner, self._gate, self._update, self._end)
        own, guests, around = self._guarded()
        self._backend = Backend(
            api,
            self._topics,
            own,
            guests=guests,
            rotate=lambda: key.rotate(folder),
            hosts=entrance.face.hosts if entrance.face else (),
            timing=options.timing,
            stats=self._stats,
            pages=own_pages(self._metrics, self._ending),
            around=around,
        )
        self._server = WebServer(
            self._backend.app, on_ready=self._ready, on_stop=self._gate.shut, tls=entrance.tls
        )
        repository.on_damage(self._end)

    async def run(self) -> int:
        """Serve until the end; returns the exit code."""
        await self._runner.start(self._update)
        tasks = [asyncio.create_task(work, name=name) for name, work in self._chores()]
        try:
            await self._server.serve(self._entrance.listeners)
        finally:
            for task in tasks:
                task.cancel()
            self._ending.close()
            await self._runner.stop()
            withdraw(self._folder)
            log.info("ended; %d live jobs go on", self._runner.live)
        return 0

    def _chores(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what is done besides serving."""
        options = self._options
        assert options.keep is not None  # `serve` has seen to it
        yield "retention", Retention(self._repository, self._folder).run(options.keep)
        if options.idle_exit is not None:
            yield "idle", self._ending.when_idle(options.idle_exit)
        if options.belongs_to is not None:
            yield "owner", self._ending.with_server(options.belongs_to)

    def _guarded(self) -> tuple[Verifier, Guests | None, Callable[[ASGIApp], ASGIApp]]:
        """Return who is let in, and what stands around all; with the faults that it is to do on purpose."""
        own: Verifier = self._key
        guests = None if self._options.auth is None else _guests(self._options.auth)
        if self._options.faults is None:
            return own, guests, self._gate.around
        from jupyter_jobs.backend.faults import ExpiringVerifier, Faults, FaultyApp, read_plan

        faults = Faults(read_plan(self._options.faults))
        if guests is not None:
            guests = replace(guests, verifier=ExpiringVerifier(guests.verifier, faults))

        def around(app: ASGIApp) -> ASGIApp:
            faulty = FaultyApp(app, faults, self._key, lambda scope: self._server.transport(scope))
            return self._gate.around(faulty)

        return ExpiringVerifier(own, faults), guests, around

    def _ready(self) -> None:
        self._gate.touch()  # nobody could come before
        notices = self._repository.notices
        told = announce(self._folder, self._key.present, self._entrance.own, notices)
        line = {"event": "ready", **self._entrance.told(told), "pid": told.pid}
        for notice in notices:
            log.warning("%s", notice)
        log.info("ready at %s", line["http"])
        print(json.dumps(line), flush=True)  # noqa: T201  # the contract with whoever started it

    def _end(self) -> None:
        self._gate.shut()
        withdraw(self._folder)
        self._server.stop()

    def _stats(self) -> dict[str, Any]:
        return {
            **self._vitals.stats(),
            **self._ending.told(),
            "notices": self._repository.notices,
            "processes": self._runner.processes,
        }

    def _metrics(self) -> str:
        door = {
            "connections": self._backend.sockets,
            "newcomers": self._server.lobby.waiting,
            "subscriptions": len(self._topics),
            "events_sent_total": self._topics.delivered,
            "events_dropped_total": self._topics.dropped,
            "clients_cut_total": self._topics.cut,
            "draining": self._ending.is_draining,
        }
        return render(self._vitals.families(door))


def updates(api: Api) -> Update:
    """Return what writes a job's own reports, as `Runner.start` takes it."""

    async def update(changes: dict[str, Any]) -> bool:
        inside = {"resultSize": changes.pop("resultSize")} if "resultSize" in changes else None
        answer = await api.execute(UPDATE_JOB, {"input": changes}, inside=inside)
        for error in answer.get("errors", ()):
            log.warning("a job's own report was refused: %s", error["message"])
        return "errors" not in answer

    return update


def _guests(path: Path) -> Guests:
    """Return whom a file lets in besides the holder of the own key."""
    from jupyter_jobs.appsync.auth import read_guests

    try:
        settings = json.loads(path.read_text("utf-8"))
        if path.stat().st_mode & 0o077:
            log.warning("%s says who is let in, and others can read it: chmod 600 %s", path, path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read from {path} who else is let in: {error}") from error
    return read_guests(settings)
