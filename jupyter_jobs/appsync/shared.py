"""The one connection that all clients of an API share: opened when needed, reconnected, closed when unused.

One task runs for as long as somebody subscribes. It opens a socket, pumps it until it is lost, waits, and begins
again; what is subscribed is started anew on each socket. What a loss means is told by its `Consequence`: refused
credentials are asked for once more and then wait for `reconnect_now()`, so that nobody storms a door that is shut.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from jupyter_jobs._loop import Tasks
from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.auth import Attempt, Auth, Purpose, ask, authorization
from jupyter_jobs.appsync.backoff import HEALTHY_S
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    ClientEvent,
    Consequence,
    Lost,
    NeedsAuthorization,
    Opened,
    Refused,
    Revived,
    Stale,
    Started,
    State,
)
from jupyter_jobs.appsync.protocol.tables import describe
from jupyter_jobs.appsync.realtime import Pump, Timing, open_websocket
from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus
from jupyter_jobs.errors import (
    ConfigurationError,
    LocalProtocolError,
    SubscriptionRefused,
    Unauthorized,
    WireError,
)

__all__ = ["SharedConnection", "Subscription", "acquire", "guarded"]

log = logging.getLogger("jupyter_jobs.appsync")

_keys = itertools.count(1)


class Subscription:
    """One subscription, across all reconnects; made by `AppSyncClient.subscribe`.

    Attributes:
        key: Its name in the log.
        data: JSON text of its query and variables.
    """

    def __init__(
        self,
        shared: SharedConnection,
        data: str,
        *,
        on_started: Callable[[], object],
        on_data: Callable[[dict[str, Any]], object],
        on_ended: Callable[[WireError | None], object],
    ) -> None:
        self.key = f"subscription {next(_keys)}"
        self.data = data
        self.on_started = on_started
        self.on_data = on_data
        self.on_ended = on_ended
        self._shared: SharedConnection | None = shared

    @property
    def closed(self) -> bool:
        """Whether it has ended, by `close()` or by refusal."""
        return self._shared is None

    def close(self) -> None:
        """End it, on the loop's thread; `on_ended(None)` is called before this returns. Twice does no harm."""
        if self._shared is not None:
            self._shared.remove(self)
            self.end(None)

    def move(self, shared: SharedConnection) -> None:
        """Go on over another connection, where it is started anew; for the client's use."""
        if self._shared is not None:
            self._shared.remove(self)
            self._shared = shared
            shared.add(self)

    def end(self, error: WireError | None) -> None:
        """Note that it has ended, and tell; for the connection's use."""
        self._shared = None
        guarded(self.on_ended, error)

    def __repr__(self) -> str:
        return f"Subscription({self.key}{', closed' if self.closed else ''})"


