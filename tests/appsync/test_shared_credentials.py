"""What the shared connection does when it is not let in."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.server import ServerConnection as WebSocket

from jupyter_jobs.appsync.auth import TokenAuth, TokenVerifier
from jupyter_jobs.appsync.client import Timing
from jupyter_jobs.errors import ConfigurationError
from tests.support.server import KEY, FakeAppSync
from tests.support.story import Story


async def test_an_expired_token_is_renewed_once_for_the_connection() -> None:
    tokens = ["expired"]

    def token() -> str:
        return tokens.pop(0) if tokens else "good"

    async with FakeAppSync(verifier=TokenVerifier(lambda token: token == "good")) as server:
        story = Story(server, TokenAuth(token))
        story.told.subscribe(story.client)
        await story.until_started()

        assert story.told.states == ["connecting", "reconnecting", "connected"]
        assert "not authorized" in story.told.statuses[1].error
        await story.client.aclose()


async def test_credentials_that_stay_refused_stop_the_attempts_until_asked(
    waits: list[float],
) -> None:
    good: list[str] = []
    verifier = TokenVerifier(lambda token: token in good)
    async with FakeAppSync(verifier=verifier) as server:
        story = Story(server, TokenAuth("token-1"))
        story.told.subscribe(story.client)
        await story.until_state("auth_failed")

        assert len(server.peers) == 2
        assert "not authorized" in story.client.status.error
        assert story.told.ended == []
        good.append("token-1")
        story.client.reconnect_now()
        await story.until_started()
        assert story.client.status.state == "connected"
        await story.client.aclose()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_upgrade_is_tried_once_more_and_then_no_more(
    story: Story, status: int, waits: list[float]
) -> None:
    story.server.upgrade_status = status

    story.told.subscribe(story.client)
    await story.until_state("auth_failed")

    assert f"HTTP {status}" in story.client.status.error
    assert KEY not in story.client.status.error


async def test_a_request_that_is_bad_for_good_is_not_made_again(
    story: Story, waits: list[float]
) -> None:
    async def refuse(websocket: WebSocket) -> None:
        error = {"errorType": "BadRequestException", "message": "malformed", "errorCode": 400}
        await websocket.send(
            json.dumps({"type": "connection_error", "payload": {"errors": [error]}})
        )

    story.server.talk = refuse

    story.told.subscribe(story.client)
    await story.until_state("auth_failed")

    assert "malformed" in story.client.status.error
    assert len(story.server.peers) == 1


async def test_a_token_function_that_fails_is_asked_again_later(
    server: FakeAppSync, waits: list[float]
) -> None:
    waits += [0.0, 0.0]
    server.verifier = TokenVerifier(lambda token: True)
    answers: list[Exception | str] = [OSError("no network"), "good", OSError("no network")]

    def token() -> str:
        answer = answers.pop(0) if answers else "good"
        if isinstance(answer, Exception):
            raise answer
        return answer

    story = Story(server, TokenAuth(token))
    story.told.subscribe(story.client)
    await story.until_started()

    assert "OSError: no network" in story.told.statuses[1].error
    assert len(server.peers) == 1
    await story.client.aclose()


async def test_a_token_that_never_comes_does_not_hold_up_for_ever(
    server: FakeAppSync, waits: list[float]
) -> None:
    async def token() -> str:
        await asyncio.Event().wait()
        return ""

    story = Story(server, TokenAuth(token), Timing(open_s=0.05, close_s=0.2))
    story.told.subscribe(story.client)
    await story.until_state("reconnecting")

    assert "did not come within 0.05 s" in story.client.status.error
    await story.client.aclose()


async def test_a_token_that_can_never_work_stops_the_attempts(server: FakeAppSync) -> None:
    def token() -> str:
        raise ConfigurationError("no user pool is configured")

    story = Story(server, TokenAuth(token))
    story.told.subscribe(story.client)
    await story.until_state("auth_failed")

    assert story.client.status.error.startswith("no user pool is configured; check the key")
    await story.client.aclose()


async def test_a_token_that_expires_between_connect_and_start_is_renewed(
    server: FakeAppSync,
) -> None:
    tokens = iter(["good", "expired", "good"])
    server.verifier = TokenVerifier(lambda token: token == "good")
    story = Story(server, TokenAuth(lambda: next(tokens)))

    story.told.subscribe(story.client)
    await story.until_started()

    assert story.told.states == ["connecting", "connected"]
    assert len(server.starts) == 2
    await story.client.aclose()
