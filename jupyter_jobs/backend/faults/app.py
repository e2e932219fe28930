"""The faults on real sockets: an ASGI application around the backend's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import struct
import time
from collections.abc import Callable, Mapping

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from jupyter_jobs.appsync.auth import Purpose, Verifier, same_credentials
from jupyter_jobs.backend.faults.frames import FaultyFrames
from jupyter_jobs.backend.faults.rules import Chosen, Faults
from jupyter_jobs.backend.realtime.sinks import EXTENSION
from jupyter_jobs.errors import Unauthorized

__all__ = ["ExpiringVerifier", "FaultyApp"]

_PAGE = "<html><body>Something between you and the service is out of order.</body></html>"
_HALF = b'{"data": {"submitJob": {"id": "'  # of an answer
FindTransport = Callable[[Scope], asyncio.Transport | None]


class FaultyApp:
    """Stands around the backend and does what the rules choose.

    `POST /faults` with a plan goes over to it and answers what the former one did; `GET /faults` tells what the
    present one has done. Both need the backend's own credentials, which do not expire here.

    Args:
        app: The backend.
        faults: Chooses.
        verifier: Who may ask for other faults.
        find_transport: The TCP connection that a scope came on.
    """

    def __init__(
        self, app: ASGIApp, faults: Faults, verifier: Verifier, find_transport: FindTransport
    ) -> None:
        self._app = app
        self._faults = faults
        self._verifier = verifier
        self._find_transport = find_transport
        self._connections = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["path"] == "/faults":
            await (await self._plan(Request(scope, receive)))(scope, receive, send)
        elif scope["path"] == "/graphql":
            await self._graphql(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _plan(self, request: Request) -> Response:
        body = await request.body()
        try:
            self._verifier.verify(request.headers, Purpose.REQUEST, body)
            if request.method == "GET":
                return JSONResponse(self._faults.done)
            return JSONResponse(self._faults.replace(json.loads(body)))
        except Unauthorized as error:
            return JSONResponse({"message": str(error)}, 401)
        except ValueError as error:  # a plan that is wrong, or no JSON
            return JSONResponse({"message": str(error)}, 400)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._connections += 1
        number, transport = self._connections, self._find_transport(scope)
        refused = self._faults.choose("upgrade", connection=number)
        if refused is not None:
            self._faults.note(refused)
            denial = Response(_PAGE, int(refused["status"]), media_type="text/html")
            await WebSocket(scope, receive, send).send_denial_response(denial)
            return
        extensions = scope.get("extensions", {})
        extensions.pop(EXTENSION, None)  # every frame is to come through here
        frames = FaultyFrames(self._faults, number, time.monotonic())
        await _Socket(frames, receive, send, transport).run(self._app, scope)

    async def _graphql(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        chosen = self._faults.choose("request", operation=_operations(body))
        answer: list[Message] = []
        again = _replayed(body, receive)
        if chosen is None:
            await self._app(scope, again, send)
            return
        if chosen["when"] == "after":

            async def keep(message: Message) -> None:
                answer.append(message)

            await self._app(scope, again, keep)
        self._faults.note(chosen)
        match chosen.fault:
            case "status":
                await _status(chosen)(scope, again, send)
                return
            case "cut":
                _reset(self._find_transport(scope))
            case "truncate":
                await self._truncate(scope, send, answer)
        while (await receive())["type"] != "http.disconnect":
            pass  # the server behind this would answer in our place

    async def _truncate(self, scope: Scope, send: Send, answer: list[Message]) -> None:
        body = b"".join(message.get("body", b"") for message in answer)
        half = body[: len(body) // 2] or _HALF
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(2 * len(half) + 1).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        if (transport := self._find_transport(scope)) is not None:
            transport.close()


class ExpiringVerifier:
    """Lets in whom another verifier lets in, until their credentials expire by a rule."""

    def __init__(self, verifier: Verifier, faults: Faults) -> None:
        self._verifier = verifier
        self._faults = faults
        self._expired: list[tuple[Mapping[str, str], float, int]] = []

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the credentials are good, and have not expired."""
        self._verifier.verify(headers, purpose, body)
        now, generation = time.monotonic(), self._faults.generation
        self._expired = [
            entry for entry in self._expired if entry[1] > now and entry[2] == generation
        ]
        shown = {name: headers[name] for name in ("x-api-key", "authorization") if name in headers}
        chosen = None
        if not any(same_credentials(expired, shown) for expired, _, _ in self._expired):
            chosen = self._faults.choose("credentials", purpose=purpose.value, shown=list(shown))
            if chosen is None:
                return
            self._faults.note(chosen)
            seconds = math.inf if chosen["ms"] is None else chosen["ms"] / 1000
            self._expired.append((shown, now + seconds, generation))
        raise Unauthorized("Token has expired.")


