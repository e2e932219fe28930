"""The backend as a process: its folder, its key, its address, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.metadata
import json
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.auth import AnyOf, ApiKeyVerifier, Verifier
from jupyter_jobs.appsync.endpoint import is_loopback
from jupyter_jobs.backend.app import Backend
from jupyter_jobs.backend.repository import Repository
from jupyter_jobs.backend.resolvers import Api, build
from jupyter_jobs.backend.retention import Keep, Retention
from jupyter_jobs.backend.runner import Runner, Update
from jupyter_jobs.backend.session import Timing
from jupyter_jobs.backend.topics import Topics
from jupyter_jobs.backend.web_server import WebServer
from jupyter_jobs.errors import BackendUnavailable, ConfigurationError
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    data_folder,
    process_started_at,
    runtime_file,
    write_private,
)
from jupyter_jobs.jobs.operations import UPDATE_JOB

__all__ = ["Options", "listen", "serve", "updates"]

log = logging.getLogger("jupyter_jobs.backend")

KEY_VARIABLE = "JUPYTER_JOBS_API_KEY"
_IDLE_LOOK = 1.0  # seconds between looks whether anybody is there


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
        auth: A JSON file for `read_verifiers`: who is let in besides the holder of the backend's own key.
        faults: A JSON file of faults that it does on purpose (`backend.faults`); None for a backend that does none.
        slots: Jobs that run at a time; default the number of CPUs.
        keep: What is kept of jobs that have ended; default as the environment says, see `Keep.read`.
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


def serve(options: Options) -> int:
    """Serve until TERM, Ctrl-C or idleness; returns the exit code.

    Prints one JSON line when connections are accepted. Running jobs go on when it ends, and the next one adopts them.

    Raises:
        ConfigurationError: It may not or cannot bind there.
        BackendUnavailable: Another backend serves this data folder.
    """
    _log_to_stderr()
    os.umask(0o077)
    # Not given to jobs, who inherit this environment.
    key = os.environ.pop(KEY_VARIABLE, "")
    if not is_loopback(options.host):
        raise ConfigurationError(
            f"refusing to listen on {options.host}: this backend runs what it is sent, and speaks without TLS; "
            "bind 127.0.0.1 and reach it through a tunnel"
        )
    keep = options.keep or Keep.read(os.environ)
    folder = data_folder(options.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _only_one(folder), contextlib.closing(Repository(folder / "jobs.sqlite")) as repository:
        memory = _Memory(folder / "address.json")
        key = key or memory.key
        with _bind(options, memory.port) as listener:
            port = listener.getsockname()[1]
            memory.keep(key, port)
            return asyncio.run(_serve(options, keep, folder, repository, key, listener))


async def _serve(
    options: Options,
    keep: Keep,
    folder: Path,
    repository: Repository,
    key: str,
    listener: socket.socket,
) -> int:
    schema = build()
    topics = Topics(schema)
    own_key = ApiKeyVerifier([key])
    verifier = _verifier(own_key, options.auth)
    around = None
    if options.faults is not None:
        from jupyter_jobs.backend.faults import ExpiringVerifier, Faults, FaultyApp, read_plan

        faults = Faults(read_plan(options.faults))
        verifier = ExpiringVerifier(verifier, faults)

        def around(app: ASGIApp) -> ASGIApp:
            return FaultyApp(app, faults, own_key, lambda scope: server.transport(scope))

    runner = Runner(
        repository, folder, external=options.external, slots=options.slots or os.cpu_count() or 1
    )
    api = Api(repository, runner, publish=topics.publish)
    backend = Backend(
        api,
        topics,
        verifier,
        timing=options.timing,
        stats=lambda: {"pid": os.getpid(), "jobs": repository.counts()},
        around=around,
    )

    server = WebServer(backend.app, on_ready=lambda: _announce(folder, key, listener))
    await runner.start(updates(api))
    idle = asyncio.create_task(_end_when_idle(server, backend, runner, options.idle_exit))
    retention = asyncio.create_task(Retention(repository, folder).run(keep))
    try:
        await server.serve([listener])
    finally:
        idle.cancel()
        retention.cancel()
        await runner.stop()
        runtime_file(folder).unlink(missing_ok=True)
    return 0


def updates(api: Api) -> Update:
    """Return what writes a job's own reports, as `Runner.start` takes it."""

    async def update(changes: dict[str, Any]) -> bool:
        inside = {"resultSize": changes.pop("resultSize")} if "resultSize" in changes else None
        answer = await api.execute(UPDATE_JOB, {"input": changes}, inside=inside)
        for error in answer.get("errors", ()):
            log.warning("a job's own report was refused: %s", error["message"])
        return "errors" not in answer

    return update


def _verifier(own_key: Verifier, guests: Path | None) -> Verifier:
    """Return who is let in: the holder of the own key, and whom a file names besides."""
    if guests is None:
        return own_key
    from jupyter_jobs.appsync.auth import read_verifiers

    try:
        settings = json.loads(guests.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read from {guests} who else is let in: {error}"
        ) from error
    return AnyOf([own_key, read_verifiers(settings)])


async def _end_when_idle(
    server: WebServer, backend: Backend, runner: Runner, seconds: float | None
) -> None:
    while seconds is not None:
        await asyncio.sleep(min(_IDLE_LOOK, seconds))
        if backend.sockets or runner.live:
            backend.active_at = time.monotonic()
        elif time.monotonic() - backend.active_at > seconds:
            log.info("nobody has asked for %g s: ending", seconds)
            server.stop()
            return


def _announce(folder: Path, key: str, listener: socket.socket) -> None:
    """Let clients find this backend, and tell whoever started it."""
    host, port = listener.getsockname()[:2]
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    backend = EmbeddedBackend(
        http=f"http://{authority}/graphql",
        realtime=f"ws://{authority}/graphql/realtime",
        pid=os.getpid(),
        started=process_started_at(os.getpid()) or 0,
        key=key,
        version=importlib.metadata.version("jupyter_jobs"),
    )
    backend.write(runtime_file(folder))
    ready = {
        "event": "ready",
        "http": backend.http,
        "realtime": backend.realtime,
        "pid": backend.pid,
    }
    print(json.dumps(ready), flush=True)  # noqa: T201  # the contract with whoever started it
    log.info("ready at %s", backend.http)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # uvicorn tells of each connection with its whole URL, and some clients put their key there.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Memory:
    """Key and port of last time, so that whoever was connected finds the next backend at the same address."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            known = json.loads(path.read_text("utf-8"))
            self.key, self.port = str(known["key"]), int(known["port"])
        except (OSError, ValueError, KeyError, TypeError):
            self.key, self.port = f"da2-{secrets.token_hex(16)}", 0

    def keep(self, key: str, port: int) -> None:
        write_private(self._path, json.dumps({"key": key, "port": port}))


def _bind(options: Options, last_port: int) -> socket.socket:
    try:
        return listen(options.host, options.port or last_port)
    except OSError as error:
        if options.port:
            raise ConfigurationError(
                f"cannot listen on {options.host}:{options.port}: {error.strerror}"
            ) from error
        return listen(options.host, 0)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and an answer in two writes waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder; the system gives it back if this process dies."""
    with open(folder / "serve.lock", "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackendUnavailable(
                f"another backend serves {folder}; choose another folder with --data-dir"
            ) from None
        yield
