"""`JobMonitor`: submit jobs from a cell and watch them in a panel that moves by itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import anywidget
import traitlets

from jupyter_jobs._loop import Tasks, call_soon, loop_thread
from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.finding import EVERYWHERE
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.target import find_target
from jupyter_jobs.widget import fallback, notebook
from jupyter_jobs.widget.actions import ACTIONS, Action, Exchange, perform
from jupyter_jobs.widget.connection import connection_row
from jupyter_jobs.widget.display import Bundle, Displays
from jupyter_jobs.widget.panel import Panel
from jupyter_jobs.widget.panel_state import summary
from jupyter_jobs.widget.plain_calls import PlainCalls
from jupyter_jobs.widget.snapshot import Snapshot, take, take_slowly
from jupyter_jobs.widget.standin import TICK, StandIn

__all__ = ["JobMonitor"]

_STATIC = Path(__file__).parent.parent / "static"
SETTLE = 2.0  # seconds between renewals of the saved summary while jobs change
REST = 1.0  # seconds between ticks while no job is live
_NOT_CURRENT = (ConnectionState.STALE, ConnectionState.RECONNECTING, ConnectionState.AUTH_FAILED)


class JobMonitor(PlainCalls, anywidget.AnyWidget):
    """The jobs of this notebook: submits them, follows them, shows them.

    As the last expression of a cell it is a live panel. Asking again in the same kernel for the same target gives the
    same monitor, so every cell may write `JobMonitor()`.

    Args:
        endpoint: HTTPS URL of an AppSync API; default the embedded backend, which is started if it does not run.
        auth: `ApiKeyAuth`, `TokenAuth` or `IamAuth`; or the word for a mode, as "iam" or "cognito", whose key or token
            is then taken from `JUPYTER_JOBS_API_KEY` or `JUPYTER_JOBS_TOKEN`.
        group: Which jobs belong together; default one a notebook, so that a restarted kernel has its jobs back.
        loop: "notebook" lives on the event loop that runs now, so that callbacks come on the main thread; "thread" on
            a background thread. Where no loop runs, as in a script, it is always the thread, and so it is for an API
            that can only push: nothing else would be heard of it while a cell runs.
        profile: What the API calls things: a `Profile` or the name of one, as "seed"; default this package's schema.
        realtime_url: `wss://` URL for subscriptions, where it cannot be told from the endpoint, as for private APIs.
        region: AWS region of an API with a domain of its own, for "iam".
        ca: PEM file of a private certificate authority.
        amplify: A file that Amplify wrote, to take endpoint, region and authorization from: `amplify_outputs.json`,
            `amplifyconfiguration.json` or `aws-exports.js`.

    What is not given is taken from the environment (`JUPYTER_JOBS_ENDPOINT`, `JUPYTER_JOBS_AUTH`, …), then from IPython's
    configuration (`c.JobMonitor.endpoint = …`); `jupyter-jobs doctor` tells what is found where.

    Raises:
        ConfigurationError: The settings cannot work; the message says which one, where it came from and what to do.
        BackendUnavailable: The embedded backend does not start.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    summary = traitlets.Dict(read_only=True).tag(sync=True)

    _monitors: ClassVar[dict[tuple[Any, ...], JobMonitor]] = {}

    def __new__(
        cls,
        endpoint: str | None = None,
        *,
        auth: Auth | str | None = None,
        group: str | None = None,
        loop: str = "notebook",
        profile: Profile | str | None = None,
        realtime_url: str | None = None,
        region: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        amplify: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Return the kernel's monitor for this target, made if there is none."""
        if loop not in ("notebook", "thread"):
            raise ConfigurationError(f'loop must be "notebook" or "thread", not {loop!r}')
        if group == EVERYWHERE:
            raise ConfigurationError(
                "a monitor has one group: leave group= out for the notebook's own, and look in all of them by "
                'monitor.find(group="*")'
            )
        arguments: dict[str, Any] = {
            "endpoint": endpoint,
            "auth": auth,
            "profile": profile,
            "realtime_url": realtime_url,
            "region": region,
            "ca": ca,
            "amplify": amplify,
        }
        target = find_target(**arguments, settings=notebook.config())
        # While a cell blocks the notebook's loop, questions stand in for events: without any it must be a thread.
        in_notebook = loop == "notebook" and target.profile.can_ask
        home = notebook.running_loop() if in_notebook else None
        group = group or notebook.default_group()
        place = (cls, target.endpoint, target.profile.name, group, home or "thread")
        key = (*place, target.auth.identity)
        monitor = JobMonitor._monitors.get(key)
        if monitor is None or monitor.closed:
            monitor = super().__new__(cls)
            monitor._parts = (key, arguments, target, group, home)
        return monitor

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        auth: Auth | str | None = None,
        group: str | None = None,
        loop: str = "notebook",
        profile: Profile | str | None = None,
        realtime_url: str | None = None,
        region: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        amplify: str | os.PathLike[str] | None = None,
    ) -> None:
        if (parts := self.__dict__.pop("_parts", None)) is None:
            return  # made before; this is another name for it
        self._key, self._arguments, target, group, home = parts
        in_thread = home is None
        self._home = home or loop_thread()
        self._standin = (
            None
            if in_thread
            else StandIn(self._home, is_needed=self._has_live, catch_up=self._catch_up)
        )
        self._client = JobClient(
            target,
            group=group,
            loop=self._home,
            blocking=self._standin.blocking if self._standin else None,
        )
        self._tasks = Tasks(self._home)
        self._panel = Panel(
            self._client, connection=self._connection, send=self._tell_page, act=self._act
        )
        self._actions = {**ACTIONS, "reconnect": Action(self._reconnect, is_slow=True)}
        self._kinds: dict[str, str] = {}
        self._displays = Displays(
            take=self._take,
            bundle=self._bundle,
            has_live=self._has_live,
            is_watched=lambda: self._panel.has_pages,
        )
        self._summary_due = 0.0
        self._summary_stale = True
        self._ticked_at = time.monotonic()
        super().__init__()
        self.on_msg(lambda _widget, message, _buffers: self._panel.receive(message))
        self._client.store.observe(self._renew_soon)
        self._client.store.observe(self._displays.touch)
        if self._standin is not None:
            self._client.store.observe(self._standin.job_changed)
        self._client.watch(self._renew_soon)
        call_soon(self._home, self._start)
        JobMonitor._monitors[self._key] = self

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._client.closed

    def reconnect(self, auth: Auth | str | None = None) -> None:
        """Connect now: with new credentials, after some were refused, or to cut a wait short. From any thread.

        Args:
            auth: What to show from now on, as in `JobMonitor(auth=…)`. Default: what is found where the present
                credentials were found, as a new token in `JUPYTER_JOBS_TOKEN`.

        Raises:
            ConfigurationError: The credentials cannot work, or by now the settings name another API.
            MonitorClosed: After `close`.
        """
        self._client.check_open()
        target = self._client.target
        arguments = self._arguments if auth is None else {**self._arguments, "auth": auth}
        found = find_target(**arguments, settings=notebook.config())
        if found.endpoint != target.endpoint:
            raise ConfigurationError(
                f"the settings now name another API than {target.name}: JobMonitor() makes a monitor of it"
            )
        self._arguments = arguments
        *place, identity = self._key
        if found.auth.identity == identity:
            return self._client.reconnect()
        self._forget()
        self._key = (*place, found.auth.identity)
        JobMonitor._monitors.setdefault(self._key, self)
        self._client.reconnect(found.auth)

    def freeze(self) -> None:
        """Replace the panel by plain HTML and text in all outputs that show it, at most the last 20 of this kernel.

        Do so before you save a notebook that others are to read, or commit it. A panel lives by its kernel: reopened
        without, JupyterLab shows an error in its place, though GitHub and nbviewer show the text and HTML beside it.
        The monitor goes on; shown again, it is a live panel.
        """
        self._displays.replace()

    def close(self) -> None:
        """Put a plain picture in the panel's place and end the updates; the jobs go on. Twice without harm."""
        if self.closed:
            return
        if self._standin is not None:
            self._standin.close()
        self._client.close()
        self._forget()
        call_soon(self._home, self._stop)
        self._displays.replace()
        super().close()
        self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets leaves None there

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the synced state, the summary as it is now."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        # A page or a notebook asks for all; a key is asked for when its trait was just set.
        if key is None:
            state["summary"] = self._summary()
        return state

    def __repr__(self) -> str:
        state = "closed" if self.closed else fallback.sentence(self._client.store)
        connection = self._client.connection.state
        if connection in _NOT_CURRENT:
            state = f"{state}; {connection.replace('_', ' ')}"
        return f"JobMonitor({self._client.target.name}: {state})"

    @property
    def _ipython_display_(self) -> Callable[[], None]:
        """Shows it in an output that can be renewed. Where no kernel is, there is none and the bundle is shown."""
        if notebook.kernel_shell() is None:
            raise AttributeError("outputs can be renewed in a Jupyter kernel only")
        return self._displays.show

    def _repr_mimebundle_(self, **kwargs: Any) -> Bundle:
        snapshot = take(self._client.store.current(), self._now(), self._kinds)
        return self._bundle(snapshot, True, **kwargs)

    def _bundle(self, snapshot: Snapshot, with_widget: bool, **kwargs: Any) -> Bundle:
        data: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        if with_widget and not self.closed and not notebook.is_noninteractive():
            data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        plain = {"text/plain": fallback.text(snapshot), "text/html": fallback.html(snapshot)}
        return {**data, **plain}, metadata

    def _take(self) -> Iterator[Snapshot | None]:
        return take_slowly(self._client.store.current(), self._now(), self._kinds)

    def _now(self) -> float | None:
        """Return when the jobs were as they are known; None where no time is to be told."""
        return None if notebook.is_noninteractive() else self._client.current_at or time.time()

    def _forget(self) -> None:
        if JobMonitor._monitors.get(self._key) is self:
            del JobMonitor._monitors[self._key]

    def _start(self) -> None:
        self._client.start()
        self._tasks.keep(self._tick, name="jupyter-jobs tick")

    def _stop(self) -> None:
        self._tasks.spawn(self._close_all(), name="jupyter-jobs close")

    async def _close_all(self) -> None:
        await self._client.aclose()
        await self._tasks.cancel()

    async def _tick(self) -> None:
        """Every `TICK` seconds while jobs live: keeps Interrupt prompt, tells the stand-in that the loop runs."""
        while True:
            now = time.monotonic()
            if self._standin is not None:
                self._standin.ticked()
            self._panel.on_tick(min(now - self._ticked_at, 2 * REST))
            self._ticked_at = now
            if self._summary_stale and now >= self._summary_due:
                self._renew()
                self._summary_due = now + SETTLE
            if self._displays.is_due():
                self._tasks.spawn(self._displays.renew(), name="jupyter-jobs outputs")
            await asyncio.sleep(TICK if self._has_live() else REST)

    def _has_live(self) -> bool:
        return self._client.store.has_live and not self.closed

    def _catch_up(self) -> None:
        self._client.api.drive_sync(self._client.reconciler.calls())
        self._panel.catch_up()

    def _act(
        self, name: str, ids: Sequence[Any], reply: Callable[[Mapping[str, Any]], None]
    ) -> None:
        perform(self._client, name, ids, reply, actions=self._actions)

    def _reconnect(self, *_: object) -> Exchange:
        self.reconnect()  # may start a backend
        yield from ()
        return {}

    def _tell_page(self, message: Mapping[str, Any]) -> None:
        self.send(message)

    def _renew_soon(self, *_: object) -> None:
        self._summary_stale = True

    def _renew(self) -> None:
        """Sync the summary: while jobs live only for a page that looks, and once when all have ended."""
        if self._panel.has_pages or not self._has_live():
            self._summary_stale = False
            self._panel.publish(self.set_trait, "summary", self._summary())

    def _summary(self) -> dict[str, Any]:
        now = round(time.time() * 1000)
        return summary(self._client.store, self._connection(), self._client.target.name, now)

    def _connection(self) -> dict[str, Any]:
        return connection_row(self._client)
