"""One AppSync API, as its callers have it: run an operation, subscribe, watch the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.http import HttpTransport
from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.appsync.shared import SharedConnection, acquire
from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus
from jupyter_jobs.appsync.subscription import Subscription, guarded
from jupyter_jobs.appsync.timing import Timing
from jupyter_jobs.errors import ConfigurationError, MonitorClosed, WireError

__all__ = ["AppSyncClient", "ConnectionState", "ConnectionStatus", "Subscription", "Timing"]


class AppSyncClient:
    """One AppSync API.

    All clients of the same endpoint, credentials and event loop share one connection. `execute_sync` and `status` may
    be used from any thread; everything else belongs to the thread of one event loop, the first that it is used on.

    Args:
        endpoint: The GraphQL URL, or what `Endpoint.parse` made of it.
        auth: `ApiKeyAuth`, `TokenAuth`, or any object like them.
        timeout: Seconds for one `execute` with all its retries; AppSync itself takes up to 30.
        max_retries: How often `execute` tries again what may run twice without harm.
        retry_delay: Seconds to wait before the first of these; later ones wait longer.
        timing: How patient the real-time connection is.

    Raises:
        ConfigurationError: The endpoint or the authorization cannot work.
    """

    def __init__(
        self,
        endpoint: str | Endpoint,
        auth: Auth,
        *,
        timeout: float = 35.0,
        max_retries: int = 3,
        retry_delay: float = 0.5,
        timing: Timing = Timing(),  # noqa: B008  frozen
    ) -> None:
        _check(auth)
        if timeout <= 0:
            raise ConfigurationError("timeout must be more than 0 seconds")
        if max_retries < 0 or retry_delay < 0:
            raise ConfigurationError("max_retries and retry_delay must be 0 or more")
        self.endpoint = Endpoint.parse(endpoint) if isinstance(endpoint, str) else endpoint
        self._auth = auth
        self._timing = timing
        self._http = HttpTransport(
            self.endpoint,
            auth,
            timeout_s=timeout,
            max_retries=max_retries,
            backoff=Backoff(base_s=retry_delay),
        )
        self._shared: SharedConnection | None = None
        self._subscriptions: set[Subscription] = set()
        self._observers: dict[object, Callable[[ConnectionStatus], object]] = {}
        self._left: set[asyncio.Task[None]] = set()
        self._rest = ConnectionStatus()

    @property
    def status(self) -> ConnectionStatus:
        """How the connection is doing; `IDLE` while this client has not used it."""
        return self._shared.status if self._shared is not None else self._rest

    async def execute(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        """Run a query or a mutation, and return its `data`.

        Args:
            document: GraphQL.
            variables: As JSON values. One that is None is sent as null, which is not the same as absent.
            idempotent: Whether it may run twice without harm. Only then is it tried again after a fault that may pass:
                at most three times, within the client's timeout.

        Raises:
            RequestRefused: The answer holds GraphQL errors.
            Unauthorized: The credentials were refused, fresh ones too.
            WireError: `ConnectionLost`, `RequestTimedOut`, `Throttled` or `ServerFault`.
            MonitorClosed: The client was closed.
        """
        return await self._http.execute(document, variables, idempotent=idempotent)

    def execute_sync(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        """Run a query or a mutation from any thread, with or without an event loop, blocking it; as `execute`."""
        return self._http.execute_sync(document, variables, idempotent=idempotent)

    def subscribe(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        on_started: Callable[[], object],
        on_data: Callable[[dict[str, Any]], object],
        on_ended: Callable[[WireError | None], object],
    ) -> Subscription:
        """Subscribe, and stay subscribed across reconnects. The callbacks run on the loop's thread and must be quick.

        Events are lost while the connection is, and sometimes right after the start: each `on_started` is the time to
        ask for the present state.

        Args:
            document: GraphQL, with one root field.
            variables: As JSON values; None matches null only, so leave out what is not to be filtered by.
            on_started: The server has acknowledged it, for the first time or again after a reconnect.
            on_data: Takes the payload of each event: `{"data": …}`, and `errors` if its body is not usable.
            on_ended: Takes why it is refused for good, or None after `close()`. The loss of the connection is no end, and
                neither are refused credentials: with `AUTH_FAILED`, it waits for others.

        Raises:
            MonitorClosed: The client was closed.
            LocalProtocolError: This is not the thread of its event loop.
        """
        shared = self._connection()

        def ended(error: WireError | None) -> None:
            self._subscriptions.discard(subscription)
            on_ended(error)

        subscription = Subscription(
            shared,
            dumps({"query": document, "variables": dict(variables or {})}),
            on_started=on_started,
            on_data=on_data,
            on_ended=ended,
        )
        self._subscriptions.add(subscription)
        shared.add(subscription)
        return subscription

    def on_status(self, callback: Callable[[ConnectionStatus], object]) -> Callable[[], None]:
        """Call back at each change of `status`, on the loop's thread; what is returned ends that."""
        self._connection()
        token = object()
        self._observers[token] = callback

        def remove() -> None:
            self._observers.pop(token, None)

        return remove

    def reconnect_now(self) -> None:
        """Connect without waiting: after refused credentials, or to cut a wait short."""
        if self._shared is not None:
            self._shared.reconnect_now()

    def reauthorize_requests(self, auth: Auth) -> None:
        """Use other credentials for all requests from now on. From any thread; `reauthorize` sees to the rest.

        Raises:
            ConfigurationError: This is no authorization.
        """
        _check(auth)
        self._http.reauthorize(auth)

    def reauthorize(self, auth: Auth) -> None:
        """Use other credentials from now on: for requests at once, and the subscriptions move to a connection of theirs.

        Each moved subscription calls `on_started` again. On the loop's thread, once there is a connection.

        Raises:
            ConfigurationError: This is no authorization.
            LocalProtocolError: This is not the thread of the client's event loop.
        """
        old = self._shared
        if old is not None:
            old.check_loop()
        self.reauthorize_requests(auth)
        self._auth = auth
        if old is None:
            return
        self._unobserve()
        new = self._connect()
        for subscription in tuple(self._subscriptions):
            subscription.move(new)
        new.reconnect_now()
        left = asyncio.ensure_future(old.release())
        self._left.add(left)
        left.add_done_callback(self._left.discard)
        self._tell(new.status)

    async def aclose(self) -> None:
        """End this client's subscriptions, and the connection if no other client uses it. Twice does no harm."""
        if self._closed:
            return
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self._rest = ConnectionStatus(ConnectionState.CLOSED)
        shared, self._shared = self._shared, None
        try:
            if shared is not None:
                self._unobserve()
                self._tell(self._rest)
                await shared.release()
            await asyncio.gather(*self._left)
        finally:  # whoever loses patience does not come again
            await self._http.aclose()

    async def __aenter__(self) -> AppSyncClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AppSyncClient({self.endpoint.host!r}, {type(self._auth).__name__})"

    @property
    def _closed(self) -> bool:
        return self._rest.state is ConnectionState.CLOSED

    def _connection(self) -> SharedConnection:
        if self._closed:
            raise MonitorClosed(f"the client of {self.endpoint.host} was closed; make a new one")
        shared = self._shared or self._connect()
        shared.check_loop()
        return shared

    def _connect(self) -> SharedConnection:
        self._shared = acquire(self.endpoint, self._auth, self._timing)
        self._unobserve = self._shared.observe(self._tell)
        return self._shared

    def _tell(self, status: ConnectionStatus) -> None:
        for observer in tuple(self._observers.values()):
            guarded(observer, status)


def _check(auth: Auth) -> None:
    if not isinstance(auth, Auth):
        raise ConfigurationError(
            f"auth must be ApiKeyAuth(…), TokenAuth(…) or alike, not {type(auth).__name__}"
        )
