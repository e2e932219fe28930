"""API_KEY: one key for all callers, in `x-api-key`."""

from __future__ import annotations

import hmac
from collections.abc import Hashable, Iterable, Mapping
from hashlib import sha256

from jupyter_jobs.appsync.auth.base import (
    BAD_CREDENTIALS,
    NO_CREDENTIALS,
    Attempt,
    Purpose,
    visible_ascii,
)
from jupyter_jobs.errors import Unauthorized

__all__ = ["ApiKeyAuth", "ApiKeyVerifier"]


class ApiKeyAuth:
    """Shows an API key.

    Args:
        key: As the AppSync console shows it, `da2-…`.

    Raises:
        ConfigurationError: The key cannot be sent as a header.
    """

    def __init__(self, key: str) -> None:
        self._key = visible_ascii(key, "the API key")

    @property
    def identity(self) -> Hashable:
        """A digest of the key."""
        return ("api_key", sha256(self._key.encode()).hexdigest())

    def headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the key's header, the same for every attempt."""
        return {"x-api-key": self._key}

    def __repr__(self) -> str:
        return "ApiKeyAuth(…)"


class ApiKeyVerifier:
    """Accepts any of some keys, in constant time."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if `x-api-key` is one of the keys."""
        key = headers.get("x-api-key")
        if key is None:
            raise Unauthorized(NO_CREDENTIALS)
        shown = key.encode(errors="surrogatepass")
        # All are compared, also after a match: no key may answer sooner than another.
        if not sum(hmac.compare_digest(shown, known) for known in self._keys):
            raise Unauthorized(BAD_CREDENTIALS)

    def __repr__(self) -> str:
        return f"ApiKeyVerifier({len(self._keys)} keys)"
