"""Jobs in a repository, and the time that it is told."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.storage.rows import now

__all__ = ["Clock", "add", "end", "it_is"]


class Clock:
    """The present time, until a test says what time it is."""

    time: str | None = None

    def __call__(self) -> str:
        return self.time or now()


def add(repository: Repository, id_: str, **fields: Any) -> dict[str, Any]:
    given = {"id": id_, "request": "r", "kind": "REQUEST", "priority": "MEDIUM", **fields}
    body = repository.insert(given, None)
    assert body is not None
    return body


def it_is(clock: Clock, time: str) -> None:
    clock.time = time


def end(repository: Repository, clock: Clock, *ids: str) -> None:
    """End jobs at one o'clock, two o'clock, …"""
    for hour, id_ in enumerate(ids, start=1):
        it_is(clock, f"2026-11-23T{hour:02}:00:00.000Z")
        repository.update(id_, {"status": "FAILED"})
