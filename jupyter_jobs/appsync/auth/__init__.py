"""Authorization, both ends: what signs for the client stands beside what verifies for the server.

A new mode is one file with the two classes and one line in `AUTH_MODES`; the tests that run over the table then run
over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    what_says_most,
)
from jupyter_jobs.appsync.auth.guests import Guests, read_guests
from jupyter_jobs.appsync.auth.handshake import authorization, read_authorization, subprotocols
from jupyter_jobs.appsync.auth.iam import IamAuth, IamVerifier, same_credentials, signs_body
from jupyter_jobs.appsync.auth.jwt import JwtVerifier
from jupyter_jobs.appsync.auth.token import TokenAuth, TokenVerifier
from jupyter_jobs.errors import ConfigurationError

__all__ = [
    "AUTH_MODES",
    "NO_CREDENTIALS",
    "AnyOf",
    "ApiKeyAuth",
    "ApiKeyVerifier",
    "Attempt",
    "Auth",
    "AuthMode",
    "Guests",
    "IamAuth",
    "IamVerifier",
    "JwtVerifier",
    "Purpose",
    "TokenAuth",
    "TokenVerifier",
    "Verifier",
    "ask",
    "ask_sync",
    "authorization",
    "find_mode",
    "read_authorization",
    "read_guests",
    "same_credentials",
    "signs_body",
    "subprotocols",
    "what_says_most",
]


@dataclass(frozen=True, slots=True)
class AuthMode:
    """One way to authorize.

    Attributes:
        auth: Makes the client's end, from a secret; from a region, where `setting` is None.
        verifier: Makes the server's end.
        aliases: Short words for it, in lower case.
        setting: Which `JUPYTER_JOBS_…` variable holds its secret; None if it has no single one.
    """

    auth: Callable[[Any], Auth]
    verifier: Callable[..., Verifier]
    aliases: tuple[str, ...]
    setting: str | None

    def make(self, secret: str | None = None, region: str | None = None) -> Auth:
        """Return the client's end.

        Args:
            secret: The key or token; not looked at by a mode without `setting`.
            region: AWS region of the API where its URL does not tell; of use to a mode that signs.

        Raises:
            ConfigurationError: The secret is missing or cannot be sent.
        """
        if self.setting is None:
            return self.auth(region)
        if secret is None:
            what = self.setting.rpartition("_")[2].lower()
            raise ConfigurationError(
                f"authorization by {self.aliases[0]} needs a {what}: "
                f"set JUPYTER_JOBS_{self.setting}, or give it in auth="
            )
        return self.auth(secret)


AUTH_MODES: Mapping[str, AuthMode] = {
    "API_KEY": AuthMode(ApiKeyAuth, ApiKeyVerifier, ("api_key", "key"), "API_KEY"),
    "AMAZON_COGNITO_USER_POOLS": AuthMode(TokenAuth, JwtVerifier, ("cognito",), "TOKEN"),
    "OPENID_CONNECT": AuthMode(TokenAuth, JwtVerifier, ("oidc",), "TOKEN"),
    "AWS_LAMBDA": AuthMode(TokenAuth, TokenVerifier, ("lambda",), "TOKEN"),
    "AWS_IAM": AuthMode(IamAuth, IamVerifier, ("iam",), None),
}
"""By what AppSync calls them (`authenticationType`)."""


def find_mode(word: str) -> AuthMode:
    """Return the mode that a word means: AppSync's name or an alias, in any case, with `-` or `_`.

    Raises:
        ConfigurationError: There is none; the message lists what there is.
    """
    wanted = word.strip().lower().replace("-", "_")
    for name, mode in AUTH_MODES.items():
        if wanted in (name.lower(), *mode.aliases):
            return mode
    known = ", ".join(f"{mode.aliases[0]} ({name})" for name, mode in AUTH_MODES.items())
    raise ConfigurationError(f"there is no authorization mode {word!r}; there are {known}")
