"""A wire that says what a test wants, for what is above it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import WireError

__all__ = ["Wire", "job"]


class Wire:
    """Stands where an AppSyncClient does: says what a test wants, and counts what it is asked."""

    endpoint = Endpoint.parse("http://127.0.0.1:1/graphql")

    def __init__(self, *jobs: Mapping[str, Any]) -> None:
        self.jobs = {job["id"]: job for job in jobs}
        self.asked: list[str] = []
        self.fails: list[BaseException] = []
        self.answers: Callable[[str], Any] | None = None
        self._listed = asyncio.Event()

    async def execute(
        self, document: str, variables: Mapping[str, Any], *, idempotent: bool
    ) -> dict[str, Any]:
        operation = document.split()[1].split("(")[0]
        self.asked.append(operation)
        self._listed.set()
        if self.fails:
            raise self.fails.pop(0)
        if self.answers is not None:
            return self.answers(operation)
        if operation == "ListJobs":
            newest = sorted(self.jobs.values(), key=lambda job: job["createdAt"], reverse=True)
            start = int(variables.get("nextToken") or 0)
            end = start + variables["limit"]
            token = str(end) if end < len(newest) else None
            return {"listJobs": {"items": newest[start:end], "nextToken": token}}
        assert operation == "GetJobs"
        return {name: self.jobs.get(id_) for name, id_ in variables.items()}

    def subscribe(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        on_started: Callable[[], object],
        on_data: Callable[[dict[str, Any]], object],
        on_ended: Callable[[WireError | None], object],
    ) -> Wire:
        self.started, self.say, self.end = on_started, on_data, on_ended
        return self

    def close(self) -> None:
        self.end(None)

    async def until_asked(self, times: int) -> None:
        while len(self.asked) < times:
            self._listed.clear()
            await self._listed.wait()


def job(id_: str, version: int = 1, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    """A job as this package's schema tells it; `j0`, `j1`, … are five minutes apart."""
    return {
        "id": id_,
        "version": version,
        "status": status,
        "createdAt": f"2026-11-22T10:{5 * int(id_[1:] or 0):02}:00.000Z",
        **more,
    }
