"""Writes down what a subscription and a connection tell, and lets a test wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_jobs.appsync.client import AppSyncClient, ConnectionStatus, Subscription
from jupyter_jobs.appsync.link import Link
from jupyter_jobs.errors import WireError

DOCUMENT = "subscription OnX($id: ID) { onX(id: $id) { id } }"


class Recorder:
    """Callbacks for `subscribe` and `on_status`.

    Attributes:
        started: How often `on_started` was called.
        data: The payloads, in order.
        ended: The arguments of `on_ended`.
        statuses: Every status, in order.
    """

    def __init__(self) -> None:
        self.started = 0
        self.data: list[dict[str, Any]] = []
        self.ended: list[WireError | None] = []
        self.statuses: list[ConnectionStatus] = []
        self._changed = asyncio.Event()

    def subscribe(self, client: AppSyncClient, **variables: Any) -> Subscription:
        """Subscribe with this recorder's callbacks."""
        return client.subscribe(
            DOCUMENT,
            variables,
            on_started=self.on_started,
            on_data=self.on_data,
            on_ended=self.on_ended,
        )

    def on_started(self) -> None:
        self.started += 1
        self._changed.set()

    def on_data(self, payload: dict[str, Any]) -> None:
        self.data.append(payload)
        self._changed.set()

    def on_ended(self, error: WireError | None) -> None:
        self.ended.append(error)
        self._changed.set()

    def on_status(self, status: ConnectionStatus) -> None:
        self.statuses.append(status)
        self._changed.set()

    @property
    def states(self) -> list[str]:
        """The states alone, neighbours that are equal as one."""
        states = [status.state.value for status in self.statuses]
        return [s for n, s in enumerate(states) if n == 0 or states[n - 1] != s]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that was told makes the condition true."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def link_of(client: AppSyncClient) -> Link:
    """Return the socket that a client's first channel uses."""
    assert client._shared is not None
    link = client._shared._channels[0]._link
    assert link is not None
    return link
