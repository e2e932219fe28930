"""A small AppSync on this machine for tests: GraphQL answers as scripted, subscriptions by `ServerConnection`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Any, Self

from websockets.asyncio.server import Server, serve
from websockets.asyncio.server import ServerConnection as WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from jupyter_jobs.appsync.auth import ApiKeyVerifier, Purpose, Verifier, read_authorization
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import ServerConnection, Start
from jupyter_jobs.errors import Unauthorized

KEY = "da2-abcdefghijklmnopqrstuvwxyz"
UNAUTHORIZED = {"errorType": "UnauthorizedException", "message": "no", "errorCode": 401}


@dataclass(frozen=True)
class Answer:
    """What the server answers to one POST; `delay` None means never."""

    body: Any = field(default_factory=lambda: {"data": {"ok": True}})
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float | None = 0.0


@dataclass(frozen=True)
class Posted:
    """One POST that the server has seen, and the number of the TCP connection it came on."""

    connection: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(eq=False)
class Peer:
    """One WebSocket at the server."""

    websocket: WebSocket
    machine: ServerConnection
    authorization: dict[str, str] | None
    starts: list[Start] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def flush(self) -> None:
        for text in self.machine.data_to_send():
            await self.websocket.send(text)
        if self.machine.closed:
            await self.websocket.close()

    async def publish(self, payload: dict[str, Any]) -> None:
        """Send an event to every live subscription."""
        for id_ in self.machine.subscriptions:
            self.machine.publish(id_, payload)
        await self.flush()

    def cut(self) -> None:
        """Let the socket die without a word."""
        self.websocket.transport.abort()


class FakeAppSync:
    """Both ends of an API on 127.0.0.1, as an async context manager.

    Attributes:
        peers: Every WebSocket that was opened, oldest first.
        posts: Every POST, oldest first.
        answers: Scripted answers, used up from the left; then `Answer()`.
        verifier: Checks both handshakes and starts.
        on_start: Decides each start; accepts it by default.
        talk: If set, serves a WebSocket instead of `ServerConnection`.
        upgrade_status: If set, the status that refuses each upgrade.
    """

    def __init__(self, *, verifier: Verifier | None = None, **machine: Any) -> None:
        self.peers: list[Peer] = []
        self.posts: list[Posted] = []
        self.answers: list[Answer] = []
        self.verifier = verifier or ApiKeyVerifier([KEY])
        self.on_start: Callable[[Peer, Start], object] = lambda peer, start: peer.machine.accept(
            start.id
        )
        self.talk: Callable[[WebSocket], Coroutine[Any, Any, None]] | None = None
        self.upgrade_status: int | None = None
        self._machine = machine
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connections = 0

    async def __aenter__(self) -> Self:
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self._ws: Server = await serve(
            self._serve_websocket,
            "127.0.0.1",
            0,
            process_request=self._process_request,
            select_subprotocol=lambda connection, offered: (
                "graphql-ws" if "graphql-ws" in offered else None
            ),
            ping_interval=None,
            close_timeout=0.1,
        )
        http, ws = (next(iter(s.sockets)).getsockname()[1] for s in (self._http, self._ws))
        self.endpoint = Endpoint.parse(
            f"http://127.0.0.1:{http}/graphql", f"ws://127.0.0.1:{ws}/graphql/realtime"
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._http.close()
        self._ws.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.wait_closed()
        await self._ws.wait_closed()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that the server has seen makes the condition true."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(condition()))

    def respond(self, posted: Posted) -> Answer:
        """Answer what is not scripted."""
        return Answer()

    @property
    def starts(self) -> list[Start]:
        """All starts on all sockets."""
        return [start for peer in self.peers for start in peer.starts]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _process_request(self, websocket: WebSocket, request: Request) -> Response | None:
        authorization = read_authorization(_offered(request), {}, dict(request.headers.raw_items()))
        status = self.upgrade_status or (401 if authorization is None else None)
        if status is None:
            return None
        await self._notify()
        return websocket.respond(HTTPStatus(status), "no\n")

    async def _serve_websocket(self, websocket: WebSocket) -> None:
        assert websocket.request is not None
        authorization = read_authorization(_offered(websocket.request), {}, {})
        peer = Peer(websocket, ServerConnection(**self._machine), authorization)
        self.peers.append(peer)
        await self._notify()
        if self.talk is not None:
            return await self.talk(websocket)
        try:
            self._verify(authorization or {}, Purpose.CONNECT, "{}", peer.machine.reject)
            await peer.flush()
            peer.machine.tick(asyncio.get_running_loop().time())
            async for text in websocket:
                peer.heard.append(json.loads(text))
                for event in peer.machine.receive(text, asyncio.get_running_loop().time()):
                    if isinstance(event, Start):
                        peer.starts.append(event)
                        refuse = partial(peer.machine.refuse, event.id)
                        if self._verify(event.authorization, Purpose.START, event.data, refuse):
                            self.on_start(peer, event)
                await peer.flush()
                await self._notify()
        except ConnectionClosed:
            pass
        finally:
            await self._notify()

    def _verify(
        self,
        headers: Mapping[str, str],
        purpose: Purpose,
        body: str,
        refuse: Callable[[list[dict[str, Any]]], object],
    ) -> bool:
        try:
            self.verifier.verify(_lower(headers), purpose, body.encode())
        except Unauthorized as exc:
            refuse([{**UNAUTHORIZED, "message": str(exc)}])
            return False
        return True

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.posts.append(Posted(number, headers, json.loads(body)))
                await self._notify()
                answer = self.answers.pop(0) if self.answers else self.respond(self.posts[-1])
                await asyncio.sleep(3600 if answer.delay is None else answer.delay)
                writer.write(_response(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # asyncio's streams complain about a handler that was cancelled
        finally:
            writer.close()
            self._tasks.discard(task)
            self._writers.discard(writer)


@contextmanager
def in_thread(server: FakeAppSync) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Run a server on a loop of its own, so that it goes on while the test blocks its loop.

    Yields a function that runs a coroutine there and waits for it, blocking the caller.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="server")
    thread.start()

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    run(server.__aenter__())
    try:
        yield run
    finally:
        run(server.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _offered(request: Request) -> list[str]:
    header = request.headers.get("Sec-WebSocket-Protocol", "")
    return [offered.strip() for offered in header.split(",")]


def _response(answer: Answer) -> bytes:
    content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    headers: Iterable[tuple[str, str]] = (
        ("content-type", "application/json"),
        ("content-length", str(len(content))),
        *answer.headers,
    )
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
