"""The backend's web face: `POST /graphql`, WebSockets on `/graphql` and `/graphql/realtime`, `GET /ping`, `GET /stats`.

Answers have AppSync's shapes (`x-amzn-RequestId`, `errors` with `errorType`). Who comes in, and with how much, is decided
at the `door`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from jupyter_jobs.appsync.auth import (
    NO_CREDENTIALS,
    Guests,
    Purpose,
    Verifier,
    read_authorization,
)
from jupyter_jobs.backend.api.resolvers import Api
from jupyter_jobs.backend.life.pages import Page
from jupyter_jobs.backend.limits import (
    BODY_LIMIT,
    STRANGERS_BODY_LIMIT,
    VARIABLES_DEPTH,
    nests_deeper,
)
from jupyter_jobs.backend.realtime.session import Session, Timing, unauthorized
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.backend.web.door import (
    Caller,
    Callers,
    Guard,
    Refused,
    Visit,
    address_of,
    deny,
    let_finish,
    read_body,
    refusal,
)
from jupyter_jobs.errors import Unauthorized

__all__ = ["Backend"]

log = logging.getLogger("jupyter_jobs.backend")

_HALF_A_CHARACTER = re.compile(
    rb"\\u[dD][89a-fA-F]"
)  # as JSON writes what is beyond 16 bits, in two halves


class Backend:
    """One backend behind one ASGI application.

    Attributes:
        app: The ASGI application.
        sockets: WebSocket connections that are open.

    Args:
        api: Executes GraphQL.
        topics: Who subscribed.
        verifier: Lets in the holder of the backend's own key.
        guests: Who is let in besides.
        hosts: Names and addresses besides loopback's that are accepted as `Host`.
        rotate: Changes the backend's own key; raises `ValueError` where that cannot be.
        timing: How clients are kept time with.
        stats: What `/stats` tells the owner besides the counts of connections.
        pages: What is there besides.
        around: Puts something between the guard at the door and the rest.
    """

    def __init__(
        self,
        api: Api,
        topics: Topics,
        verifier: Verifier,
        *,
        guests: Guests | None = None,
        hosts: Collection[str] = (),
        rotate: Callable[[], object] | None = None,
        timing: Timing = Timing(),  # noqa: B008  frozen
        stats: Callable[[], Mapping[str, Any]] = dict,
        pages: Collection[Page] = (),
        around: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self._api = api
        self._topics = topics
        self._callers = Callers(verifier, guests)
        self._rotate = rotate
        self._owners: set[Session] = set()
        self._timing = timing
        self._stats = stats
        self.sockets = 0
        routes = [
            Route("/graphql", self._graphql, methods=["POST"]),
            Route("/ping", _ping),
            Route("/stats", self._show_stats),
            Route("/key", self._rotate_key, methods=["POST"]),
            *(Route(page.path, self._behind_key(page), methods=[page.method]) for page in pages),
            WebSocketRoute("/graphql", self._realtime),
            WebSocketRoute("/graphql/realtime", self._realtime),
        ]
        app = Starlette(routes=routes, exception_handlers={Refused: _refused})
        self.app: ASGIApp = Guard(around(app) if around else app, hosts=hosts)

    async def _graphql(self, request: Request) -> Response:
        caller, body = await self._admit(request)
        try:
            asked = json.loads(body)
            if _HALF_A_CHARACTER.search(body):
                json.dumps(asked, ensure_ascii=False).encode()  # a half that is alone is no text
            query, variables = asked["query"], asked.get("variables")
            if not isinstance(query, str) or not isinstance(variables, dict | None):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _malformed("Invalid JSON payload in POST request.")
        if nests_deeper(variables, VARIABLES_DEPTH):
            return _malformed(f"The variables nest deeper than {VARIABLES_DEPTH} levels.")
        operation = asked.get("operationName")
        return JSONResponse(
            await self._api.execute(query, variables, operation, owner=caller.is_trusted)
        )

    async def _admit(self, request: Request) -> tuple[Caller, bytes]:
        """Return who asks, and the body; that of somebody who is not known is not kept.

        Raises:
            Refused: Who asks is not let in, asks for too much, or has gone; it has its answer with it.
        """
        try:
            caller, body = await self._recognised(request)
            self._callers.hurry(caller)
        except Refused:
            await let_finish(request)
            raise
        except ClientDisconnect:
            raise Refused(Response()) from None  # nobody is there to read it
        return caller, body

    async def _recognised(self, request: Request) -> tuple[Caller, bytes]:
        address = address_of(request.scope)
        try:
            if read_authorization((), {}, request.headers) is None:
                raise Unauthorized(NO_CREDENTIALS)
            known = self._callers.recognise(request.headers, Purpose.REQUEST, None, address)
            body = await read_body(request, BODY_LIMIT if known else STRANGERS_BODY_LIMIT)
            caller = known or self._callers.recognise(
                request.headers, Purpose.REQUEST, body, address
            )
        except Unauthorized as error:
            told = unauthorized(error)
            raise Refused(refusal(401, told["errorType"], told["message"])) from None
        assert caller is not None  # its body was there
        return caller, body

    async def _realtime(self, websocket: WebSocket) -> None:
        scope = websocket.scope
        address = address_of(scope)
        found = read_authorization(scope["subprotocols"], websocket.query_params, websocket.headers)
        try:
            self._callers.check_patience(found or {}, address)
        except Refused as refused:
            await deny(scope, websocket.receive, websocket.send, refused.response)
            return
        visit = Visit(self._callers, address)
        session = Session(websocket, topics=self._topics, verifier=visit, timing=self._timing)
        visit.on_owner = lambda: self._owners.add(session)
        self.sockets += 1
        try:
            await session.run()
        finally:
            self.sockets -= 1
            self._owners.discard(session)

    async def _show_stats(self, request: Request) -> Response:
        caller, _ = await self._admit(request)
        counts = {
            "connections": self.sockets,
            "subscriptions": len(self._topics),
            "droppedEvents": self._topics.dropped,
            "cutClients": self._topics.cut,
        }
        return JSONResponse({**counts, **(self._stats() if caller.is_owner else {})})

    def _behind_key(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller, body = await self._admit(request)
            if page.is_owners and not caller.is_owner:
                return refusal(403, "ForbiddenException", "That is its owner's to do.")
            return page.answer(body)

        return answer

    async def _rotate_key(self, request: Request) -> Response:
        """Change the backend's own key; who is connected with the one before must come anew."""
        caller, _ = await self._admit(request)
        if not caller.is_owner:
            return refusal(403, "ForbiddenException", "The key is its owner's to change.")
        try:
            if self._rotate is None:
                raise ValueError("This backend keeps its key.")
            self._rotate()
        except ValueError as error:
            return refusal(409, "ConflictException", str(error))
        sessions, self._owners = self._owners, set()
        for session in sessions:
            session.dismiss(Unauthorized("The key has changed."))
        log.info("the key was changed; %d connections of the one before are closed", len(sessions))
        return JSONResponse({"rotated": True, "closed": len(sessions)})


async def _ping(_: Request) -> Response:
    return PlainTextResponse("healthy", headers={"connection": "close"})


async def _refused(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return refused.response


def _malformed(message: str) -> Response:
    return refusal(400, "MalformedHttpRequestException", message)
