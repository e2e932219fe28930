"""One subscription as its owner sees it, across all reconnects."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from jupyter_jobs.errors import WireError

__all__ = ["Carrier", "Owner", "Subscription", "guarded"]

log = logging.getLogger("jupyter_jobs.appsync")

_Channel = TypeVar("_Channel", contravariant=True)
_numbers = itertools.count(1)


class Carrier(Protocol):
    """What carries subscriptions."""

    def add(self, subscription: Subscription) -> None:
        """Start it, and keep it up."""

    def remove(self, subscription: Subscription) -> None:
        """Stop it."""


class Owner(Protocol[_Channel]):
    """Who keeps channels, and is told of what happens on them."""

    def told(self) -> None:
        """A channel's status has changed."""

    def started(self, subscription: Subscription) -> None:
        """The server has acknowledged it."""

    def refused(self, subscription: Subscription, error: WireError) -> None:
        """It has left its channel for good."""

    def full(self, subscription: Subscription, *, alone: bool) -> None:
        """It has left its channel, which holds no more; `alone`: not even this one."""

    def unused(self, channel: _Channel) -> None:
        """Nothing has been on it for `linger_s`."""


class Subscription:
    """One subscription, across all reconnects; made by `AppSyncClient.subscribe`.

    Attributes:
        key: Its name in the log.
        data: JSON text of its query and variables.
    """

    def __init__(
        self,
        carrier: Carrier,
        data: str,
        *,
        on_started: Callable[[], object],
        on_data: Callable[[dict[str, Any]], object],
        on_ended: Callable[[WireError | None], object],
    ) -> None:
        self.key = f"subscription {next(_numbers)}"
        self.data = data
        self.on_started = on_started
        self.on_data = on_data
        self.on_ended = on_ended
        self._carrier: Carrier | None = carrier

    @property
    def closed(self) -> bool:
        """Whether it has ended, by `close()` or by refusal."""
        return self._carrier is None

    def close(self) -> None:
        """End it, on the loop's thread; `on_ended(None)` is called before this returns. Twice does no harm."""
        if self._carrier is not None:
            self._carrier.remove(self)
            self.end(None)

    def move(self, carrier: Carrier) -> None:
        """Go on over another connection, where it is started anew; for the client's use."""
        if self._carrier is not None:
            self._carrier.remove(self)
            self._carrier = carrier
            carrier.add(self)

    def end(self, error: WireError | None) -> None:
        """Note that it has ended, and tell; for the connection's use."""
        self._carrier = None
        guarded(self.on_ended, error)

    def __repr__(self) -> str:
        return f"Subscription({self.key}{', closed' if self.closed else ''})"


def guarded(callback: Callable[..., object], *args: object) -> None:
    """Call someone else's code: its failure goes to the log and never into the reader."""
    try:
        callback(*args)
    except Exception:
        log.exception("a callback failed: %r", callback)
