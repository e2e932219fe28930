"""One connection and its subscriptions: opened when needed, replaced when lost or old, closed when unused.

One task runs for as long as somebody subscribes. It opens a socket, uses it until it is lost, waits, and begins
again; what is subscribed is started anew on each socket. What a loss means is told by its `Consequence`: refused
credentials are asked for once more, and then nothing is tried before there are others or `reconnect_now()`, so that
nobody storms a door that is shut; a single start whose credentials are refused waits in the same way, while
its siblings go on. A socket that comes of age, which the service would cut, is replaced by one on
which everything has started before the old one goes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.backoff import Backoff, Failures
from jupyter_jobs.appsync.link import Door, Link
from jupyter_jobs.appsync.protocol import (
    ClientEvent,
    Consequence,
    Full,
    Lost,
    Opened,
    Refused,
    Revived,
    Stale,
    Started,
)
from jupyter_jobs.appsync.protocol.subscriptions import MAX_OPERATIONS
from jupyter_jobs.appsync.protocol.tables import describe
from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus
from jupyter_jobs.appsync.subscription import Owner, Subscription, guarded

__all__ = ["AUTH_POLL_S", "RECYCLE_BACKOFF", "Channel"]

log = logging.getLogger("jupyter_jobs.appsync")

AUTH_POLL_S = 60.0
"""How often it is looked whether there are other credentials, after they were refused."""
RECYCLE_BACKOFF = Backoff(base_s=60.0, cap_s=900.0)
"""An hour is left when the first attempt to replace an old socket fails."""
_ADVICE = (
    "check the key or token, then monitor.reconnect(), or monitor.reconnect(auth=…) with another"
)


class Channel:
    """Keeps one connection up for as long as it has subscriptions. All methods belong to the loop's thread.

    Attributes:
        status: How it is doing.
    """

    def __init__(self, door: Door, owner: Owner[Channel]) -> None:
        self.status = ConnectionStatus()
        self._door = door
        self._owner = owner
        self._timing = door.timing
        self._loop = door.tasks.loop
        self._limit = MAX_OPERATIONS
        self._subscriptions: dict[str, Subscription] = {}
        self._failures = Failures(door.timing.backoff, is_loopback=door.endpoint.is_loopback)
        self._renewing = False
        self._parked_reason = ""
        self._stop_parking: Callable[[], None] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._successor: Link | None = None
        self._nudged = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more may be put on it: what the server may still hold counts, also what was stopped."""
        held = [link.connection.occupied for link in self._links()]
        return max(held, default=len(self._subscriptions)) < self._limit

    def add(self, subscription: Subscription) -> None:
        """Subscribe, opening the connection if there is none."""
        self._subscriptions[subscription.key] = subscription
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._runner is None:
            self._run_anew(ConnectionState.CONNECTING)
        for link in self._links():
            link.start(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Unsubscribe; a connection that nobody uses is kept for a while."""
        self._leave(subscription.key)

    def reconnect_now(self) -> None:
        """End a wait, or the next one if an attempt is under way; a stale connection is replaced."""
        if self.status.state is not ConnectionState.CONNECTED:
            self._nudged.set()
        if self.status.state is ConnectionState.STALE and self._link is not None:
            self._link.lose("a new connection was asked for")

    def wake(self) -> None:
        """See whether the other side is still there, after a sleep or a long block; end a wait for the network."""
        if self.status.state is ConnectionState.RECONNECTING:
            self._failures.forget()
            self._nudged.set()
        for link in self._links():
            link.check()

    def close(self) -> None:
        """End it; what is still subscribed is forgotten without a word."""
        runner, self._runner = self._runner, None
        if self._linger is not None:
            self._linger.cancel()
        if runner is not None:
            runner.cancel()

    # The life of the connection

    def _run_anew(self, state: ConnectionState) -> None:
        self._tell(state)
        self._runner = self._door.tasks.spawn(self._run(), name="appsync connection")
        self._runner.add_done_callback(self._run_ended)

    def _run_ended(self, runner: asyncio.Task[None]) -> None:
        """Begin again after an end that nobody wanted: an interrupt by the user can hit any task of the loop."""
        if runner is self._runner and not runner.cancelled():
            self._failures.add()
            self._run_anew(ConnectionState.RECONNECTING)

    async def _run(self) -> None:
        if self._failures.count:
            await self._wait(self._failures.delay())
        while True:
            lost, worked_s = await self._open_and_use()
            self._failures.add(worked_s)
            if worked_s and self._failures.count == 1:
                self._renewing = False
            await self._recover(lost, redact(lost.reason))

    async def _recover(self, lost: Lost, reason: str) -> None:
        """Let pass what has to pass before the next attempt."""
        host = self._door.endpoint.host
        if lost.consequence is Consequence.RENEW and not self._renewing:
            self._renewing = True
            log.info("%s: asking for fresh credentials, for %s", host, reason)
            self._tell(ConnectionState.RECONNECTING, reason)
        elif lost.consequence in (Consequence.RENEW, Consequence.REFUSE):
            reason = f"{reason.rstrip('.')}; {_ADVICE}"
            log.error("%s refused the connection for good: %s", host, reason)
            self._tell(ConnectionState.AUTH_FAILED, reason)
            await self._other_credentials()
            self._failures.forget()
            self._renewing = False
            self._tell(ConnectionState.RECONNECTING)
        else:
            delay = self._failures.delay(offline=lost.offline, at_least_s=lost.retry_after)
            log.info("%s: %s; next attempt in %.1f s", host, reason, delay)
            self._tell(ConnectionState.RECONNECTING, reason, retry_at=time.time() + delay)
            await self._wait(delay)
            self._tell(ConnectionState.RECONNECTING, reason)

    async def _other_credentials(self) -> None:
        """Wait until there are others than those that were refused, or `reconnect_now()`."""
        while not await self._wait(AUTH_POLL_S):
            if await self._door.has_other_credentials():
                return

    async def _wait(self, seconds: float) -> bool:
        """Wait; return whether it was cut short."""
        try:
            async with asyncio.timeout(seconds):
                return await self._nudged.wait()
        except TimeoutError:
            return False
        finally:
            self._nudged.clear()

    async def _open_and_use(self) -> tuple[Lost, float]:
        """Use one socket, and what replaces it in time, until one is lost; return why, and after how many seconds."""
        link = await self._open()
        if isinstance(link, Lost):
            return link, 0.0
        self._link = link
        stop_recycling = self._door.tasks.keep(self._recycle, name="appsync recycling")
        try:
            while True:
                # Not awaited itself: an interrupt that ends it would be raised a second time here.
                await asyncio.wait({link.running})
                if self._link is link and not self._promote():
                    break
                link = self._link
        finally:
            if not self._loop.is_closed():
                stop_recycling()
                self._end_parking()
                for left in self._links():
                    left.running.cancel()
            self._link = self._successor = None
        if link.running.cancelled() or link.running.exception() is not None:
            return Lost("an accident in its task"), 0.0
        worked_s = 0.0 if link.opened_at is None else self._loop.time() - link.opened_at
        return link.running.result(), worked_s

    async def _open(self) -> Link | Lost:
        """Open a socket for all subscriptions."""
        websocket = await self._door.open(renew=self._renewing)
        if isinstance(websocket, Lost):
            return websocket
        return Link(
            self._door,
            websocket,
            self._subscriptions.values(),
            capacity=self._limit,
            deliver=self._deliver,
            handle=self._handle,
        )

    async def _recycle(self) -> None:
        """Replace the socket before the service cuts it; if there is no other, it stays and it is tried again."""
        age = self._timing.recycle_after_s
        failures, wait = 0, age * random.uniform(0.95, 1.0)
        while True:
            await asyncio.sleep(wait)
            if await self._succeed():
                failures, wait = 0, age * random.uniform(0.95, 1.0)
            else:
                failures += 1
                wait = RECYCLE_BACKOFF.delay(failures)

    async def _succeed(self) -> bool:
        """Open a second socket, and use it in place of the first once everything on it has started."""
        successor = await self._open()
        if isinstance(successor, Lost):
            log.info(
                "%s: no new socket yet: %s", self._door.endpoint.host, redact(successor.reason)
            )
            return False
        self._successor = successor
        while self._successor is successor and not successor.is_settled:
            if successor.running.done():
                self._successor = None
                return False
            successor.changed.clear()
            await successor.changed.wait()
        old = self._link
        if self._promote() and old is not None:
            log.info("%s: replaced an old socket", self._door.endpoint.host)
            old.finish()
        return True

    def _promote(self) -> bool:
        """Use the successor from now on, if it is open."""
        if self._successor is None or self._successor.opened_at is None:
            return False
        self._link, self._successor = self._successor, None
        self._mind_parked()
        return True

    def _links(self) -> list[Link]:
        return [link for link in (self._link, self._successor) if link is not None]

    def _deliver(self, key: str, payload: dict[str, Any]) -> None:
        if (subscription := self._subscriptions.get(key)) is not None:
            guarded(subscription.on_data, payload)

    def _handle(self, link: Link, event: ClientEvent) -> None:
        if link not in self._links():
            return  # it was replaced, and what ends on it goes on
        match event:
            case Started():
                if (subscription := self._subscriptions.get(event.key)) is not None:
                    self._owner.started(subscription)
                    guarded(subscription.on_started)
            case Refused(unauthorized=True) if event.key in self._subscriptions:
                self._park(link, event)
            case Refused():
                if (subscription := self._leave(event.key)) is not None:
                    self._owner.refused(subscription, self._door.refusal(event))
            case Full():
                self._limit = min(self._limit, link.connection.capacity)
                if (subscription := self._leave(event.key)) is not None:
                    self._owner.full(subscription, alone=event.alone)
            case Opened() if link is self._link:
                log.info("✓ Shared AppSync client connected")
                self._nudged.clear()
                self._tell_open()
            case Stale() if link is self._link:
                host = self._door.endpoint.host
                self._tell(ConnectionState.STALE, f"{host} has been silent for long")
            case Revived() if link is self._link:
                self._tell_open()

    def _park(self, link: Link, event: Refused) -> None:
        """Keep one whose credentials were refused, fresh ones too, until there are others; its siblings go on."""
        link.park(event.key)
        said = redact(describe(event.errors)).rstrip(".")
        self._parked_reason = f"{self._door.endpoint.host} refused the credentials of a subscription: {said}; {_ADVICE}"
        if link is self._link:
            self._mind_parked()

    def _mind_parked(self) -> None:
        """Look for other credentials for as long as anything on the socket in use waits for them."""
        if self._link is None or not self._link.parked:
            self._end_parking()
        elif self._stop_parking is None:
            log.error("%s", self._parked_reason)
            self._stop_parking = self._door.tasks.keep(self._try_parked, name="appsync parking")
        self._tell_open()

    def _end_parking(self) -> None:
        if self._stop_parking is not None:
            self._stop_parking()
            self._stop_parking = None

    async def _try_parked(self) -> None:
        await self._other_credentials()
        self._stop_parking = None
        if self._link is not None:
            for key in tuple(self._link.parked):
                self._link.parked.discard(key)
                self._link.start(self._subscriptions[key])
        self._tell_open()

    def _leave(self, key: str) -> Subscription | None:
        """Take one off that has ended on one socket: off the other too."""
        subscription = self._subscriptions.pop(key, None)
        was_parked = self._link is not None and key in self._link.parked
        for link in self._links():
            link.stop(key)
        if was_parked:
            self._mind_parked()
        self._linger_if_unused()
        return subscription

    def _linger_if_unused(self) -> None:
        if not self._subscriptions and self._linger is None and self._runner is not None:
            self._linger = self._loop.call_later(self._timing.linger_s, self._owner.unused, self)

    def _tell_open(self) -> None:
        """Tell that the socket is open, or which of its subscriptions wait for other credentials."""
        if self._link is not None and self._link.parked:
            self._tell(ConnectionState.AUTH_FAILED, self._parked_reason)
        else:
            self._tell(ConnectionState.CONNECTED)

    def _tell(
        self, state: ConnectionState, error: str = "", *, retry_at: float | None = None
    ) -> None:
        attempt = 0 if state is ConnectionState.CONNECTED else self._failures.count
        self.status = ConnectionStatus(state, attempt, retry_at, error)
        self._owner.told()
