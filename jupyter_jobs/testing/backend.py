"""The backend of a test: the embedded one's parts on a thread of its own, with a script for a runner."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jupyter_jobs.appsync.auth import ApiKeyVerifier, Purpose
from jupyter_jobs.backend.api.resolvers import Api, build
from jupyter_jobs.backend.faults import Faults, FaultyApp
from jupyter_jobs.backend.life.address import listen
from jupyter_jobs.backend.life.keys import make_key
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.backend.server import updates
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.web.app import Backend
from jupyter_jobs.backend.web.web_server import WebServer
from jupyter_jobs.errors import Unauthorized
from jupyter_jobs.jobs.embedded import EmbeddedBackend, process_started_at, runtime_file
from jupyter_jobs.testing.runner import Clock, ScriptedRunner
from jupyter_jobs.testing.script import Script

__all__ = ["ScriptedBackend"]

T = TypeVar("T")

START_S = 30.0  # on a machine that is busy with other tests


class ScriptedBackend:
    """A backend for one data folder, on a thread of its own. All methods may be called from any thread.

    Args:
        folder: Of its data; plain `JobMonitor()` finds it where `JUPYTER_JOBS_DATA_DIR` says so.
        script: What jobs come to.

    Attributes:
        port: Where it listens, on loopback.
        runner: Plays the jobs; belongs to its thread.
    """

    def __init__(self, folder: Path, script: Script) -> None:
        self.port = 0
        self.runner: ScriptedRunner
        self._folder = folder
        self._script = script
        self._keys = _Keys()
        self._faults = Faults()
        self._server: _Server
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="scripted jobs", daemon=True)

    def start(self) -> None:
        """Serve; returns when connections are accepted."""
        self._thread.start()
        if not self._ready.wait(START_S):
            raise TimeoutError(f"the backend of the test did not start within {START_S:g} s")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End, and cut off whoever is still connected; nothing if it was never started."""
        if self._thread.ident is None:
            return
        if self._thread.is_alive() and self._failure is None:
            self._loop.call_soon_threadsafe(self._server.cut)
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on its thread and return what it comes to."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on its thread and return what it does."""

        async def call() -> T:
            return function(*args)

        return self.run(call())

    def do_wrong(self, rules: list[Mapping[str, Any]]) -> None:
        """Go over to these faults, see `backend.faults.rules`; none for an empty list."""
        self.call(self._faults.replace, {"rules": rules})

    def cut(self) -> None:
        """Reset all connections."""
        self.call(self._server.cut)

    def change_key(self) -> None:
        """Take another key from now on; the one before has expired."""
        self.call(self._keys.change)
        self._announce()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        clock = Clock(time.time())
        topics = Topics(build())
        path = self._folder / "jobs.sqlite"
        with (
            contextlib.closing(Repository(path, now=clock.text)) as repository,
            listen("127.0.0.1", 0) as listener,
        ):
            self.port = listener.getsockname()[1]
            self.runner = ScriptedRunner(repository, self._folder, self._script, clock)
            api = Api(repository, self.runner, publish=topics.publish)
            backend = Backend(
                api,
                topics,
                self._keys,
                around=lambda app: FaultyApp(
                    app, self._faults, self._keys, lambda scope: self._server.transport(scope)
                ),
            )
            self._server = _Server(backend.app, on_ready=self._accepts)
            await self.runner.start(updates(api))
            try:
                await self._server.serve([listener])
            finally:
                await self.runner.stop()
                runtime_file(self._folder).unlink(missing_ok=True)

    def _accepts(self) -> None:
        self._announce()
        self._ready.set()

    def _announce(self) -> None:
        EmbeddedBackend(
            http=f"http://127.0.0.1:{self.port}/graphql",
            realtime=f"ws://127.0.0.1:{self.port}/graphql/realtime",
            pid=os.getpid(),
            started=process_started_at(os.getpid()) or 0,
            key=self._keys.present,
            version=importlib.metadata.version("jupyter_jobs"),
            renews=False,
        ).write(runtime_file(self._folder))


class _Server(WebServer):
    """Does nothing about the signals of the process, and can reset its connections."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the test."""
        yield

    def cut(self) -> None:
        """Reset all connections."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Keys:
    """The key of the backend, and those that have expired."""

    def __init__(self) -> None:
        self._expired: list[str] = []
        self._make()

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the present key is shown."""
        if headers.get("x-api-key") in self._expired:
            raise Unauthorized("Token has expired.")
        self._verifier.verify(headers, purpose, body)

    def change(self) -> None:
        """Take another key in place of the present one."""
        self._expired.append(self.present)
        self._make()

    def _make(self) -> None:
        self.present = make_key()
        self._verifier = ApiKeyVerifier([self.present])
