"""A client of a scripted API whose subscriptions are to be told."""

from __future__ import annotations

from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from tests.support.recorder import Recorder
from tests.support.server import FakeAppSync

__all__ = ["FOREVER", "TIMING", "Story"]

TIMING = Timing(close_s=0.2, linger_s=0.05)
FOREVER = 1000.0
"""What a wait becomes that no test has shortened, in seconds."""


class Story:
    """A server, a client of it, and what the client told."""

    def __init__(self, server: FakeAppSync, auth: Auth, timing: Timing = TIMING) -> None:
        self.server = server
        self.client = AppSyncClient(server.endpoint, auth, timing=timing)
        self.told = Recorder()
        self.client.on_status(self.told.on_status)

    async def until_state(self, state: str) -> None:
        await self.told.until(lambda: self.client.status.state == state)

    async def until_started(self, times: int = 1) -> None:
        await self.told.until(lambda: self.told.started >= times)
