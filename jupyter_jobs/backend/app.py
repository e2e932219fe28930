"""The backend's web face: `POST /graphql`, WebSockets on `/graphql` and `/graphql/realtime`, `GET /ping`, `GET /stats`.

Answers have AppSync's shapes (`x-amzn-RequestId`, `errors` with `errorType`). A request must name this machine's own
loopback as its host, and a page of another origin is refused: a web page in the user's browser can reach loopback, too.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from jupyter_jobs.appsync.auth import NO_CREDENTIALS, Purpose, Verifier, read_authorization
from jupyter_jobs.appsync.endpoint import is_loopback
from jupyter_jobs.backend.resolvers import Api
from jupyter_jobs.backend.session import Session, Timing, unauthorized
from jupyter_jobs.backend.topics import Topics
from jupyter_jobs.errors import Unauthorized

__all__ = ["BODY_LIMIT", "Backend"]

BODY_LIMIT = 64 * 1024 * 1024  # bytes; a pickled function may be 32 MiB, and grows on the way


class Backend:
    """One backend behind one ASGI application.

    Attributes:
        app: The ASGI application.
        sockets: WebSocket connections that are open.
        active_at: `time.monotonic()` of the last request.

    Args:
        api: Executes GraphQL.
        topics: Who subscribed.
        verifier: Who is let in.
        loopback: Whether only names of this machine are accepted as `Host`.
        timing: How clients are kept time with.
        stats: What `/stats` adds to the counts of connections.
        around: Puts something between the guard at the door and the rest.
    """

    def __init__(
        self,
        api: Api,
        topics: Topics,
        verifier: Verifier,
        *,
        loopback: bool = True,
        timing: Timing = Timing(),  # noqa: B008  frozen
        stats: Callable[[], Mapping[str, Any]] = dict,
        around: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self._api = api
        self._topics = topics
        self._verifier = verifier
        self._timing = timing
        self._stats = stats
        self.sockets = 0
        self.active_at = time.monotonic()
        routes = [
            Route("/graphql", self._graphql, methods=["POST"]),
            Route("/ping", _ping),
            Route("/stats", self._show_stats),
            WebSocketRoute("/graphql", self._realtime),
            WebSocketRoute("/graphql/realtime", self._realtime),
        ]
        app = Starlette(routes=routes)
        self.app: ASGIApp = _Guard(around(app) if around else app, loopback=loopback)

    async def _graphql(self, request: Request) -> Response:
        self.active_at = time.monotonic()
        if read_authorization((), {}, request.headers) is None:
            return _refusal(401, **unauthorized(Unauthorized(NO_CREDENTIALS)))
        received = bytearray()
        try:
            async for chunk in request.stream():
                received += chunk
                if len(received) > BODY_LIMIT:
                    return _refusal(
                        413,
                        "PayloadTooLarge",
                        f"A request may have {BODY_LIMIT:,} bytes, this one has more.",
                    )
        except ClientDisconnect:
            return Response()  # nobody is there to read it
        body = bytes(received)
        try:
            self._verifier.verify(request.headers, Purpose.REQUEST, body)
        except Unauthorized as error:
            return _refusal(401, **unauthorized(error))
        try:
            asked = json.loads(body)
            query, variables = asked["query"], asked.get("variables")
            if not isinstance(query, str) or not isinstance(variables, dict | None):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _refusal(
                400, "MalformedHttpRequestException", "Invalid JSON payload in POST request."
            )
        return JSONResponse(await self._api.execute(query, variables, asked.get("operationName")))

    async def _realtime(self, websocket: WebSocket) -> None:
        self.sockets += 1
        try:
            await Session(
                websocket, topics=self._topics, verifier=self._verifier, timing=self._timing
            ).run()
        finally:
            self.sockets -= 1
            self.active_at = time.monotonic()

    async def _show_stats(self, request: Request) -> Response:
        try:
            self._verifier.verify(request.headers, Purpose.REQUEST, b"")
        except Unauthorized as error:
            return _refusal(401, **unauthorized(error))
        counts = {
            "connections": self.sockets,
            "subscriptions": len(self._topics),
            "droppedEvents": self._topics.dropped,
        }
        return JSONResponse({**counts, **self._stats()})


async def _ping(_: Request) -> Response:
    return PlainTextResponse("healthy")


def _refusal(status: int, errorType: str, message: str) -> Response:
    return JSONResponse(
        {"errors": [{"errorType": errorType, "message": message}]},
        status_code=status,
        headers={"x-amzn-ErrorType": errorType},
    )


class _Guard:
    """Lets in requests to this machine's own names from no page but its own, and numbers the answers."""

    def __init__(self, app: ASGIApp, *, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")

        async def numbered(message: Message) -> None:
            if message["type"].endswith("response.start"):
                MutableHeaders(scope=message)["x-amzn-RequestId"] = str(uuid.uuid4())
            await send(message)

        if self._loopback and not is_loopback(_split(f"//{host}").hostname or ""):
            await self._refuse(scope, receive, numbered, "Host is not this machine's loopback.")
        elif origin is not None and _split(origin).netloc != host:
            await self._refuse(scope, receive, numbered, "Origin is not this server's own.")
        else:
            await self._app(scope, receive, numbered)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, why: str) -> None:
        response = _refusal(403, "ForbiddenException", why)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await response(scope, receive, send)


def _split(url: str) -> SplitResult:
    """Split a URL; one that is none, such as `//[::1`, has no host."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
