from __future__ import annotations

import asyncio
import threading

import pytest

from jupyter_jobs.appsync.auth import (
    AnyOf,
    ApiKeyVerifier,
    Attempt,
    Purpose,
    TokenAuth,
    TokenVerifier,
    ask,
    ask_sync,
)
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, RequestTimedOut, Unauthorized
from tests.support.backend import PATIENCE_S

ATTEMPT = Attempt(Purpose.START, Endpoint.parse("https://api.example.com/graphql"))
EITHER = AnyOf([ApiKeyVerifier(["key"]), TokenVerifier(lambda token: token == "token")])


def fails() -> str:
    raise OSError("no network; token=da2-abcdefghijklmnopqrstuvwxyz")


async def fails_slowly() -> str:
    return fails()


def test_any_of_several_modes_will_do() -> None:
    EITHER.verify({"x-api-key": "key"}, Purpose.REQUEST, b"{}")
    EITHER.verify({"authorization": "token"}, Purpose.REQUEST, b"{}")


def test_a_bad_credential_is_a_better_reason_than_a_missing_one() -> None:
    for headers in ({"x-api-key": "no"}, {"authorization": "no"}):
        with pytest.raises(Unauthorized, match="not authorized to make this call"):
            EITHER.verify(headers, Purpose.REQUEST, b"{}")
    with pytest.raises(Unauthorized, match="not provided"):
        EITHER.verify({}, Purpose.REQUEST, b"{}")


@pytest.mark.parametrize("function", [fails, fails_slowly])
async def test_a_function_that_fails_is_named_with_its_reason_and_no_secret(
    function: type[str],
) -> None:
    auth = TokenAuth(function)

    for asking in (ask(auth, ATTEMPT), asyncio.to_thread(ask_sync, auth, ATTEMPT)):
        with pytest.raises(Unauthorized, match=r"api\.example.com.*OSError: no network") as failure:
            await asking
        assert isinstance(failure.value.__cause__, OSError)
        assert "da2-abc" not in str(failure.value)


@pytest.mark.parametrize("error", [Unauthorized("log in first"), ConfigurationError("no pool")])
async def test_a_function_may_fail_in_our_own_words(error: Exception) -> None:
    def function() -> str:
        raise error

    auth = TokenAuth(function)

    for asking in (ask(auth, ATTEMPT), asyncio.to_thread(ask_sync, auth, ATTEMPT)):
        with pytest.raises(type(error), match=str(error)) as raised:
            await asking
        assert raised.value.__cause__ is None


async def test_a_function_that_waited_for_something_cancelled_has_failed() -> None:
    async def function() -> str:
        raise asyncio.CancelledError

    auth = TokenAuth(function)

    for asking in (ask(auth, ATTEMPT), asyncio.to_thread(ask_sync, auth, ATTEMPT)):
        with pytest.raises(Unauthorized, match="raised CancelledError"):
            await asking


async def test_whoever_asks_can_be_cancelled() -> None:
    async def function() -> str:
        await asyncio.Event().wait()
        return "token"

    asking = asyncio.create_task(ask(TokenAuth(function), ATTEMPT))
    await asyncio.sleep(0)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_what_a_call_has_no_time_for_is_not_waited_for() -> None:
    go_on = threading.Event()

    async def function() -> str:
        await asyncio.to_thread(go_on.wait)
        return "token"

    auth = TokenAuth(function)
    try:
        with pytest.raises(
            RequestTimedOut, match=r"api\.example\.com.*did not give them within 0.05 s"
        ):
            await asyncio.to_thread(ask_sync, auth, ATTEMPT, 0.05)
        go_on.set()
        assert await asyncio.to_thread(ask_sync, auth, ATTEMPT, PATIENCE_S) == {
            "Authorization": "token"
        }
    finally:
        go_on.set()
        for thread in threading.enumerate():
            if thread.name == "jupyter-jobs-auth":
                await asyncio.to_thread(thread.join)
