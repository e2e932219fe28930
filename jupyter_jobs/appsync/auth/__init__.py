"""Authorization, both ends: what signs for the client stands beside what verifies for the server.

A new mode is one file with the two classes and one line in `AUTH_MODES`; the tests that run over the table then run
over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jupyter_jobs.appsync.auth.api_key import ApiKeyAuth, ApiKeyVerifier
from jupyter_jobs.appsync.auth.base import (
    NO_CREDENTIALS,
    AnyOf,
    Attempt,
    Auth,
    Purpose,
    Verifier,
    ask,
    ask_sync,
)
from jupyter_jobs.appsync.auth.handshake import authorization, read_authorization, subprotocols
from jupyter_jobs.appsync.auth.token import TokenAuth, TokenVerifier

__all__ = [
    "AUTH_MODES",
    "NO_CREDENTIALS",
    "AnyOf",
    "ApiKeyAuth",
    "ApiKeyVerifier",
    "Attempt",
    "Auth",
    "AuthMode",
    "Purpose",
    "TokenAuth",
    "TokenVerifier",
    "Verifier",
    "ask",
    "ask_sync",
    "authorization",
    "read_authorization",
    "subprotocols",
]


@dataclass(frozen=True, slots=True)
class AuthMode:
    """One way to authorize.

    Attributes:
        auth: Makes the client's end from a credential.
        verifier: Makes the server's end.
        names: What AppSync calls it (`authenticationType`).
    """

    auth: Callable[[str], Auth]
    verifier: Callable[..., Verifier]
    names: tuple[str, ...]


AUTH_MODES: Mapping[str, AuthMode] = {
    "api_key": AuthMode(ApiKeyAuth, ApiKeyVerifier, ("API_KEY",)),
    "token": AuthMode(
        TokenAuth,
        TokenVerifier,
        ("AMAZON_COGNITO_USER_POOLS", "OPENID_CONNECT", "AWS_LAMBDA"),
    ),
}