class _Socket:
    """Carries frames between the backend, `FaultyFrames` and the client."""

    def __init__(
        self,
        frames: FaultyFrames,
        receive: Receive,
        send: Send,
        transport: asyncio.Transport | None,
    ) -> None:
        self._frames = frames
        self._receive = receive
        self._send = send
        self._transport = transport
        self._to_backend: asyncio.Queue[Message] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._over = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        tasks = [asyncio.create_task(work()) for work in (self._read, self._keep_time)]
        try:
            await app(scope, self._to_backend.get, self._from_backend)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if self._over and message["type"] == "websocket.receive":
                self._pause()  # taking a message out of the server's queue let it read on
            elif (text := message.get("text")) is not None:
                self._frames.from_client(text, time.monotonic())
                await self._settle()
            else:
                self._to_backend.put_nowait(message)

    async def _from_backend(self, message: Message) -> None:
        if self._over:
            return
        if message["type"] == "websocket.send" and "text" in message:
            self._frames.from_backend(message["text"], time.monotonic())
            await self._settle()
        else:
            await self._say(message)

    async def _keep_time(self) -> None:
        while True:
            self._changed.clear()
            deadline = self._frames.next_deadline()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline and deadline - time.monotonic()):
                    await self._changed.wait()
            self._frames.tick(time.monotonic())
            await self._settle()

    async def _settle(self) -> None:
        while self._frames.to_backend:
            text = self._frames.to_backend.popleft()
            self._to_backend.put_nowait({"type": "websocket.receive", "text": text})
        while self._frames.to_client and not self._over:
            await self._say({"type": "websocket.send", "text": self._frames.to_client.popleft()})
        if self._frames.ending is not None and not self._over:
            self._over = True
            await self._end(self._frames.ending)
        self._changed.set()

    async def _say(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):  # the client went; the backend reads that it did
            self._over = True

    async def _end(self, ending: Chosen) -> None:
        match ending.fault:
            case "close":
                await self._say({"type": "websocket.close", "code": int(ending["code"])})
            case "reset":
                _reset(self._transport)
            case "stall":
                self._pause()
                loop = asyncio.get_running_loop()
                loop.call_later(ending["for_ms"] / 1000, _reset, self._transport)

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()


def _reset(transport: asyncio.Transport | None) -> None:
    """Let TCP say RST, as a router does that has forgotten the connection."""
    if transport is not None and not transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


def _status(chosen: Chosen) -> Response:
    response = Response(_PAGE, int(chosen["status"]), media_type="text/html")
    if chosen["retry_after"] is not None:
        response.headers["retry-after"] = f"{chosen['retry_after']:g}"
    return response


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the backend the body that was read already."""
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


def _operations(body: bytes) -> list[str]:
    """Return the fields at the root of what is asked; none if that cannot be read."""
    try:
        document = parse(json.loads(body)["query"])
    except (ValueError, KeyError, TypeError, RecursionError, GraphQLError):
        return []
    return [
        field.name.value
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for field in operation.selection_set.selections
        if isinstance(field, FieldNode)
    ]
