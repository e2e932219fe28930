"""The server's end of a connection, as a pure machine."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.appsync.messages import (
    Complete,
    ConnectionAck,
    ConnectionErrors,
    Error,
    Errors,
    Frame,
    KeepAlive,
    Start,
    StartAck,
    Stop,
    decode,
    dumps,
    encode,
    encode_data,
)
from jupyter_jobs.appsync.protocol.events import Closed, ServerEvent
from jupyter_jobs.appsync.protocol.tables import SERVER, State
from jupyter_jobs.errors import RemoteProtocolError

__all__ = ["INIT_TIMEOUT_S", "ServerConnection"]

INIT_TIMEOUT_S = 30.0
"""How long a client may be silent before its connection_init."""

_PENDING, _LIVE = False, True


class ServerConnection:
    """Speaks AppSync's side over one socket: text in, events out, text out; it owns no socket and no clock.

    The driver hands in each text frame with `receive`, calls `tick` once after the upgrade and whenever
    `next_deadline` has come, sends what `data_to_send` gives after every call, and closes the socket once `closed` is
    true and all is sent. Each `Start` that is returned is answered with `accept` or `refuse`, at once or later.

    Args:
        keep_alive_s: Seconds between two `ka` frames; one is sent right after the ack.
        connection_timeout_ms: The silence after which the client is told to give up.
        max_subscriptions: Starts that may be pending or live at one time.
        max_age_s: Age at which the service closes any connection.
    """

    def __init__(
        self,
        *,
        keep_alive_s: float = 60.0,
        connection_timeout_ms: int = 300_000,
        max_subscriptions: int = 100,
        max_age_s: float = 86_400.0,
    ) -> None:
        self._keep_alive_s = keep_alive_s
        self._timeout_ms = connection_timeout_ms
        self._max_subscriptions = max_subscriptions
        self._max_age_s = max_age_s
        self._state = State.NEW
        self._opened_at: float | None = None
        self._keep_alive_at = 0.0
        self._operations: dict[str, bool] = {}
        self._output: list[str] = []

    @property
    def closed(self) -> bool:
        """Whether the socket is to be closed once `data_to_send` is empty."""
        return self._state is State.CLOSED

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Ids of the starts that are pending or live."""
        return tuple(self._operations)

    def receive(self, text: str | bytes, now: float) -> list[ServerEvent]:
        """Take in one text frame.

        Nothing that a client sends raises: what cannot be understood is answered as the service answers it.
        """
        self._note(now)
        if self.closed:
            return []
        try:
            frame = decode(text)
        except RemoteProtocolError:
            return self._unsupported()
        state, next_state = self._state, SERVER.get((self._state, frame.type))
        if next_state is None:
            return self._unsupported()
        self._state = next_state
        if state is State.NEW:
            if next_state is State.OPEN:
                self._send(ConnectionAck(self._timeout_ms))
                self._send(KeepAlive())
                self._keep_alive_at = now + self._keep_alive_s
            return []
        if isinstance(frame, Start):
            return self._start(frame)
        assert isinstance(frame, Stop)
        known = self._operations.pop(frame.id, None) is not None
        self._send(Complete(frame.id))
        return [frame] if known else []

    def accept(self, id: str) -> bool:
        """Answer a `Start`: it is live. Returns False, and sends nothing, if it was stopped meanwhile."""
        if self._operations.get(id) is not _PENDING:
            return False
        self._operations[id] = _LIVE
        self._send(StartAck(id))
        return True

    def refuse(self, id: str, errors: Errors) -> bool:
        """End a pending or live subscription with errors. Returns False if it was gone already."""
        if self._operations.pop(id, None) is None:
            return False
        self._send(Error(id, errors))
        return True

    def publish(self, id: str, payload: dict[str, Any] | str) -> bool:
        """Send an event to one live subscription.

        Args:
            id: The subscription.
            payload: `{"data": …, "errors"?: […]}`, or the JSON text of it, made once for many subscribers.

        Returns:
            Whether it was sent: not to a subscription that is pending or gone.
        """
        if self._operations.get(id) is not _LIVE:
            return False
        self._output.append(
            encode_data(id, payload if isinstance(payload, str) else dumps(payload))
        )
        return True

    def reject(self, errors: Errors) -> None:
        """Refuse the whole connection with `connection_error`, and close. May be called before anything is received."""
        if not self.closed:
            self._send(ConnectionErrors(errors))
            self._close()

    def data_to_send(self) -> list[str]:
        """Return the text frames to send, in order, and forget them."""
        output, self._output = self._output, []
        return output

    def next_deadline(self) -> float | None:
        """Return when `tick` is to be called, on the caller's clock, or None."""
        if self._opened_at is None or self.closed:
            return None
        age_at = self._opened_at + self._max_age_s
        first = (
            self._opened_at + INIT_TIMEOUT_S if self._state is State.NEW else self._keep_alive_at
        )
        return min(age_at, first)

    def tick(self, now: float) -> list[ServerEvent]:
        """Do what is due. The first call, or the first `receive`, starts the connection's age."""
        opened_at = self._note(now)
        if self.closed:
            return []
        if now >= opened_at + self._max_age_s:
            return self._close(f"the connection is {self._max_age_s:g} s old")
        if self._state is State.NEW:
            if now >= opened_at + INIT_TIMEOUT_S:
                return self._close(f"no connection_init within {INIT_TIMEOUT_S:g} s")
        elif now >= self._keep_alive_at:
            self._send(KeepAlive())
            self._keep_alive_at = now + self._keep_alive_s
        return []

    def _start(self, frame: Start) -> list[ServerEvent]:
        if frame.id in self._operations:
            message = f"Subscription {frame.id} is already in use on this connection."
            self._send(
                Error(frame.id, [{"errorType": "DuplicatedOperationError", "message": message}])
            )
            return []
        if len(self._operations) >= self._max_subscriptions:
            message = f"Max number of {self._max_subscriptions} subscriptions reached"
            error = {"errorType": "MaxSubscriptionsReachedError", "message": message}
            self._send(Error(frame.id, [error]))
            return []
        self._operations[frame.id] = _PENDING
        return [frame]

    def _unsupported(self) -> list[ServerEvent]:
        message = "unknown not supported through the realtime channel"
        error = {"errorType": "UnsupportedOperation", "message": message}
        self._output.append(dumps({"type": "error", "id": "", "payload": {"errors": [error]}}))
        return []

    def _note(self, now: float) -> float:
        if self._opened_at is None:
            self._opened_at = now
        return self._opened_at

    def _close(self, reason: str = "") -> list[ServerEvent]:
        self._state = State.CLOSED
        self._operations.clear()
        return [Closed(reason)]

    def _send(self, frame: Frame) -> None:
        self._output.append(encode(frame))
