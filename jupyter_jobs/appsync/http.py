"""Queries and mutations: one POST each, sync or async. The only file that imports httpx.

What is tried when is decided in `attempts`; two short drivers perform its steps here. httpx is imported when the first
request is made, for it is slow to import.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync import tls
from jupyter_jobs.appsync.attempts import Answer, Deadline, NeverSent, Operation, Send, Step, Wait
from jupyter_jobs.appsync.auth import Attempt, Auth, ask, ask_sync
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import (
    ConnectionLost,
    LocalProtocolError,
    MonitorClosed,
    RequestTimedOut,
    UnusableAnswer,
    WireError,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpTransport"]

_CONNECT_TIMEOUT_S = 10.0
_KEEP_ALIVE_S = 30.0
_LOOPBACK_KEEP_ALIVE_S = 4.0
"""Servers for this machine, uvicorn among them, close idle connections after 5 s; be the first to."""


class HttpTransport:
    """Posts GraphQL operations to one endpoint over connections that are kept.

    Args:
        endpoint: The API.
        auth: Asked for each attempt.
        timeout_s: For one call with all its retries. AppSync itself takes up to 30 s.
        max_retries: How often one call is tried again after a fault that may pass.
        backoff: How long it waits before each retry.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        auth: Auth,
        *,
        timeout_s: float,
        max_retries: int = 3,
        backoff: Backoff = Backoff(),  # noqa: B008  frozen
    ) -> None:
        self._endpoint = endpoint
        self._auth = auth
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._backoff = backoff
        self._lock = threading.Lock()
        self._closed = False
        self._sync: httpx.Client | None = None
        self._async: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def reauthorize(self, auth: Auth) -> None:
        """Use other credentials for all attempts from now on."""
        self._auth = auth

    async def execute(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        *,
        idempotent: bool,
        timeout: float | None = None,  # noqa: ASYNC109  bounds all attempts together, and sync calls too
    ) -> dict[str, Any]:
        """Post one operation from an event loop, always the same one; see `AppSyncClient.execute`."""
        client = self._async_client()
        deadline = self._deadline(timeout)
        steps = self._steps(document, variables, idempotent, deadline)
        step = next(steps)
        try:
            while True:
                try:
                    with self._translated(deadline):
                        async with asyncio.timeout(deadline.left()):
                            result = await self._perform(step, client, deadline)
                except WireError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return dict(done.value)

    def execute_sync(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        *,
        idempotent: bool,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Post one operation from any thread; see `AppSyncClient.execute_sync`."""
        client = self._sync_client()
        deadline = self._deadline(timeout)
        steps = self._steps(document, variables, idempotent, deadline)
        step = next(steps)
        try:
            while True:
                try:
                    with self._translated(deadline):
                        result = self._perform_sync(step, client, deadline)
                except WireError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return dict(done.value)

    async def ping(self) -> tuple[int, str]:
        """Ask the host, without credentials, whether it is there; AppSync answers 200 and `healthy`.

        Returns:
            HTTP status and body, whoever answers.

        Raises:
            WireError: Nobody answers.
        """
        client = self._async_client()
        deadline = self._deadline(None)
        with self._translated(deadline):
            async with asyncio.timeout(deadline.left()):
                answer = await client.get(urljoin(self._endpoint.http, "/ping"))
        return answer.status_code, answer.text

    async def aclose(self) -> None:
        """Close the kept connections; later calls raise `MonitorClosed`."""
        with self._lock:
            self._closed = True
            sync, self._sync = self._sync, None
            client, self._async = self._async, None
        if sync is not None:
            sync.close()
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout_s if timeout is None else timeout)

    def _steps(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        idempotent: bool,
        deadline: Deadline,
    ) -> Generator[Step, Any, dict[str, Any]]:
        body = dumps({"query": document, "variables": dict(variables or {})})
        operation = Operation(body, idempotent, self._max_retries, self._backoff)
        return operation.steps(self._endpoint, deadline)

    async def _perform(self, step: Step, client: httpx.AsyncClient, deadline: Deadline) -> Any:
        match step:
            case Attempt():
                return await ask(self._auth, step)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Send():
                answer = await client.post(**self._arguments(step, deadline))
                return answer.status_code, answer.headers, answer.content

    def _perform_sync(self, step: Step, client: httpx.Client, deadline: Deadline) -> Any:
        match step:
            case Attempt():
                return ask_sync(self._auth, step, deadline.left())
            case Wait(seconds):
                time.sleep(seconds)
            case Send():
                return _post(client, self._arguments(step, deadline), deadline)

    def _arguments(self, step: Send, deadline: Deadline) -> dict[str, Any]:
        import httpx

        left_s = max(deadline.left(), 0.001)  # httpx takes no zero
        return {
            "url": self._endpoint.http,
            "content": step.content,
            "headers": step.headers,
            "timeout": httpx.Timeout(left_s, connect=min(left_s, _CONNECT_TIMEOUT_S)),
        }

    @contextmanager
    def _translated(self, deadline: Deadline) -> Iterator[None]:
        """Turn httpx's errors into ours; the outer ones stand for all that httpx derives from them."""
        import httpx

        host = self._endpoint.host
        try:
            yield
        except (
            httpx.ConnectError,
            httpx.ProxyError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
        ) as exc:
            said = redact(str(exc)) or type(exc).__name__
            advice = tls.advice(exc) or self._advice()
            raise NeverSent(f"no connection to {host}: {said}; {advice}", host=host) from exc
        except (httpx.TimeoutException, TimeoutError) as exc:
            raise RequestTimedOut(
                f"{host} did not answer in time ({type(exc).__name__}, {deadline.seconds:g} s for the whole call): "
                "try again, or allow more time with timeout=",
                host=host,
            ) from exc
        except httpx.TransportError as exc:
            said = redact(str(exc)) or type(exc).__name__
            raise ConnectionLost(
                f"the connection to {host} broke before its answer was whole: {said}; try again",
                host=host,
            ) from exc
        except httpx.HTTPError as exc:
            raise UnusableAnswer(
                f"the answer of {host} cannot be read ({type(exc).__name__}): try again; "
                "if it persists, check what stands between here and AppSync",
                host=host,
            ) from exc
        except RuntimeError:
            self._check_open()  # httpx has no error of its own for a client that was closed meanwhile
            raise

    def _advice(self) -> str:
        if self._endpoint.is_loopback:
            return "nothing seems to listen there; is the backend running?"
        return "check the URL, the network and the proxy"

    def _settings(self) -> dict[str, Any]:
        """Return what both kinds of client are made with: no proxy for this machine, and no redirect is followed."""
        import httpx

        loopback = self._endpoint.is_loopback
        keep_s = _LOOPBACK_KEEP_ALIVE_S if loopback else _KEEP_ALIVE_S
        return {
            "verify": tls.context(self._endpoint) or False,
            "trust_env": not loopback,
            "follow_redirects": False,
            "limits": httpx.Limits(keepalive_expiry=keep_s),
        }

    def _sync_client(self) -> httpx.Client:
        import httpx

        with self._lock:
            self._check_open()
            if self._sync is None:
                self._sync = httpx.Client(**self._settings())
            return self._sync

    def _async_client(self) -> httpx.AsyncClient:
        import httpx

        loop = asyncio.get_running_loop()
        with self._lock:
            self._check_open()
            if self._loop is not loop:
                if self._loop is not None and not self._loop.is_closed():
                    raise LocalProtocolError(
                        "this client belongs to another event loop; make one for each loop, or use execute_sync()"
                    )
                self._loop, self._async = loop, None
            if self._async is None:
                self._async = httpx.AsyncClient(**self._settings())
            return self._async

    def _check_open(self) -> None:
        if self._closed:
            raise MonitorClosed(f"the client of {self._endpoint.host} was closed; make a new one")


def _post(client: httpx.Client, arguments: dict[str, Any], deadline: Deadline) -> Answer:
    """Post on this thread. httpx times each piece of an answer alone, so the deadline is looked at between them."""
    import httpx

    with client.stream("POST", **arguments) as answer:
        pieces = []
        for piece in answer.iter_bytes():
            pieces.append(piece)
            if not deadline.left():
                raise httpx.ReadTimeout("the answer was not whole in time")
        return answer.status_code, answer.headers, b"".join(pieces)
