"""One socket of an API, from the credentials that open it to its end, and the starts that are made on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_jobs._loop import Tasks
from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.auth import (
    Attempt,
    Auth,
    Purpose,
    ask,
    authorization,
    same_credentials,
)
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import (
    ClientConnection,
    ClientEvent,
    Consequence,
    Lost,
    NeedsAuthorization,
    Opened,
    Refused,
    Started,
    State,
)
from jupyter_jobs.appsync.protocol.tables import describe
from jupyter_jobs.appsync.realtime import Offline, Pump, open_websocket
from jupyter_jobs.appsync.subscription import Subscription
from jupyter_jobs.appsync.timing import Timing
from jupyter_jobs.errors import (
    ConfigurationError,
    SubscriptionRefused,
    Throttled,
    Unauthorized,
    WireError,
)

if TYPE_CHECKING:
    from jupyter_jobs.appsync.realtime import WebSocket

__all__ = ["Door", "Link"]

log = logging.getLogger("jupyter_jobs.appsync")


class Door:
    """Opens the sockets of one API, and knows which credentials it showed there last."""

    def __init__(self, endpoint: Endpoint, auth: Auth, timing: Timing, tasks: Tasks) -> None:
        self.endpoint = endpoint
        self.timing = timing
        self.tasks = tasks
        self._auth = auth
        self._shown: Mapping[str, str] = {}

    async def open(self, *, renew: bool) -> WebSocket | Lost:
        """Open one socket, or say why there is none.

        Args:
            renew: Whether the credentials of the attempt before were refused.
        """
        attempt = Attempt(Purpose.CONNECT, self.endpoint, renew=renew)
        self._shown = {}
        try:
            shown = self._shown = await self._ask(attempt)
        except ConfigurationError as exc:
            return Lost(str(exc), Consequence.REFUSE)
        except TimeoutError:
            return Lost(f"the credentials did not come within {self.timing.open_s:g} s")
        except WireError as exc:
            return Lost(str(exc))
        try:
            handshake = authorization(self.endpoint, shown)
            return await open_websocket(self.endpoint, handshake, self.timing)
        except Unauthorized as exc:
            return Lost(str(exc), Consequence.RENEW)
        except (WireError, ConfigurationError) as exc:
            retry_after = (exc.retry_after or 0.0) if isinstance(exc, Throttled) else 0.0
            return Lost(str(exc), offline=isinstance(exc, Offline), retry_after=retry_after)

    async def has_other_credentials(self) -> bool:
        """Return whether there are credentials now that are not those that were shown last."""
        try:
            found = await self._ask(Attempt(Purpose.CONNECT, self.endpoint, renew=True))
        except (ConfigurationError, TimeoutError, WireError):
            return False
        return not same_credentials(found, self._shown)

    async def authorization(self, event: NeedsAuthorization) -> dict[str, str] | None:
        """Return what authorizes a start, or None if there are no credentials just now."""
        attempt = Attempt(Purpose.START, self.endpoint, event.data, event.renew)
        try:
            shown = self._shown = await self._ask(attempt)
            return authorization(self.endpoint, shown)
        except (ConfigurationError, TimeoutError, WireError) as exc:
            log.warning("a subscription must wait for its credentials: %s", redact(str(exc)))
            return None

    def refusal(self, event: Refused) -> SubscriptionRefused:
        """Return what tells the owner of a subscription why it was refused."""
        host, reason = self.endpoint.host, redact(describe(event.errors)).rstrip(".")
        advice = "check that the API has it and that this key may use it"
        return SubscriptionRefused(f"{host} refused a subscription: {reason}; {advice}", host=host)

    async def _ask(self, attempt: Attempt) -> dict[str, str]:
        async with asyncio.timeout(self.timing.open_s):
            return await ask(self._auth, attempt)


class Link:
    """One open socket in use; its pump begins at the next turn of the loop.

    Args:
        door: What opened it.
        websocket: What it opened.
        subscriptions: What is to be started on it.
        capacity: How many operations the server holds on it at most.
        deliver: Takes key and payload of each event of a subscription.
        handle: Takes this link and what else the connection tells.

    Attributes:
        connection: Its state.
        running: Ends with the reason, when the socket is lost.
        opened_at: When the server acknowledged it, on the loop's clock, or None.
        parked: Keys of those that wait for other credentials before they are started on it again.
        changed: Set whenever `is_settled` may have become true, and at the end.
    """

    def __init__(
        self,
        door: Door,
        websocket: WebSocket,
        subscriptions: Iterable[Subscription],
        *,
        capacity: int,
        deliver: Callable[[str, dict[str, Any]], None],
        handle: Callable[[Link, ClientEvent], None],
    ) -> None:
        self.connection = ClientConnection(capacity=capacity)
        self.opened_at: float | None = None
        self.changed = asyncio.Event()
        self._door = door
        self._loop = door.tasks.loop
        self.parked: set[str] = set()
        self._waiting = {subscription.key for subscription in subscriptions}
        self._handle = handle
        for subscription in subscriptions:
            self.connection.subscribe(subscription.key, subscription.data, self._loop.time())
        self._pump = Pump(
            websocket,
            self.connection,
            door.tasks,
            door.timing,
            deliver=deliver,
            handle=self._told,
        )
        self.running = door.tasks.spawn(self._pump.run(), name="appsync socket")
        self.running.add_done_callback(self._ended)

    @property
    def is_settled(self) -> bool:
        """Whether it is open and everything on it was acknowledged or refused."""
        return self.connection.state is State.OPEN and not self._waiting

    def start(self, subscription: Subscription) -> None:
        """Start one more; one that comes too late for this socket is started on the next."""
        if self.connection.state is not State.CLOSED:
            self._waiting.add(subscription.key)
            self._pump.settle(
                self.connection.subscribe(subscription.key, subscription.data, self._loop.time())
            )

    def stop(self, key: str) -> None:
        """Stop one, if it is on this socket."""
        self.parked.discard(key)
        self._waiting.discard(key)
        self.changed.set()
        self._pump.settle(self.connection.stop(key, self._loop.time()))

    def park(self, key: str) -> None:
        """Stop one until there are other credentials."""
        self.stop(key)
        self.parked.add(key)

    def check(self) -> None:
        """See whether the other side is still there; see `Pump.check`."""
        self._pump.check()

    def lose(self, reason: str) -> None:
        """End it at once."""
        self._pump.lose(Lost(reason))

    def finish(self) -> None:
        """Close it in good order; what the server has sent until then is still delivered."""
        self._pump.finish()

    def _ended(self, _: asyncio.Task[Lost]) -> None:
        self.lose(
            "its task has ended"
        )  # one that is cancelled before its first turn closes nothing
        self.changed.set()

    def _told(self, event: ClientEvent) -> None:
        match event:
            case NeedsAuthorization():
                self._door.tasks.spawn(self._authorize(event), name="appsync credentials")
                return
            case Opened():
                self.opened_at = self._loop.time()
            case Started():
                self._waiting.discard(event.key)
        self.changed.set()
        self._handle(self, event)

    async def _authorize(self, event: NeedsAuthorization) -> None:
        try:
            found = await self._door.authorization(event)
        except KeyboardInterrupt:  # by the user, who meant something else
            self._postpone(event)
            raise
        if found is None:
            self._postpone(event)
        else:
            self.connection.authorize(event.id, found, self._loop.time())
            self._pump.settle([])

    def _postpone(self, event: NeedsAuthorization) -> None:
        self._pump.settle(self.connection.postpone(event.id, self._loop.time()))
