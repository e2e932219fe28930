"""Keeps up with jobs for a command: by the events that a `JobClient` hears, never by asking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.errors import Unauthorized
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Body
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.jobs.target import Target

__all__ = ["News", "follow_group", "follow_jobs"]

FEW = 20
"""Jobs that are followed by a subscription each; more of them by one to all jobs."""


class News:
    """What is new of a client's jobs and its connection, for one task that waits for it.

    Attributes:
        changed: Ids of the jobs of which something is new since `take`.
    """

    def __init__(self, client: JobClient) -> None:
        self.changed: dict[str, None] = {}
        self._client = client
        self._event = asyncio.Event()
        client.watch(self._event.set)
        client.store.observe(lambda id_, _: self._note(id_))

    def take(self) -> list[str]:
        """Return those ids, and forget them."""
        changed, self.changed = list(self.changed), {}
        return changed

    async def wait(self, within: float | None = None) -> bool:
        """Wait until something is new; return whether it was so within these seconds.

        Raises:
            Unauthorized: The connection's credentials are refused: nothing more will be heard.
        """
        try:
            async with asyncio.timeout(within):
                await self._event.wait()
        except TimeoutError:
            return False
        finally:
            status = self._client.connection
            if status.state is ConnectionState.AUTH_FAILED:
                raise Unauthorized(status.error or "sign-in is needed")
        self._event.clear()
        return True

    def _note(self, id_: str) -> None:
        self.changed[id_] = None
        self._event.set()


@asynccontextmanager
async def follow_group(target: Target, group: str | None) -> AsyncIterator[JobClient]:
    """Follow the jobs of one group, or of all; the client has heard of all jobs there are.

    Raises:
        NotSupported: The API cannot tell which jobs there are.
        WireError: It cannot be asked.
    """
    async with JobClient(target, group=group) as client:
        await client.api.run(calls.page(group, limit=1))  # what is wrong shall raise
        client.start()
        await client.ready()
        yield client


@asynccontextmanager
async def follow_jobs(target: Target, bodies: Iterable[Body]) -> AsyncIterator[JobClient]:
    """Follow these jobs, and if they are few, no others."""
    bodies = list(bodies)
    few = len(bodies) <= FEW and "id" in target.profile.updates
    if few:
        target = replace(target, profile=_of_each(target.profile))
    async with JobClient(target, group=None) as client:
        for body in bodies:
            client.adopt(body)
        client.start()
        await client.ready()
        yield client


def _of_each(profile: Profile) -> Profile:
    """Return a profile with which a client follows jobs one by one, and lists none."""
    documents = {name: text for name, text in profile.documents.items() if name != "listJobs"}
    wider = {name: text for name, text in profile.wider.items() if name in documents}
    return replace(profile, documents=documents, wider=wider, updates={"id": profile.updates["id"]})
