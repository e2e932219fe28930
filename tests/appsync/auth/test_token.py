from __future__ import annotations

from dataclasses import dataclass

import pytest

from jupyter_jobs.appsync.auth import Attempt, Purpose, TokenAuth, TokenVerifier, ask, ask_sync
from jupyter_jobs.appsync.auth.token import MAX_TOKEN
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, Unauthorized

ATTEMPT = Attempt(Purpose.REQUEST, Endpoint.parse("https://api.example.com/graphql"))


class Counter:
    """Hands out token 1, token 2, …"""

    def __init__(self) -> None:
        self.count = 0

    def sync(self) -> str:
        self.count += 1
        return f"token-{self.count}"

    async def slow(self) -> str:
        return self.sync()


def test_the_bare_token_travels_in_authorization() -> None:
    assert ask_sync(TokenAuth("jwt"), ATTEMPT) == {"Authorization": "jwt"}


async def test_a_function_is_asked_anew_each_time() -> None:
    auth = TokenAuth(Counter().sync)

    tokens = [await ask(auth, ATTEMPT), ask_sync(auth, ATTEMPT), await ask(auth, ATTEMPT)]

    assert [token["Authorization"] for token in tokens] == ["token-1", "token-2", "token-3"]


async def test_an_async_function_is_awaited_also_where_the_loop_is_busy() -> None:
    auth = TokenAuth(Counter().slow)

    tokens = [await ask(auth, ATTEMPT), ask_sync(auth, ATTEMPT)]

    assert [token["Authorization"] for token in tokens] == ["token-1", "token-2"]


def test_an_async_function_is_awaited_without_any_loop() -> None:
    assert ask_sync(TokenAuth(Counter().slow), ATTEMPT) == {"Authorization": "token-1"}


def test_a_function_is_its_own_identity() -> None:
    one, other = Counter(), Counter()

    assert TokenAuth(one.sync).identity == TokenAuth(one.sync).identity
    assert TokenAuth(one.sync).identity != TokenAuth(other.sync).identity


def test_a_function_that_cannot_be_hashed_is_an_identity_too() -> None:
    @dataclass
    class Provider:
        pool: str

        def __call__(self) -> str:
            return "token"

    provider = Provider("a")

    assert hash(TokenAuth(provider).identity) == hash(TokenAuth(provider).identity)
    assert TokenAuth(provider).identity != TokenAuth(Provider("a")).identity


@pytest.mark.parametrize("token", [None, "", 7, "x\n"])
async def test_a_function_that_returns_no_token_is_told_so(token: str) -> None:
    with pytest.raises(ConfigurationError, match="the token that the function in auth= returned"):
        await ask(TokenAuth(lambda: token), ATTEMPT)


def test_a_token_too_long_for_the_handshake_is_refused_with_its_length() -> None:
    TokenAuth("x" * MAX_TOKEN)

    with pytest.raises(ConfigurationError, match=r"6,001 characters.*fewer claims"):
        TokenAuth("x" * (MAX_TOKEN + 1))


def test_a_check_may_give_its_own_reason() -> None:
    def check(token: str) -> bool:
        raise Unauthorized("Token has expired.")

    with pytest.raises(Unauthorized, match="expired"):
        TokenVerifier(check).verify({"authorization": "old"}, Purpose.REQUEST, b"{}")
