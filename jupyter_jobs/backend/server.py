"""The backend as a process: what it is made of, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from jupyter_jobs.appsync.auth import Guests, Verifier
from jupyter_jobs.backend.api.resolvers import Api, build
from jupyter_jobs.backend.life.address import Memory, announce, bind, listen, only_one, withdraw
from jupyter_jobs.backend.life.ending import Ending, is_culled
from jupyter_jobs.backend.life.gate import Gate
from jupyter_jobs.backend.life.handles import raise_open_files
from jupyter_jobs.backend.life.keys import OwnKey
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
from jupyter_jobs.jobs.embedded import data_folder
from jupyter_jobs.jobs.operations import UPDATE_JOB

__all__ = ["Options", "listen", "serve", "updates"]

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
        keep = options.keep or Keep.read(os.environ)
        owner = options.belongs_to if is_culled(os.environ) else None
        folder = data_folder(options.data_dir)
        held.enter_context(usable(folder))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held.enter_context(only_one(folder))
        held.enter_context(logging_to(folder, quiet=options.quiet))
        held.enter_context(_failure_logged(options))
        repository = held.enter_context(contextlib.closing(Repository(folder / "jobs.sqlite")))
        memory = Memory(folder)
        key = OwnKey(given or memory.key, is_given=bool(given))
        listeners = [held.enter_context(each) for each in _listeners(options, face, memory.port)]
        memory.keep(key.present, listeners[0].getsockname()[1])
        return asyncio.run(_serve(options, keep, owner, folder, repository, key, face, listeners))


def _listeners(options: Options, face: Face | None, last_port: int) -> list[socket.socket]:
    """Return where the user's own processes come in, then where the network does, if it does."""
    if face is None:
        return [bind(options.host, options.port, last_port)]
    return [bind("127.0.0.1", 0, last_port), bind(options.host, options.port, 0)]


@contextlib.contextmanager
def _failure_logged(options: Options) -> Iterator[None]:
    """Leave a line in the log about why it did not start, for who looks there later."""
    try:
        yield
    except JobsError as error:
        if options.quiet:
            log.error("cannot serve: %s", error)
        raise


async def _serve(
    options: Options,
    keep: Keep,
    owner: int | None,
    folder: Path,
    repository: Repository,
    own_key: OwnKey,
    face: Face | None,
    listeners: list[socket.socket],
) -> int:
    topics = Topics(build())
    notices = repository.notices
    own: Verifier = own_key
    guests = None if options.auth is None else _guests(options.auth)
    gate = Gate()
    around: Callable[[ASGIApp], ASGIApp] = gate.around
    if options.faults is not None:
        from jupyter_jobs.backend.faults import ExpiringVerifier, Faults, FaultyApp, read_plan

        faults = Faults(read_plan(options.faults))
        own = ExpiringVerifier(own, faults)
        if guests is not None:
            guests = replace(guests, verifier=ExpiringVerifier(guests.verifier, faults))

        def around(app: ASGIApp) -> ASGIApp:
            faulty = FaultyApp(app, faults, own_key, lambda scope: server.transport(scope))
            return gate.around(faulty)

    runner = Runner(
        repository,
        folder,
        external=options.external,
        slots=options.slots or os.cpu_count() or 1,
        open_files=raise_open_files(),
    )
    vitals = Vitals(repository, folder / "jobs.sqlite")
    api = CountingApi(repository, runner, publish=topics.publish, vitals=vitals)

    def end() -> None:
        gate.shut()
        withdraw(folder)
        server.stop()

    repository.on_damage(end)
    ending = Ending(repository, runner, gate, updates(api), end)

    def metrics() -> str:
        door = {
            "connections": backend.sockets,
            "subscriptions": len(topics),
            "events_sent_total": topics.delivered,
            "events_dropped_total": topics.dropped,
            "clients_cut_total": topics.cut,
            "draining": ending.is_draining,
        }
        return render(vitals.families(door))

    backend = Backend(
        api,
        topics,
        own,
        guests=guests,
        rotate=lambda: own_key.rotate(folder),
        hosts=face.hosts if face else (),
        timing=options.timing,
        stats=lambda: {
            **vitals.stats(),
            **ending.told(),
            "notices": notices,
            "processes": runner.processes,
        },
        pages=own_pages(metrics, ending),
        around=around,
    )

    def ready() -> None:
        gate.touch()  # nobody could come before
        told = announce(folder, own_key.present, listeners[0], notices)
        line = {"event": "ready", "http": told.http, "realtime": told.realtime, "pid": told.pid}
        if face is not None:
            port = listeners[1].getsockname()[1]
            line |= {"http": face.url("https", port), "own": told.http}
            line["realtime"] = face.url("wss", port) + "/realtime"
        for notice in notices:
            log.warning("%s", notice)
        log.info("ready at %s", line["http"])
        print(json.dumps(line), flush=True)  # noqa: T201  # the contract with whoever started it

    tls = (listeners[1], face.context) if face else None
    server = _Server(backend.app, on_ready=ready, on_stop=gate.shut, tls=tls)
    await runner.start(updates(api))
    tasks = [asyncio.create_task(Retention(repository, folder).run(keep), name="retention")]
    if options.idle_exit is not None:
        tasks.append(asyncio.create_task(ending.when_idle(options.idle_exit), name="idle"))
    if owner is not None:
        tasks.append(asyncio.create_task(ending.with_server(owner), name="owner"))
    try:
        await server.serve(listeners)
    finally:
        for task in tasks:
            task.cancel()
        ending.close()
        await runner.stop()
        withdraw(folder)
        log.info("ended; %d live jobs go on", runner.live)
    return 0


class _Server(WebServer):
    """Tells when it begins to end, whatever the reason."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        tls: tuple[socket.socket, ssl.SSLContext] | None,
    ) -> None:
        super().__init__(app, on_ready=on_ready, tls=tls)
        self._on_stop = on_stop

    def stop(self) -> None:
        self._on_stop()
        super().stop()


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
