"""The driver: pumps a `ClientConnection` over one WebSocket. The only file that imports websockets.

Whoever runs a cell blocks the loop, for minutes perhaps. Nothing may be judged right after that: timers are due and
the frames that would have answered them are in the socket's buffer. So the pings are ours (websockets' own would close
a good connection), every deadline waits a moment when it finds the loop late, and any frame is a sign of life.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_jobs._loop import Tasks
from jupyter_jobs._redact import redact
from jupyter_jobs.appsync import tls
from jupyter_jobs.appsync.answers import read_retry_after
from jupyter_jobs.appsync.auth import subprotocols
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.protocol import ClientConnection, ClientEvent, Ignored, Lost, Received
from jupyter_jobs.appsync.timing import GRACE_S, PatientTimer, Timing
from jupyter_jobs.errors import (
    ConnectionLost,
    RemoteProtocolError,
    Throttled,
    Unauthorized,
    WireError,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as _Socket
    from websockets.datastructures import Headers

    WebSocket = _Socket

__all__ = ["Offline", "Pump", "open_websocket"]

log = logging.getLogger("jupyter_jobs.appsync")

SLICE_S = 0.01
"""How long a flood of frames may keep the loop from everything else."""
PROBE_S = 5.0
"""How long the other side gets to answer when it is doubtful that it is there."""
FINISH_S = 10.0
"""How long a socket that was replaced gets to deliver what is under way."""
MAX_FRAME_BYTES = 4 * 2**20
"""An event has at most 240 KB, and up to six times that when all of it is escaped."""


class Offline(ConnectionLost):
    """There is no way to the server: no name, no route, nobody listens."""


async def open_websocket(
    endpoint: Endpoint, authorization: Mapping[str, str], timing: Timing
) -> WebSocket:
    """Open the socket; the credentials travel in the offered sub-protocols.

    Beyond this machine it goes by the proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`).

    Raises:
        ConfigurationError: The file of certificates cannot be used.
        Unauthorized: The upgrade was refused for the credentials.
        Throttled: The upgrade was refused for now.
        ConnectionLost: There is no connection; the message says why and what to try.
    """
    from websockets.asyncio.client import ClientConnection as Socket
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus
    from websockets.typing import Subprotocol

    class Connect(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            """Follow none: the sub-protocols, and the credentials in them, would go along."""
            return exc

    class Connection(Socket):
        def connection_lost(self, exc: Exception | None) -> None:
            """Leave alone what was never made: so TLS through a proxy fails in websockets 17, with a traceback."""
            if hasattr(self, "transport"):
                super().connection_lost(exc)

    trusted = tls.context(endpoint) if endpoint.realtime.startswith("wss:") else None
    try:
        return await Connect(
            endpoint.realtime,
            subprotocols=[Subprotocol(offered) for offered in subprotocols(authorization)],
            compression=None if endpoint.is_loopback else "deflate",
            proxy=None if endpoint.is_loopback else True,
            ssl=trusted,
            create_connection=Connection,
            open_timeout=timing.open_s,
            close_timeout=timing.close_s,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=None,
            logger=_websockets_log(),
        )
    except InvalidStatus as exc:
        raise _refusal(endpoint.host, exc.response.status_code, exc.response.headers) from exc
    except Exception as exc:  # whatever DNS, TCP, TLS, a proxy or the handshake can raise
        reason = "; ".join(filter(None, (redact(str(exc)) or type(exc).__name__, tls.advice(exc))))
        kind = Offline if _no_way(exc) else ConnectionLost
        host = urlsplit(endpoint.realtime).netloc
        raise kind(f"no connection to {host}: {reason}", host=endpoint.host) from exc


def _refusal(host: str, status: int, headers: Headers) -> WireError:
    if status in (401, 403):
        return Unauthorized(f"{host} refused the connection with HTTP {status}", host=host)
    if status in (429, 503):
        return Throttled(
            f"{host} takes no connection just now (HTTP {status})",
            retry_after=read_retry_after(headers.get("Retry-After")),
            host=host,
        )
    return ConnectionLost(
        f"{host} answered HTTP {status} instead of opening a WebSocket: check the URL", host=host
    )


def _no_way(exc: Exception) -> bool:
    """Return whether an attempt ended before anybody was reached."""
    reached = ssl.SSLError | TimeoutError | ConnectionResetError | BrokenPipeError
    return isinstance(exc, OSError) and not isinstance(exc, reached)


def _websockets_log() -> logging.Logger:
    """Return a log for websockets that leaves out its DEBUG lines: they show the handshake, credentials and all."""
    quiet = logging.Logger("jupyter_jobs.appsync.websocket", logging.WARNING)
    quiet.parent = log
    return quiet


class Pump:
    """Carries text between one socket and one `ClientConnection`, until one of them ends.

    Args:
        websocket: Open.
        connection: New.
        tasks: Where the pump's own tasks live.
        timing: How patient it is.
        deliver: Takes key and payload of each event of a subscription.
        handle: Takes what else the connection tells, but `Lost` and `Ignored`. Both run in the reader: be quick.
    """

    def __init__(
        self,
        websocket: WebSocket,
        connection: ClientConnection,
        tasks: Tasks,
        timing: Timing,
        *,
        deliver: Callable[[str, dict[str, Any]], None],
        handle: Callable[[ClientEvent], None],
    ) -> None:
        self.connection = connection
        self._websocket = websocket
        self._tasks = tasks
        self._timing = timing
        self._deliver = deliver
        self._handle = handle
        self._loop = tasks.loop
        self._lost: Lost | None = None
        self._heard_at = self._pinged_at = self._loop.time()
        self._output = asyncio.Event()
        self._patience_s = timing.pong_within_s
        self._probe: asyncio.Task[None] | None = None
        self._deadline = PatientTimer(self._loop, self._tick)
        self._pong_due = PatientTimer(self._loop, self._pong_overdue)

    async def run(self) -> Lost:
        """Pump until the connection is over; cancelling closes the socket, within `close_s`."""
        from websockets.exceptions import ConnectionClosed

        writer = self._tasks.spawn(self._write(), name="appsync writer")
        pinger = self._tasks.spawn(self._ping(), name="appsync pings")
        for helper in (writer, pinger):
            helper.add_done_callback(self._helper_ended)
        try:
            self.connection.connect(self._loop.time())
            self.settle([])
            return await self._read()
        except ConnectionClosed as exc:
            return self._lost or Lost(f"the socket closed: {redact(str(exc))}")
        except RemoteProtocolError as exc:
            return Lost(str(exc))
        except RuntimeError:
            if self._loop.is_closed():  # websockets stumbles over that where it waits
                return Lost("the event loop was closed")
            raise
        except asyncio.CancelledError:
            self.connection.close()
            self._deadline.set(None)
            self._websocket.close_timeout = self._timing.close_s
            await self._websocket.close()
            raise
        finally:
            # No await from here on: an interrupt of the user's may be on its way out, and is not to be held up.
            self.connection.close()
            if not self._loop.is_closed():  # else all that is left went with it
                self._deadline.set(None)
                self._pong_due.set(None)
                for task in (writer, pinger, self._probe):
                    if task is not None:
                        task.cancel()
                self._websocket.transport.abort()

    def settle(self, events: list[ClientEvent]) -> None:
        """Pass on what the connection told, send what it wants sent, and mind its deadline.

        To be called after each call into the connection, on the loop's thread.
        """
        for event in events:
            if isinstance(event, Received):
                self._deliver(event.key, event.payload)
            elif isinstance(event, Lost):
                self.lose(event)
            elif isinstance(event, Ignored):
                log.info("passed over %s", redact(event.reason))
            else:
                self._handle(event)
        if self.connection.has_output:
            self._output.set()
        self._deadline.set(self.connection.next_deadline())

    def lose(self, lost: Lost) -> None:
        """End the connection; `run` returns the first reason."""
        self._lost = self._lost or lost
        self._websocket.transport.abort()

    def check(self) -> None:
        """See whether the other side is still there: what is buffered is read, then a ping must soon be answered."""
        if self._probe is None or self._probe.done():
            self._probe = self._tasks.spawn(self._check(), name="appsync probe")

    def finish(self) -> None:
        """Close the socket in good order: `run` goes on until all that was under way is delivered."""
        self._websocket.close_timeout = FINISH_S
        self._tasks.spawn(self._websocket.close(), name="appsync end")

    async def _read(self) -> Lost:
        receive, recv, deliver = self.connection.receive, self._websocket.recv, self._deliver
        clock = self._loop.time
        yield_at, debug = 0.0, log.isEnabledFor(logging.DEBUG)
        while self._lost is None:
            text = await recv(decode=False)
            now = self._heard_at = clock()
            if debug:
                log.debug("< %s", redact(text.decode(errors="replace")))
            events = receive(text, now)
            if len(events) == 1 and type(event := events[0]) is Received:
                deliver(event.key, event.payload)
            else:
                self.settle(events)
            # A queue that is full is read without ever suspending.
            if now >= yield_at:
                await asyncio.sleep(0)
                yield_at, debug = clock() + SLICE_S, log.isEnabledFor(logging.DEBUG)
        return self._lost

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self._output.wait()
                self._output.clear()
                for text in self.connection.data_to_send():
                    if log.isEnabledFor(logging.DEBUG):
                        log.debug("> %s", redact(text))
                    await self._websocket.send(text)
        except ConnectionClosed:
            return  # the reader sees it too, and says why

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._timing.ping_every_s)
            await self._expect_pong(self._timing.pong_within_s)

    async def _check(self) -> None:
        await asyncio.sleep(GRACE_S)  # what was buffered is no answer
        await self._expect_pong(min(PROBE_S, self._timing.pong_within_s))

    async def _expect_pong(self, within_s: float) -> None:
        from websockets.exceptions import ConnectionClosed

        self._patience_s = within_s
        self._pinged_at = self._loop.time()
        self._pong_due.set(self._pinged_at + within_s)
        try:
            await (await self._websocket.ping())
        except ConnectionClosed:
            return  # the reader sees it too, and says why
        self._pong_due.set(None)

    def _helper_ended(self, helper: asyncio.Task[None]) -> None:
        """Give up a socket on which nothing would be sent any more: an interrupt by the user can hit any task."""
        if not helper.cancelled() and helper.exception() is not None:
            self.lose(Lost("an accident in its task"))

    def _tick(self) -> None:
        self.settle(self.connection.tick(self._loop.time()))

    def _pong_overdue(self) -> None:
        waited_s = self._patience_s
        if self._heard_at > self._pinged_at:
            self._pinged_at = self._loop.time()
            self._pong_due.set(self._pinged_at + waited_s)
        else:
            self.lose(Lost(f"a ping was not answered within {waited_s:g} s"))
