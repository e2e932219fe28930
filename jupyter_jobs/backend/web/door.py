"""The door of the web face: from which page and by which name somebody may come, who it is, and how much is taken.

A web page in the user's browser reaches loopback, too: a request must name this server by a name that it is known by
(else a name of somebody else's could point here, DNS rebinding), and a page of another origin is refused.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from jupyter_jobs.appsync.auth import Guests, Purpose, Verifier, signs_body, what_says_most
from jupyter_jobs.appsync.endpoint import is_loopback
from jupyter_jobs.backend.life.keys import RetiredKey
from jupyter_jobs.backend.limits import (
    FAILURES,
    REQUESTS,
    REQUESTS_OF_GUESTS,
    STRANGERS_BODY_LIMIT,
    Bucket,
    Paces,
)
from jupyter_jobs.errors import Unauthorized

__all__ = [
    "Caller",
    "Callers",
    "Guard",
    "Refused",
    "Visit",
    "address_of",
    "deny",
    "let_finish",
    "read_body",
    "refusal",
]


class Refused(Exception):
    """A request that is not carried out.

    Attributes:
        response: What to answer.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        is_owner: Whether it holds the backend's own key.
        is_trusted: Whether it may have any code run; the owner may.
    """

    is_owner: bool
    is_trusted: bool


_OWNER = Caller(is_owner=True, is_trusted=True)


class Callers:
    """Tells who asks, and how soon they may ask again.

    Args:
        own: Lets in the holder of the backend's own key.
        guests: Who is let in besides.
        clock: Seconds.
    """

    def __init__(
        self,
        own: Verifier,
        guests: Guests | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._guests = guests
        self._clock = clock
        self._failures = Paces(FAILURES)
        self._paces = {True: Bucket(REQUESTS), False: Bucket(REQUESTS_OF_GUESTS)}

    def recognise(
        self,
        headers: Mapping[str, str],
        purpose: Purpose,
        body: bytes | None,
        address: str,
        *,
        patient: bool = False,
    ) -> Caller | None:
        """Return who shows these credentials; None if that takes the body, which is not there yet.

        Args:
            headers: By lower-case name.
            purpose: What they are shown for.
            body: What came with them, or None.
            address: Where they came from.
            patient: Whether to look at guests' credentials, too, after many bad ones from there.

        Raises:
            Unauthorized: They are missing or bad.
            Refused: Too many bad ones came from there; the owner's are never refused for that.
        """
        reasons: list[Unauthorized] = []
        try:
            self._own.verify(headers, purpose, body or b"")
            return _OWNER
        except RetiredKey:
            raise  # a client of the owner's that has not heard yet
        except Unauthorized as error:
            reasons.append(error)
        now = self._clock()
        if not patient and (wait := self._failures.wait(address, now)):
            raise Refused(_too_many("Too many bad credentials came from this address.", wait))
        if self._guests is not None:
            if body is None and signs_body(headers):
                return None
            try:
                self._guests.verifier.verify(headers, purpose, body or b"")
                return Caller(is_owner=False, is_trusted=self._guests.trusted)
            except Unauthorized as error:
                reasons.append(error)
        self._failures.note(address, now)
        raise what_says_most(reasons)

    def check_patience(self, headers: Mapping[str, str], address: str) -> None:
        """See whether a WebSocket's credentials are looked at at all; once it is open, they are.

        Raises:
            Refused: As `recognise`.
        """
        if not self._failures.wait(address, self._clock()):
            return
        try:
            self.recognise(headers, Purpose.CONNECT, b"{}", address)
        except Unauthorized:
            pass  # one that hears of it on its socket

    def hurry(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Refused: They come too fast.
        """
        now = self._clock()
        bucket = self._paces[caller.is_trusted]
        if not bucket.take(now):
            raise Refused(_too_many("Rate limit exceeded.", bucket.wait(now)))


class Visit:
    """The verifier of one WebSocket.

    Attributes:
        on_owner: Is called when the owner's credentials are shown on it.
    """

    def __init__(self, callers: Callers, address: str) -> None:
        self.on_owner: Callable[[], object] = lambda: None
        self._callers = callers
        self._address = address

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the credentials are good."""
        caller = self._callers.recognise(headers, purpose, body, self._address, patient=True)
        if caller is not None and caller.is_owner:
            self.on_owner()


def address_of(scope: Scope) -> str:
    """Return where a request comes from."""
    client = scope.get("client")
    return client[0] if client else ""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request; one that says that it is too long is not read.

    Raises:
        Refused: It is longer than it may be.
        ClientDisconnect: The client went in the middle of it.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and (len(told) > 15 or int(told) > limit):
        raise Refused(_too_large(limit))
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise Refused(_too_large(limit))
    return bytes(received)


async def let_finish(request: Request) -> None:
    """Read and forget what comes of a body that nobody wants; whoever is cut off in the middle misses the answer."""
    left = STRANGERS_BODY_LIMIT
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):  # it went, or all was read
        return


def refusal(
    status: int, errorType: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer of AppSync's shape, after which the connection ends: whoever is refused keeps none open."""
    return JSONResponse(
        {"errors": [{"errorType": errorType, "message": message}]},
        status_code=status,
        headers={"x-amzn-ErrorType": errorType, "connection": "close", **(headers or {})},
    )


def _too_large(limit: int) -> Response:
    message = f"A request may have {limit:,} bytes, this one has more."
    return refusal(413, "PayloadTooLarge", message)


def _too_many(message: str, wait: float) -> Response:
    seconds = max(1, math.ceil(wait))
    return refusal(
        429,
        "TooManyRequestsException",
        f"{message} Wait {seconds} s, then try again.",
        {"retry-after": str(seconds)},
    )


class Guard:
    """Lets in requests that name this server and come from no page but its own, and numbers the answers.

    Args:
        app: What is behind the door.
        hosts: Names and addresses of this server besides loopback's, in lower case.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")

        async def numbered(message: Message) -> None:
            if message["type"].endswith("response.start"):
                MutableHeaders(scope=message)["x-amzn-RequestId"] = str(uuid.uuid4())
            await send(message)

        hostname = _split(f"//{host}").hostname or ""
        if not is_loopback(hostname) and hostname not in self._hosts:
            why = (
                "Host is no name of this server: --allow-host adds one."
                if self._hosts
                else "Host is not this machine's loopback."
            )
            await deny(scope, receive, numbered, refusal(403, "ForbiddenException", why))
        elif origin is not None and _split(origin).netloc != host:
            why = "Origin is not this server's own."
            await deny(scope, receive, numbered, refusal(403, "ForbiddenException", why))
        else:
            await self._app(scope, receive, numbered)


async def deny(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Answer in place of what was asked for: a request, or the upgrade of a WebSocket."""
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