class SharedConnection:
    """Keeps one connection up for as long as there are subscriptions. All methods belong to the loop's thread."""

    def __init__(
        self, endpoint: Endpoint, auth: Auth, timing: Timing, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.users = 0
        self.status = ConnectionStatus()
        self._endpoint = endpoint
        self._auth = auth
        self._timing = timing
        self._tasks = Tasks(loop)
        self._subscriptions: dict[str, Subscription] = {}
        self._observers: list[Callable[[ConnectionStatus], object]] = []
        self._runner: asyncio.Task[None] | None = None
        self._pump: Pump | None = None
        self._opened_at: float | None = None
        self._failures = 0
        self._nudged = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None

    def add(self, subscription: Subscription) -> None:
        """Subscribe, opening the connection if there is none."""
        self._subscriptions[subscription.key] = subscription
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._runner is None:
            self._run_anew(ConnectionState.CONNECTING)
        elif self._pump is not None and self._pump.connection.state is not State.CLOSED:
            pump, now = self._pump, self._tasks.loop.time()
            pump.settle(pump.connection.subscribe(subscription.key, subscription.data, now))

    def remove(self, subscription: Subscription) -> None:
        """Unsubscribe; a connection that nobody uses is kept for a while."""
        del self._subscriptions[subscription.key]
        if self._pump is not None:
            pump, now = self._pump, self._tasks.loop.time()
            pump.settle(pump.connection.stop(subscription.key, now))
        self._linger_if_unused()

    def observe(self, callback: Callable[[ConnectionStatus], object]) -> Callable[[], None]:
        """Call back at each change of status, until what is returned is called."""
        self._observers.append(callback)

        def remove() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return remove

    def reconnect_now(self) -> None:
        """End a wait, also the endless one after refused credentials; a stale connection is replaced."""
        self._nudged.set()
        if self.status.state is ConnectionState.STALE and self._pump is not None:
            self._pump.lose(Lost("a new connection was asked for"))

    def check_loop(self) -> None:
        """Raise unless this is the thread of the connection's loop.

        Raises:
            LocalProtocolError: Another loop runs here, or none.
        """
        if _running_loop() is not self._tasks.loop:
            raise LocalProtocolError(
                "this client belongs to another event loop; make one for each loop"
            )

    async def release(self) -> None:
        """Count one user less; the last one closes the connection."""
        self.users -= 1
        if self.users == 0:
            if self._linger is not None:
                self._linger.cancel()
            self._runner = None
            self._tell(ConnectionState.CLOSED)
            await self._tasks.cancel()

    # The life of the connection

    def _run_anew(self, state: ConnectionState) -> None:
        self._tell(state)
        self._runner = self._tasks.spawn(self._run(), name="appsync connection")
        self._runner.add_done_callback(self._run_ended)

    def _run_ended(self, runner: asyncio.Task[None]) -> None:
        """Begin again after an end that nobody wanted: an interrupt by the user can hit any task of the loop."""
        if runner is not self._runner:
            return
        self._runner = self._pump = None
        if not runner.cancelled():
            self._failures += 1
            self._run_anew(ConnectionState.RECONNECTING)

    async def _run(self) -> None:
        renewed = False
        if self._failures:
            await self._wait(self._timing.backoff.delay(self._failures))
        while True:
            lost = await self._connect_and_pump()
            opened_at, self._opened_at = self._opened_at, None
            if opened_at is not None and self._tasks.loop.time() - opened_at >= HEALTHY_S:
                self._failures, renewed = 0, False
            self._failures += 1
            reason = redact(lost.reason)
            if lost.consequence is Consequence.RENEW and not renewed:
                renewed = True
                log.info("%s: asking for fresh credentials, for %s", self._endpoint.host, reason)
                self._tell(ConnectionState.RECONNECTING, reason)
            elif lost.consequence in (Consequence.RENEW, Consequence.REFUSE):
                log.error("%s refused the connection for good: %s", self._endpoint.host, reason)
                self._tell(ConnectionState.AUTH_FAILED, reason)
                await self._wait(None)
                self._failures, renewed = 0, False
                self._tell(ConnectionState.RECONNECTING)
            else:
                delay = self._timing.backoff.delay(self._failures)
                log.info("%s: %s; next attempt in %.1f s", self._endpoint.host, reason, delay)
                self._tell(ConnectionState.RECONNECTING, reason, retry_at=time.time() + delay)
                await self._wait(delay)
                self._tell(ConnectionState.RECONNECTING, reason)

    async def _wait(self, seconds: float | None) -> None:
        self._nudged.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        except TimeoutError:
            return

    async def _connect_and_pump(self) -> Lost:
        """Open one socket and use it until it is lost."""
        attempt = Attempt(Purpose.CONNECT, self._endpoint)
        try:
            async with asyncio.timeout(self._timing.open_s):
                headers = await ask(self._auth, attempt)
        except ConfigurationError as exc:
            return Lost(str(exc), Consequence.REFUSE)
        except TimeoutError:
            return Lost(f"the credentials did not come within {self._timing.open_s:g} s")
        except Unauthorized as exc:
            return Lost(str(exc))
        try:
            handshake = authorization(self._endpoint, headers)
            websocket = await open_websocket(self._endpoint, handshake, self._timing)
        except Unauthorized as exc:
            return Lost(str(exc), Consequence.RENEW)
        except WireError as exc:
            return Lost(str(exc))
        pump = Pump(
            websocket,
            ClientConnection(),
            self._tasks,
            self._timing,
            deliver=self._deliver,
            handle=self._handle,
        )
        now = self._tasks.loop.time()
        for subscription in self._subscriptions.values():
            pump.connection.subscribe(subscription.key, subscription.data, now)
        self._pump = pump
        try:
            return await pump.run()
        finally:
            if self._pump is pump:
                self._pump = None

    def _deliver(self, key: str, payload: dict[str, Any]) -> None:
        if (subscription := self._subscriptions.get(key)) is not None:
            guarded(subscription.on_data, payload)

    def _handle(self, event: ClientEvent) -> None:
        match event:
            case Started():
                if (subscription := self._subscriptions.get(event.key)) is not None:
                    guarded(subscription.on_started)
            case NeedsAuthorization():
                assert self._pump is not None
                self._tasks.spawn(self._authorize(self._pump, event), name="appsync credentials")
            case Refused():
                if (subscription := self._subscriptions.pop(event.key, None)) is not None:
                    subscription.end(self._refusal(event))
                    self._linger_if_unused()
            case Opened():
                log.info("%s: connected", self._endpoint.host)
                self._opened_at = self._tasks.loop.time()
                self._tell(ConnectionState.CONNECTED)
            case Stale():
                self._tell(ConnectionState.STALE, f"{self._endpoint.host} has been silent for long")
            case Revived():
                self._tell(ConnectionState.CONNECTED)

    async def _authorize(self, pump: Pump, event: NeedsAuthorization) -> None:
        attempt = Attempt(Purpose.START, self._endpoint, event.data)
        loop, connection = self._tasks.loop, pump.connection
        try:
            async with asyncio.timeout(self._timing.open_s):
                headers = await ask(self._auth, attempt)
        except (ConfigurationError, TimeoutError, Unauthorized) as exc:
            log.warning("a subscription must wait for its credentials: %s", redact(str(exc)))
            pump.settle(connection.postpone(event.id, loop.time()))
        else:
            connection.authorize(event.id, authorization(self._endpoint, headers), loop.time())
            pump.settle([])

    def _refusal(self, event: Refused) -> WireError:
        host, reason = self._endpoint.host, redact(describe(event.errors))
        if event.unauthorized:
            advice = "check the key or token in auth="
            return Unauthorized(f"{host} refused a subscription: {reason}; {advice}", host=host)
        advice = "check that the API has it and that this key may use it"
        return SubscriptionRefused(f"{host} refused a subscription: {reason}; {advice}", host=host)

    def _linger_if_unused(self) -> None:
        if not self._subscriptions and self._linger is None:
            loop = self._tasks.loop
            self._linger = loop.call_later(self._timing.linger_s, self._retire)

    def _retire(self) -> None:
        runner, self._runner = self._runner, None
        self._linger = self._pump = None
        self._failures = 0
        if runner is not None:
            runner.cancel()
            log.info("%s: closed, for nobody subscribes", self._endpoint.host)
            self._tell(ConnectionState.IDLE)

    def _tell(
        self, state: ConnectionState, error: str = "", *, retry_at: float | None = None
    ) -> None:
        attempt = 0 if state in _AT_REST else self._failures
        status = ConnectionStatus(state, attempt, retry_at, error)
        if status != self.status:
            if state is self.status.state:
                status = replace(status, since=self.status.since)
            self.status = status
            log.debug("= %s", status)
            for observer in tuple(self._observers):
                guarded(observer, status)


_AT_REST = (
    ConnectionState.IDLE,
    ConnectionState.CONNECTED,
    ConnectionState.CLOSED,
)

_registry: WeakValueDictionary[object, SharedConnection] = WeakValueDictionary()


def acquire(endpoint: Endpoint, auth: Auth, timing: Timing) -> SharedConnection:
    """Return the connection of this endpoint, identity and running loop, counting one user more."""
    loop = _running_loop()
    # The connection refers to its loop, so while the entry lives no other loop can have that id.
    key = (endpoint, auth.identity, id(loop))
    shared = _registry.get(key)
    if shared is None or shared.status.state is ConnectionState.CLOSED:
        shared = _registry[key] = SharedConnection(endpoint, auth, timing, loop)
    shared.users += 1
    return shared


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError as exc:
        raise LocalProtocolError(
            "no event loop runs on this thread; hand the call over with loop.call_soon_threadsafe()"
        ) from exc


def guarded(callback: Callable[..., object], *args: object) -> None:
    """Call someone else's code: its failure goes to the log and never into the reader."""
    try:
        callback(*args)
    except Exception:
        log.exception("a callback failed: %r", callback)
