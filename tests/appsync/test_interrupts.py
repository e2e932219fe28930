"""What an interrupt by the user does, whichever of the connection's tasks it hits."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from jupyter_jobs.appsync import channel
from jupyter_jobs.appsync.auth import ApiKeyAuth, TokenAuth, TokenVerifier
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from tests.support.interrupts import interrupt, run_through_interrupts
from tests.support.recorder import Recorder
from tests.support.server import KEY, FakeAppSync

TIMING = Timing(close_s=0.2, linger_s=0.05, backoff=Backoff(base_s=0.0))
EVENT = {"data": {"onX": {"id": "1"}}}


@pytest.mark.parametrize(
    "name",
    ["appsync connection", "appsync socket", "appsync writer", "appsync pings"],
)
def test_an_interrupt_costs_a_connection_at_most(name: str) -> None:
    async def story() -> None:
        async with FakeAppSync() as server:
            told, late = Recorder(), Recorder()
            client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=TIMING)
            told.subscribe(client)
            await told.until(lambda: told.started)

            interrupt(name)
            await told.until(lambda: told.started == 2)
            late.subscribe(client)
            await late.until(lambda: late.started)
            await server.peers[-1].publish(EVENT)
            await told.until(lambda: told.data)

            assert len(server.peers) == 2
            await client.aclose()

    run_through_interrupts(story())


def test_an_interrupt_leaves_the_replacing_of_old_sockets_alone() -> None:
    async def story() -> None:
        async with FakeAppSync() as server:
            told = Recorder()
            timing = Timing(close_s=0.2, linger_s=0.05, recycle_after_s=0.3)
            client = AppSyncClient(server.endpoint, ApiKeyAuth(KEY), timing=timing)
            client.on_status(told.on_status)
            told.subscribe(client)
            await told.until(lambda: told.started)

            interrupt("appsync recycling")
            await told.until(lambda: told.started == 2)

            assert told.states == ["connecting", "connected"]
            await client.aclose()

    run_through_interrupts(story())


def test_an_interrupt_while_credentials_are_asked_for_asks_again() -> None:
    async def story() -> None:
        asked, asks = asyncio.Semaphore(0), itertools.count()

        async def token() -> str:
            asked.release()
            await asyncio.sleep(3600 if next(asks) == 1 else 0)  # the first start's
            return "good"

        async with FakeAppSync(verifier=TokenVerifier(lambda token: True)) as server:
            told = Recorder()
            client = AppSyncClient(server.endpoint, TokenAuth(token), timing=TIMING)
            told.subscribe(client)
            for _ in range(2):
                await asked.acquire()

            interrupt("appsync credentials")
            await told.until(lambda: told.started)

            assert len(server.peers) == 1
            await client.aclose()

    run_through_interrupts(story())


def test_an_interrupt_leaves_the_wait_for_other_credentials_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "AUTH_POLL_S", 3600.0)
    tokens = ["good"]

    async def story() -> None:
        async with FakeAppSync(verifier=TokenVerifier(lambda token: token == "good")) as server:
            told, refused = Recorder(), Recorder()
            client = AppSyncClient(server.endpoint, TokenAuth(lambda: tokens[0]), timing=TIMING)
            client.on_status(told.on_status)
            told.subscribe(client)
            await told.until(lambda: told.started)
            tokens[0] = "bad"
            refused.subscribe(client)
            await told.until(lambda: client.status.state == "auth_failed")

            await asyncio.sleep(0)  # the wait begins
            interrupt("appsync parking")
            await asyncio.sleep(0.01)  # and begins again
            tokens[0] = "good"
            client.reconnect_now()
            await refused.until(lambda: refused.started)

            assert len(server.peers) == 1
            await client.aclose()

    run_through_interrupts(story())
