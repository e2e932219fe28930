"""The connection that all clients of an API share: as few channels as hold their subscriptions, mostly one.

The service holds 100 subscriptions on a connection (Service Quotas, "Subscriptions per client connection"), so what
does not fit on the first channel goes to a further one, which is closed when nothing is on it any more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from weakref import WeakValueDictionary

from jupyter_jobs._loop import Tasks
from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.channel import Channel
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.link import Door
from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus
from jupyter_jobs.appsync.subscription import Subscription, guarded
from jupyter_jobs.appsync.timing import Timing
from jupyter_jobs.appsync.wakes import LOOK_EVERY_S, Wakes
from jupyter_jobs.errors import LocalProtocolError, SubscriptionRefused, WireError

__all__ = ["SharedConnection", "acquire"]

log = logging.getLogger("jupyter_jobs.appsync")

_WORST_FIRST = (
    ConnectionState.AUTH_FAILED,
    ConnectionState.RECONNECTING,
    ConnectionState.STALE,
    ConnectionState.CONNECTED,
    ConnectionState.CONNECTING,  # a further one, for more subscriptions, is no news
)


class SharedConnection:
    """Keeps all subscriptions up. All methods belong to the loop's thread.

    Args:
        endpoint: The API.
        auth: Whose subscriptions they are.
        timing: How patient its connections are.
        loop: Where they live.
        wall: Seconds since the epoch.

    Attributes:
        users: How many clients share it.
        status: Of the channel that is doing worst.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        auth: Auth,
        timing: Timing,
        loop: asyncio.AbstractEventLoop,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.users = 0
        self.status = ConnectionStatus()
        self._loop = loop
        self._tasks = Tasks(loop)
        self._make_door = partial(Door, endpoint, auth, timing, self._tasks)
        self._host = endpoint.host
        self._channels: list[Channel] = []
        self._places: dict[str, Channel] = {}
        self._displaced: dict[str, Subscription] = {}
        self._observers: list[Callable[[ConnectionStatus], object]] = []
        self._wakes = Wakes(wall, loop.time)
        self._look: asyncio.TimerHandle | None = None

    def add(self, subscription: Subscription) -> None:
        """Subscribe on the first channel that has room, or on a new one."""
        channel = next((channel for channel in self._channels if channel.has_room), None)
        if channel is None:
            channel = Channel(self._make_door(), self)
            self._channels.append(channel)
        if self._look is None:
            self._wakes.look()
            self._look = self._loop.call_later(LOOK_EVERY_S, self._look_out)
        self._places[subscription.key] = channel
        channel.add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Unsubscribe."""
        self._displaced.pop(subscription.key, None)
        if (place := self._places.pop(subscription.key, None)) is not None:
            place.remove(subscription)

    def observe(self, callback: Callable[[ConnectionStatus], object]) -> Callable[[], None]:
        """Call back at each change of status, until what is returned is called."""
        self._observers.append(callback)

        def remove() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return remove

    def reconnect_now(self) -> None:
        """End all waits, also the one after refused credentials; a stale connection is replaced."""
        for channel in self._channels:
            channel.reconnect_now()

    def check_loop(self) -> None:
        """Raise unless this is the thread of the connection's loop.

        Raises:
            LocalProtocolError: Another loop runs here, or none.
        """
        if _running_loop() is not self._loop:
            raise LocalProtocolError(
                "this client belongs to another event loop; make one for each loop"
            )

    async def release(self) -> None:
        """Count one user less; the last one closes everything."""
        self.users -= 1
        if self.users == 0:
            for channel in self._channels:
                channel.close()
            self._channels.clear()
            self._rest()
            self._publish(ConnectionStatus(ConnectionState.CLOSED))
            await self._tasks.cancel()

    # What channels tell; see `Owner`.

    def told(self) -> None:
        """Publish the worst of the channels."""
        statuses = [channel.status for channel in self._channels]
        if statuses:
            self._publish(min(statuses, key=lambda status: _WORST_FIRST.index(status.state)))

    def started(self, subscription: Subscription) -> None:
        """Note that it has found its place."""
        self._displaced.pop(subscription.key, None)

    def refused(self, subscription: Subscription, error: WireError) -> None:
        """End it."""
        self._places.pop(subscription.key, None)
        self._displaced.pop(subscription.key, None)
        subscription.end(error)

    def full(self, subscription: Subscription, *, alone: bool) -> None:
        """Put it on another channel. Where a channel holds not even one, no other would, so all that wait end."""
        del self._places[subscription.key]
        self._displaced[subscription.key] = subscription
        if not alone:
            self.add(subscription)
            return
        displaced, self._displaced = self._displaced, {}
        for each in displaced.values():
            if each.closed:
                continue  # by the callback of one before
            if (place := self._places.pop(each.key, None)) is not None:
                place.remove(each)
            each.end(
                SubscriptionRefused(
                    f"{self._host} holds no subscription on a connection: check the API's quotas",
                    host=self._host,
                )
            )

    def unused(self, channel: Channel) -> None:
        """Close it."""
        channel.close()
        self._channels.remove(channel)
        if self._channels:
            self.told()
        else:
            log.info("%s: closed, for nobody subscribes", self._host)
            self._rest()
            self._publish(ConnectionStatus(ConnectionState.IDLE))

    def _look_out(self) -> None:
        self._look = self._loop.call_later(LOOK_EVERY_S, self._look_out)
        if self._wakes.look():
            log.info("%s: looking whether it is still there, after a sleep or block", self._host)
            for channel in self._channels:
                channel.wake()

    def _rest(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _publish(self, status: ConnectionStatus) -> None:
        if status == self.status:
            return
        if status.state is self.status.state:
            status = replace(status, since=self.status.since)
        self.status = status
        log.debug("= %s", status)
        for observer in tuple(self._observers):
            guarded(observer, status)


_registry: WeakValueDictionary[object, SharedConnection] = WeakValueDictionary()


def acquire(endpoint: Endpoint, auth: Auth, timing: Timing) -> SharedConnection:
    """Return the connection of this endpoint, identity and running loop, counting one user more.

    Its timing is that of the first who asked.
    """
    loop = _running_loop()
    # The connection refers to its loop, so while the entry lives no other loop can have that id.
    key = (endpoint, auth.identity, id(loop))
    shared = _registry.get(key)
    if shared is None or shared.status.state is ConnectionState.CLOSED:
        log.info("Creating shared AppSync WebSocket client")
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
