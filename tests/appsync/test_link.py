from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from jupyter_jobs._loop import Tasks
from jupyter_jobs.appsync.auth import ApiKeyAuth, Attempt, TokenAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.link import Door, Link
from jupyter_jobs.appsync.protocol import ClientEvent, Consequence, Lost, NeedsAuthorization
from jupyter_jobs.appsync.realtime import _no_way
from jupyter_jobs.appsync.timing import Timing
from jupyter_jobs.errors import ConfigurationError
from tests.support.server import KEY, FakeAppSync

TIMING = Timing(open_s=2.0, close_s=0.2)


def door(endpoint: Endpoint, auth: object) -> Door:
    return Door(endpoint, auth, TIMING, Tasks(asyncio.get_running_loop()))  # type: ignore[arg-type]  # any Auth


async def test_a_host_without_a_name_is_offline() -> None:
    lost = await door(Endpoint.parse("https://nowhere.invalid/graphql"), ApiKeyAuth(KEY)).open(
        renew=False
    )

    assert isinstance(lost, Lost)
    assert lost.offline
    assert lost.consequence is Consequence.BACK_OFF


@pytest.mark.parametrize(
    ("error", "offline"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no name"), True),
        (OSError(errno.ENETUNREACH, "no network"), True),
        (OSError(errno.EHOSTUNREACH, "no route"), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), True),
        (OSError("Multiple exceptions: [Errno 111] …, [Errno 101] …"), True),
        (ConnectionResetError(errno.ECONNRESET, "reset"), False),
        (TimeoutError("late"), False),
        (ssl.SSLCertVerificationError("not trusted"), False),
        (ValueError("odd"), False),
    ],
)
def test_offline_is_what_reached_nobody(error: Exception, offline: bool) -> None:
    assert _no_way(error) is offline


async def test_credentials_are_other_ones_if_they_are_not_those_that_were_shown(
    server: FakeAppSync,
) -> None:
    tokens = ["one"]

    def token() -> str:
        if not tokens:
            raise ConfigurationError("none left")
        return tokens[0]

    server.upgrade_status = 401
    it = door(server.endpoint, TokenAuth(token))
    lost = await it.open(renew=False)
    assert isinstance(lost, Lost)
    assert lost.consequence is Consequence.RENEW

    assert not await it.has_other_credentials()
    tokens[0] = "two"
    assert await it.has_other_credentials()
    tokens.clear()
    assert not await it.has_other_credentials()


async def test_a_start_without_credentials_waits(server: FakeAppSync) -> None:
    class Empty:
        identity = "empty"

        def headers(self, attempt: Attempt) -> dict[str, str]:
            raise OSError("no network")

    wanted = NeedsAuthorization("a", "s1", "{}")

    assert await door(server.endpoint, Empty()).authorization(wanted) is None


async def test_a_link_is_settled_once_it_is_open_and_ends_when_it_is_lost(
    server: FakeAppSync,
) -> None:
    told: list[ClientEvent] = []
    it = door(server.endpoint, ApiKeyAuth(KEY))
    websocket = await it.open(renew=False)
    assert not isinstance(websocket, Lost)
    link = Link(
        it,
        websocket,
        (),
        capacity=100,
        deliver=lambda key, payload: None,
        handle=lambda link, event: told.append(event),
    )
    while not link.is_settled:
        link.changed.clear()
        await link.changed.wait()

    link.lose("a test")

    assert (await link.running).reason == "a test"
    assert [type(event).__name__ for event in told] == ["Opened"]


async def test_a_link_that_is_given_up_before_its_first_turn_closes_its_socket(
    server: FakeAppSync,
) -> None:
    it = door(server.endpoint, ApiKeyAuth(KEY))
    websocket = await it.open(renew=False)
    assert not isinstance(websocket, Lost)
    link = Link(
        it,
        websocket,
        (),
        capacity=100,
        deliver=lambda key, payload: None,
        handle=lambda link, event: None,
    )

    link.running.cancel()
    await asyncio.wait([link.running])

    assert link.running.cancelled()
    assert websocket.transport.is_closing()
