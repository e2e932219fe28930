"""One WebSocket of one client: pumps a `ServerConnection`, the same machine that our own client is tested against.

What the machine has to say is written once a turn of the loop, however much it is: no task is woken for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from dataclasses import dataclass
from functools import partial

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from jupyter_jobs.appsync.auth import NO_CREDENTIALS, Purpose, Verifier, read_authorization
from jupyter_jobs.appsync.messages import SUBPROTOCOL, Start, Stop
from jupyter_jobs.appsync.protocol import ServerConnection
from jupyter_jobs.backend.limits import FRAMES, STARTS, Bucket
from jupyter_jobs.backend.realtime.audiences import Subscriber
from jupyter_jobs.backend.realtime.outbox import Outbox
from jupyter_jobs.backend.realtime.sinks import sink_of
from jupyter_jobs.backend.realtime.topics import RefusedStart, Topics
from jupyter_jobs.errors import ConfigurationError, Unauthorized

__all__ = ["Session", "Timing", "unauthorized"]

log = logging.getLogger("jupyter_jobs.backend")

FIRST_WORD_S = 1.0  # that a refused client has to say its first
CLOSING_S = 2.0  # that a close may take which the server has to wait for
DONE = 1000  # close codes (RFC 6455, 7.4.1, and IANA's registry)
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013


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
        self._loop = asyncio.get_running_loop()
        self._subscribers: dict[str, Subscriber] = {}
        self._starts, self._frames = Bucket(STARTS), Bucket(FRAMES)
        self._sink = sink_of(websocket)
        self._outbox = Outbox(self._sink, topics.room, self._cut_off)
        self._is_heard = self._is_flushing = self._is_over = False
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
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
        self._sink.on_writable = self._drain
        try:
            async with asyncio.timeout(None) as self._patience:
                self._tick()
                while True:
                    message = await self._socket.receive()
                    if message["type"] == "websocket.disconnect":
                        break
                    text = message.get("text")
                    self._read(text if text is not None else message["bytes"])
        except TimeoutError:
            pass  # it was told to go, and does not
        finally:
            self._is_over = True
            self._unsubscribe()
            self._outbox.clear()
            self._arm(None)
            if self._ending is not None:
                self._ending.cancel()
            self._sink.release()

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
        return True

    def dismiss(self, error: Unauthorized) -> None:
        """End it as one whose credentials are good no more: the client asks for others, and comes anew."""
        self._protocol.reject([{**unauthorized(error), "errorCode": 401}])
        self._settle()

    def _read(self, text: str | bytes) -> None:
        self._is_heard = True
        if not self._frames.take(self._loop.time()):
            log.warning("closed a connection of %s: too many messages", _address(self._socket))
            self._close(POLICY_VIOLATION, "too many messages a second")
            return
        for event in self._protocol.receive(text, self._loop.time()):
            if isinstance(event, Start):
                self._start(event)
            elif isinstance(event, Stop):
                self._stop(event.id)
        self._settle()

    def _tick(self) -> None:
        self._protocol.tick(self._loop.time())
        self._settle()

    def _settle(self) -> None:
        """Send what the machine has to say, and wake it in time. An event moves no deadline, so it needs no more."""
        self._arm(self._protocol.next_deadline())
        self._flush_soon()

    def _start(self, start: Start) -> None:
        if not self._starts.take(self._loop.time()):
            error = {"errorType": "LimitExceededError", "message": "Rate limit exceeded"}
            self._protocol.refuse(start.id, [error])
            return
        try:
            self._verifier.verify(
                {name.lower(): value for name, value in start.authorization.items()},
                Purpose.START,
                start.data.encode(errors="surrogatepass"),
            )
            subscriber = self._topics.read(start.data, partial(self._deliver, start.id))
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

    def _deliver(self, id_: str, payload: str) -> None:
        if self._protocol.publish(id_, payload) and not self._is_flushing:
            self._flush_soon()

    def _unsubscribe(self) -> None:
        for subscriber in self._subscribers.values():
            self._topics.discard(subscriber)
        self._subscribers.clear()

    def _flush_soon(self) -> None:
        """Write all that this turn of the loop brings in one go, after it."""
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._is_over:
            return
        self._outbox.put(self._protocol.data_to_send())
        if self._protocol.closed:
            self._end()

    def _drain(self) -> None:
        self._outbox.flush()
        if self._protocol.closed:
            self._end()

    def _arm(self, deadline: float | None) -> None:
        """Wake the machine at a time on the loop's clock, and at no other."""
        if deadline == self._deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._deadline = deadline
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._woken)

    def _woken(self) -> None:
        self._deadline = self._timer = None
        self._tick()

    def _end(self) -> None:
        """Close, once all is said, and a client that speaks first and reads then has got as far as to read why."""
        if self._is_heard and not self._outbox.frames:
            self._close(DONE, "")
        elif self._ending is None:
            self._ending = self._loop.call_later(FIRST_WORD_S, self._close, DONE, "")

    def _cut_off(self) -> None:
        """Let go of a client for which too much waits, and tell it so behind what it has still to read."""
        frames, size = self._outbox.frames, self._outbox.size
        self._topics.cut += 1
        log.warning(
            "cut off a client that reads too slowly: %d frames of %d bytes waited for %s, %r, on %d subscriptions",
            frames,
            size,
            _address(self._socket),
            self._socket.headers.get("user-agent", ""),
            len(self._subscribers),
        )
        self._close(TRY_AGAIN_LATER, f"read too slowly: {frames:,} frames of {size:,} bytes waited")

    def _close(self, code: int, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._unsubscribe()
        self._outbox.clear()
        self._sink.close(code, reason)
        self._patience.reschedule(self._loop.time() + CLOSING_S)


def _address(websocket: WebSocket) -> str:
    client = websocket.client
    return f"{client.host}:{client.port}" if client else "somebody"
