"""Clients that do not read, on real sockets: they are cut off and told why, and nobody else is any worse for them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.appsync.status import ConnectionState
from tests.support.backend import RunningBackend, running_backend
from tests.support.crowd import crowd
from tests.support.following import all_jobs, following, submit, until

OTHERS = 50
AT_A_TIME = 20  # updates
LARGE = "x" * 200_000  # so that the buffers of the kernel are soon full


@pytest.fixture
def external(tmp_path: Path) -> Iterator[RunningBackend]:
    with running_backend(tmp_path / "data", "--external") as running:
        yield running


def update_until_cut(backend: RunningBackend, id_: str) -> int:
    """Update a job until somebody has been cut off for it, and once more; its version."""
    told = f'updateJob(input: {{id: "{id_}", status: RUNNING, message: $text}})'
    fields = " ".join(f"u{n}: {told} {{ id group message version }}" for n in range(AT_A_TIME))
    while not backend.stats()["cutClients"]:
        answer = backend.execute(f"mutation($text: String) {{ {fields} }}", {"text": LARGE})
        assert "errors" not in answer, answer
    version: int = backend.update(id_, message="the last word")["version"]
    return version


async def test_a_client_that_does_not_read_is_told_why_and_fifty_others_hear_all(
    external: RunningBackend,
) -> None:
    id_ = submit(external, "g")
    async with crowd() as slow, crowd() as others:
        where = external.realtime, external.key
        await slow.grow(1, *where, "subscription { onJobUpdate { id message } }")
        await others.grow(OTHERS, *where, "subscription { onJobUpdate { id version } }")
        (listener,) = slow.listeners
        listener.transport.pause_reading()

        version = await asyncio.to_thread(update_until_cut, external, id_)
        await others.until(OTHERS * (version - 1))
        listener.transport.resume_reading()
        await listener.gone.wait()
        stats = await asyncio.to_thread(external.stats)

    heard = [json.loads(other.last)["payload"]["data"]["onJobUpdate"] for other in others.listeners]
    assert heard == [{"id": id_, "version": version}] * OTHERS
    assert listener.closing is not None
    assert listener.closing[0] == 1013
    assert listener.closing[1].startswith("read too slowly: ")
    assert 0 < slow.heard < version - 1
    assert (stats["cutClients"], stats["subscriptions"]) == (1, OTHERS)


async def test_our_own_client_comes_back_after_it_and_has_everything(
    external: RunningBackend,
) -> None:
    ids = [submit(external, "g") for _ in range(3)]
    blocked, freed = threading.Event(), threading.Event()
    reached: list[int] = []

    async def follow() -> None:
        states: list[ConnectionState] = []
        async with following(external, "g") as client:
            client.api.wire.on_status(lambda status: states.append(status.state))
            while not (await asyncio.to_thread(external.stats))["subscriptions"]:
                pass  # its start is on its way
            blocked.set()
            freed.wait()  # blocks the loop, as a cell does
            await until(client, lambda: ConnectionState.RECONNECTING in states)
            await until(client, lambda: client.connection.state == "connected")
            await until(client, lambda: client.store.version(ids[0]) == reached[0])
            followed = {id_: client.store.version(id_) for id_ in ids}

        assert followed == {id_: job["version"] for id_, job in all_jobs(external, "g").items()}

    following_it = asyncio.create_task(asyncio.to_thread(asyncio.run, follow()))
    await asyncio.to_thread(blocked.wait)
    try:
        reached.append(await asyncio.to_thread(update_until_cut, external, ids[0]))
    finally:
        freed.set()
    await following_it
