"""One WebSocket of one client: pumps a `ServerConnection`, the same machine that our own client is tested against."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from jupyter_jobs.appsync.auth import NO_CREDENTIALS, Purpose, Verifier, read_authorization
from jupyter_jobs.appsync.messages import SUBPROTOCOL, Start, Stop
from jupyter_jobs.appsync.protocol import ServerConnection
from jupyter_jobs.backend.topics import RefusedStart, Subscriber, Topics
from jupyter_jobs.errors import ConfigurationError, Unauthorized

__all__ = ["Session", "Timing", "unauthorized"]

log = logging.getLogger("jupyter_jobs.backend")

PENDING_LIMIT = 20_000  # frames that wait for a client that does not read
FIRST_WORD_S = 1.0  # that a refused client has to say its first


@dataclass(frozen=True)
class Timing:
    """How the service keeps time with its clients, and how much each may ask; the defaults are AppSync's.

    Attributes:
        keep_alive_s: Seconds between two `ka` frames.
        connection_timeout_ms: The silence after which a client is told to give up.
        max_age_s: Seconds after which any connection is closed.
        max_subscriptions: Of one connection.
    """

    keep_alive_s: float = 60.0
    connection_timeout_ms: int = 300_000
    max_age_s: float = 86_400.0
    max_subscriptions: int = 100

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not getattr(self, field.name) > 0:
                raise ConfigurationError(
                    f"{field.name} must be more than 0, not {getattr(self, field.name)}"
                )


def unauthorized(error: Unauthorized) -> dict[str, str]:
    """Return a refusal of credentials as AppSync words it."""
    return {"errorType": "UnauthorizedException", "message": str(error)}


class Session:
    """One connection from upgrade to close."""

    def __init__(
        self, websocket: WebSocket, *, topics: Topics, verifier: Verifier, timing: Timing
    ) -> None:
        self._socket = websocket
        self._topics = topics
        self._verifier = verifier
        self._subscribers: dict[str, Subscriber] = {}
        self._wake = asyncio.Event()
        self._heard = asyncio.Event()
        self._waiting = 0
        self._protocol = ServerConnection(
            keep_alive_s=timing.keep_alive_s,
            connection_timeout_ms=timing.connection_timeout_ms,
            max_age_s=timing.max_age_s,
            max_subscriptions=timing.max_subscriptions,
        )

    async def run(self) -> None:
        """Serve the client until either side closes."""
        if not await self._upgrade():
            return
        writer = asyncio.create_task(self._write(), name="session writer")
        try:
            async with asyncio.timeout(None) as self._patience:
                while True:
                    message = await self._socket.receive()
                    if message["type"] == "websocket.disconnect":
                        break
                    text = message.get("text")
                    self._read(text if text is not None else message["bytes"])
        except TimeoutError:
            log.warning("cut off a client that reads too slowly")
        finally:
            self._unsubscribe()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _upgrade(self) -> bool:
        """Answer the handshake: 401 without credentials, `connection_error` for bad ones."""
        socket = self._socket
        offered = socket.scope["subprotocols"]
        found = read_authorization(offered, socket.query_params, socket.headers)
        if SUBPROTOCOL not in offered or found is None:
            missing = Unauthorized(NO_CREDENTIALS)
            await socket.send_denial_response(
                JSONResponse(
                    {"errors": [unauthorized(missing)]},
                    status_code=401 if found is None else 400,
                    headers={"x-amzn-ErrorType": "UnauthorizedException"},
                )
            )
            return False
        await socket.accept(subprotocol=SUBPROTOCOL)
        try:
            self._verifier.verify(found, Purpose.CONNECT, b"{}")
        except Unauthorized as error:
            self._protocol.reject([{**unauthorized(error), "errorCode": 401}])
        self._protocol.tick(time.monotonic())
        return True

    def _read(self, text: str | bytes) -> None:
        self._heard.set()
        for event in self._protocol.receive(text, time.monotonic()):
            if isinstance(event, Start):
                self._start(event)
            elif isinstance(event, Stop):
                self._stop(event.id)
        self._wake.set()

    def _start(self, start: Start) -> None:
        try:
            self._verifier.verify(
                {name.lower(): value for name, value in start.authorization.items()},
                Purpose.START,
                start.data.encode(errors="surrogatepass"),
            )
            subscriber = self._topics.read(start.data, self._deliver(start.id))
        except Unauthorized as error:
            self._protocol.refuse(start.id, [unauthorized(error)])
        except RefusedStart as error:
            self._protocol.refuse(start.id, error.errors)
        else:
            self._protocol.accept(start.id)
            self._subscribers[start.id] = subscriber
            self._topics.add(subscriber)

    def _stop(self, id_: str) -> None:
        if (subscriber := self._subscribers.pop(id_, None)) is not None:
            self._topics.discard(subscriber)

    def _deliver(self, id_: str) -> Callable[[str], None]:
        def deliver(payload: str) -> None:
            if self._protocol.publish(id_, payload):
                self._waiting += 1
                self._wake.set()
                if self._waiting > PENDING_LIMIT and self._subscribers:
                    self._unsubscribe()
                    self._patience.reschedule(0.0)

        return deliver

    def _unsubscribe(self) -> None:
        for subscriber in self._subscribers.values():
            self._topics.discard(subscriber)
        self._subscribers.clear()

    async def _write(self) -> None:
        """Send what the machine has to say, and wake it at its deadlines."""
        try:
            while True:
                self._wake.clear()
                for text in self._protocol.data_to_send():
                    await self._socket.send_text(text)
                self._waiting = 0
                if self._protocol.closed:
                    # A client that speaks first and reads then must get as far as to read why.
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._heard.wait(), FIRST_WORD_S)
                    await self._socket.close()
                    return
                await self._until(self._protocol.next_deadline())
                self._protocol.tick(time.monotonic())
        except (WebSocketDisconnect, RuntimeError):
            # The client went while a frame was on its way; the reader hears of it, too.
            if self._socket.application_state is WebSocketState.CONNECTED:
                log.debug("= a client went away", exc_info=True)

    async def _until(self, deadline: float | None) -> None:
        try:
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                await self._wake.wait()
        except TimeoutError:
            pass
