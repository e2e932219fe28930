"""What every request passes: who is inside is counted, and once the backend ends nobody comes in any more.

A backend decides to end for want of anything to do in the moment in which nobody is inside, and is shut in the same
moment, so that no request is taken in and then left alone. Whoever comes then is told to come again: by that time there
is another backend.
"""

from __future__ import annotations

import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

__all__ = ["Gate"]

_ENDING = {
    "errors": [
        {
            "errorType": "ServiceUnavailableException",
            "message": "This backend is about to end; ask again, the next one answers.",
        }
    ]
}


class Gate:
    """An ASGI application around another.

    Attributes:
        inside: Requests that are being answered, and WebSockets that are open.
        is_shut: Whether nobody comes in any more.
    """

    def __init__(self) -> None:
        self.inside = 0
        self.is_shut = False
        self._app: ASGIApp
        self._active_at = time.monotonic()

    def around(self, app: ASGIApp) -> ASGIApp:
        """Stand before an application, and return what answers now."""
        self._app = app
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if self.is_shut:
            response = JSONResponse(_ENDING, 503, {"connection": "close"})
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(response)
            else:
                await response(scope, receive, send)
            return
        self.inside += 1
        self._active_at = time.monotonic()
        try:
            await self._app(scope, receive, send)
        finally:
            self.inside -= 1
            self._active_at = time.monotonic()

    def shut(self) -> None:
        """Let nobody in from now on; whoever is inside is answered."""
        self.is_shut = True

    def touch(self) -> None:
        """Begin anew to count for how long nobody has been inside."""
        self._active_at = time.monotonic()

    def idle_s(self) -> float:
        """Return for how many seconds nobody has been inside."""
        return 0.0 if self.inside else time.monotonic() - self._active_at
