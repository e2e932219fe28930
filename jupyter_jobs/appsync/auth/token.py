"""A token in `Authorization`: AMAZON_COGNITO_USER_POOLS, OPENID_CONNECT and AWS_LAMBDA look alike on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from hashlib import sha256
from inspect import isawaitable

from jupyter_jobs.appsync.auth.base import (
    BAD_CREDENTIALS,
    NO_CREDENTIALS,
    Attempt,
    Purpose,
    visible_ascii,
)
from jupyter_jobs.errors import ConfigurationError, Unauthorized

__all__ = ["MAX_TOKEN", "Token", "TokenAuth", "TokenVerifier", "shown_token"]

Token = str | Callable[[], str] | Callable[[], Awaitable[str]]

MAX_TOKEN = 6_000
"""Longest token in characters: base64 makes it a third longer in the handshake, whose lines end at 8 KiB."""


class TokenAuth:
    """Shows a token, as it is: AppSync wants the bare token, without `Bearer` before it.

    Args:
        token: The token, or a function that returns a fresh one, which may be async. It is called for every
            connection, subscription and request, on whichever thread sends; a slow one should keep what it got until
            that expires.

    Raises:
        ConfigurationError: The token cannot be sent as a header. A function's token is checked when it is asked for.
    """

    def __init__(self, token: Token) -> None:
        self._token = token if callable(token) else _checked(token)

    @property
    def identity(self) -> Hashable:
        """A digest of the token, or the function itself."""
        token = self._token
        if isinstance(token, str):
            return ("token", sha256(token.encode()).hexdigest())
        try:
            hash(token)
        except TypeError:
            return ("token", id(token))
        return ("token", token)

    def headers(self, attempt: Attempt) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        """Return the token's header; to be awaited if the function is async."""
        if isinstance(self._token, str):
            return {"Authorization": self._token}
        token = self._token()
        return _awaited(token) if isawaitable(token) else _header(token)

    def __repr__(self) -> str:
        return "TokenAuth(…)"


class TokenVerifier:
    """Accepts the tokens that a function accepts.

    Args:
        check: Returns whether a token is good. It may raise `Unauthorized` to give its own reason, as
            "Token has expired.".
    """

    def __init__(self, check: Callable[[str], bool]) -> None:
        self._check = check

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the function accepts what `authorization` holds."""
        if not self._check(shown_token(headers)):
            raise Unauthorized(BAD_CREDENTIALS)


def shown_token(headers: Mapping[str, str]) -> str:
    """Return what `authorization` holds, unless that is a signature.

    Raises:
        Unauthorized: There is no token.
    """
    token = headers.get("authorization", "")
    if not token or token.startswith("AWS4-HMAC-SHA256"):
        raise Unauthorized(NO_CREDENTIALS)
    return token


async def _awaited(token: Awaitable[str]) -> Mapping[str, str]:
    return _header(await token)


def _header(token: object) -> Mapping[str, str]:
    return {"Authorization": _checked(token, "the token that the function in auth= returned")}


def _checked(token: object, what: str = "the token") -> str:
    text = visible_ascii(token, what)
    if len(text) > MAX_TOKEN:
        raise ConfigurationError(
            f"{what} has {len(text):,} characters, and a WebSocket handshake holds {MAX_TOKEN:,}; "
            "ask for one with fewer claims"
        )
    return text
