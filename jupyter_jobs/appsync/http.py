"""Queries and mutations: one POST each, sync or async, from one flow. The only file that imports httpx.

What is to be done when is decided in `_flow`, a generator of steps that knows neither threads nor event loops; two
short drivers perform the steps. httpx is imported when the first request is made, for it is slow to import.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.auth import Attempt, Auth, Purpose, ask, ask_sync
from jupyter_jobs.appsync.backoff import full_jitter
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.messages import dumps, loads
from jupyter_jobs.errors import (
    ConnectionLost,
    LocalProtocolError,
    MonitorClosed,
    RequestRefused,
    RequestTimedOut,
    ServerFault,
    Throttled,
    Unauthorized,
    WireError,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["MAX_RETRIES", "HttpTransport", "read_answer"]

MAX_RETRIES = 3
_CONNECT_TIMEOUT_S = 10.0
_KEEP_ALIVE_S = 30.0
_LOOPBACK_KEEP_ALIVE_S = 4.0
"""Servers for this machine, uvicorn among them, close idle connections after 5 s; be the first to."""


@dataclass(frozen=True, slots=True)
class _Send:
    """Post this, and tell status, headers and body of the answer."""

    headers: Mapping[str, str]
    content: bytes
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _Wait:
    """Let this time pass."""

    seconds: float


_Step = Attempt | _Send | _Wait
_Answer = tuple[int, Mapping[str, str], bytes]


class HttpTransport:
    """Posts GraphQL operations to one endpoint over connections that are kept.

    Args:
        endpoint: The API.
        auth: Asked for each attempt.
        timeout_s: For one call with all its retries. AppSync itself takes up to 30 s.
    """

    def __init__(self, endpoint: Endpoint, auth: Auth, *, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._auth = auth
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._sync: httpx.Client | None = None
        self._async: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def execute(
        self, document: str, variables: Mapping[str, Any] | None, *, idempotent: bool
    ) -> dict[str, Any]:
        """Post one operation from an event loop, always the same one; see `AppSyncClient.execute`."""
        client = self._async_client()
        flow = self._flow(document, variables, idempotent)
        step = next(flow)
        try:
            while True:
                try:
                    result: Any = None
                    if isinstance(step, Attempt):
                        result = await ask(self._auth, step)
                    elif isinstance(step, _Wait):
                        await asyncio.sleep(step.seconds)
                    else:
                        with self._translated():
                            response = await client.post(**self._arguments(step))
                        result = (response.status_code, response.headers, response.content)
                except WireError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(result)
        except StopIteration as done:
            return dict(done.value)

    def execute_sync(
        self, document: str, variables: Mapping[str, Any] | None, *, idempotent: bool
    ) -> dict[str, Any]:
        """Post one operation from any thread; see `AppSyncClient.execute_sync`."""
        client = self._sync_client()
        flow = self._flow(document, variables, idempotent)
        step = next(flow)
        try:
            while True:
                try:
                    result: Any = None
                    if isinstance(step, Attempt):
                        result = ask_sync(self._auth, step)
                    elif isinstance(step, _Wait):
                        time.sleep(step.seconds)
                    else:
                        with self._translated():
                            response = client.post(**self._arguments(step))
                        result = (response.status_code, response.headers, response.content)
                except WireError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(result)
        except StopIteration as done:
            return dict(done.value)

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

    def _flow(
        self, document: str, variables: Mapping[str, Any] | None, idempotent: bool
    ) -> Generator[_Step, Any, dict[str, Any]]:
        """Yield what is to be done; return the data.

        Credentials are asked for anew by each attempt. If they are refused, they are asked for once more, and used if
        they have changed. Faults that may pass are tried again only if that can do no harm.
        """
        body = dumps({"query": document, "variables": dict(variables or {})})
        deadline = time.monotonic() + self._timeout_s
        refusal: Unauthorized | None = None
        refused: dict[str, str] = {}
        failures = 0
        while True:
            credentials = yield Attempt(Purpose.REQUEST, self._endpoint, body)
            if refusal is not None and credentials == refused:
                raise refusal
            headers = {"content-type": "application/json", **credentials}
            try:
                left_s = max(deadline - time.monotonic(), 0.001)
                answer: _Answer = yield _Send(headers, body.encode(), left_s)
                return read_answer(self._endpoint, *answer)
            except Unauthorized as error:
                if refusal is not None:
                    raise
                refusal, refused = error, credentials
            except WireError as error:
                failures += 1
                delay = full_jitter(failures)
                if isinstance(error, Throttled):
                    delay = max(delay, error.retry_after or 0.0)
                too_late = time.monotonic() + delay >= deadline
                if not idempotent or not error.retryable or failures > MAX_RETRIES or too_late:
                    raise
                yield _Wait(delay)

    def _arguments(self, step: _Send) -> dict[str, Any]:
        import httpx

        timeout = httpx.Timeout(step.timeout_s, connect=min(step.timeout_s, _CONNECT_TIMEOUT_S))
        return {
            "url": self._endpoint.http,
            "content": step.content,
            "headers": step.headers,
            "timeout": timeout,
        }

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn httpx's errors into ours."""
        import httpx

        host = self._endpoint.host
        try:
            yield
        except httpx.TimeoutException as exc:
            raise RequestTimedOut(
                f"{host} did not answer in time ({type(exc).__name__}, {self._timeout_s:g} s for the whole call): "
                "try again, or allow more time with timeout=",
                host=host,
            ) from exc
        except httpx.TransportError as exc:
            advice = (
                "nothing seems to listen there; is the backend running?"
                if self._endpoint.is_loopback
                else "check the URL, the network and the proxy"
            )
            raise ConnectionLost(
                f"no connection to {host}: {redact(str(exc)) or type(exc).__name__}; {advice}",
                host=host,
            ) from exc
        except httpx.HTTPError as exc:
            raise ServerFault(
                f"the answer of {host} cannot be read ({type(exc).__name__}): try again; "
                "if it persists, check what stands between here and AppSync",
                host=host,
            ) from exc

    def _settings(self) -> dict[str, Any]:
        """Return what both kinds of client are made with: no proxy and no certificates for this machine."""
        import httpx

        loopback = self._endpoint.is_loopback
        keep_s = _LOOPBACK_KEEP_ALIVE_S if loopback else _KEEP_ALIVE_S
        return {
            "verify": self._endpoint.http.startswith("https:"),
            "trust_env": not loopback,
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


def read_answer(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], content: bytes
) -> dict[str, Any]:
    """Return the `data` of an answer, or raise what the answer means.

    A refusal by a resolver comes with status 200; its errors carry `errorType` beside `message`, not under
    `extensions`. What a firewall, a gateway or a throttle sends need not be JSON.

    Args:
        endpoint: Who answered.
        status: Of HTTP.
        headers: By name; the case does not matter to httpx's, and lower case is used.
        content: The body.

    Raises:
        WireError: `RequestRefused`, `Unauthorized`, `Throttled` or `ServerFault`.
    """
    host = endpoint.host
    request_id = headers.get("x-amzn-requestid")
    try:
        body = loads(content)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    errors = [error for error in body.get("errors") or () if isinstance(error, dict)]
    said = redact("; ".join(str(e.get("message") or e.get("errorType")) for e in errors))
    if status == 401 or (status != 200 and _names(errors, "UnauthorizedException")):
        raise Unauthorized(
            f"{host} refused the credentials: {said.rstrip('.') or 'no reason given'}; check the key or token in auth=",
            host=host,
            request_id=request_id,
        )
    if status == 429:
        raise Throttled(
            f"{host} gets too many requests: wait a little, then try again",
            retry_after=_seconds(headers.get("retry-after")),
            host=host,
            request_id=request_id,
        )
    if errors and status < 500:
        data = body.get("data")
        raise RequestRefused(
            errors,
            data=data if isinstance(data, dict) else None,
            host=host,
            request_id=request_id,
        )
    if 400 <= status < 500:
        message = (
            f"{host} answered HTTP {status} and no GraphQL: check that the URL ends in /graphql "
            "and that no firewall stands before it"
        )
        raise RequestRefused(
            [{"errorType": f"HTTP{status}", "message": message}], host=host, request_id=request_id
        )
    if status == 200 and isinstance(body.get("data"), dict):
        return dict(body["data"])
    kind = headers.get("content-type", "no content type")
    raise ServerFault(
        f"{host} answered HTTP {status} ({kind}) without GraphQL data{': ' + said if said else ''}; "
        "try again later, and check that the URL is the API's",
        host=host,
        request_id=request_id,
    )


def _names(errors: list[dict[str, Any]], kind: str) -> bool:
    return any(kind in str(error.get("errorType")) for error in errors)


def _seconds(retry_after: str | None) -> float | None:
    """Read `Retry-After`: seconds, or the date that they end at."""
    if retry_after is None:
        return None
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
