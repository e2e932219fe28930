"""Monitors of a test's backend, and the page they talk to."""

from __future__ import annotations

import asyncio
from typing import Any

import comm

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.widget.monitor import JobMonitor
from tests.support.backend import RunningBackend
from tests.support.following import until

__all__ = ["Comm", "closed", "of", "until_ready"]


class Comm(comm.base_comm.BaseComm):
    """Keeps what the kernel would send to the page."""

    sent: list[dict[str, Any]]

    def publish_msg(self, msg_type: str, data: Any = None, **_: Any) -> None:
        self.__dict__.setdefault("sent", []).append({"msg_type": msg_type, **(data or {})})

    @property
    def custom(self) -> list[dict[str, Any]]:
        return [message["content"] for message in self.sent if message.get("method") == "custom"]


def of(backend: RunningBackend, group: str, **options: Any) -> JobMonitor:
    return JobMonitor(backend.http, auth=ApiKeyAuth(backend.key), group=group, **options)


async def until_ready(monitor: JobMonitor) -> None:
    client = monitor._client
    await until(client, lambda: client.connection.state == "connected")
    await client.ready()


async def closed(monitor: JobMonitor) -> None:
    """Close it, and wait until it has let go of the loop."""
    monitor.close()
    while monitor._tasks._tasks:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)
