"""The server's end of AMAZON_COGNITO_USER_POOLS and OPENID_CONNECT: JSON web tokens, checked by a key set.

The client's end is `TokenAuth`. PyJWT checks the signatures, and is imported when a verifier is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_jobs.appsync.auth.base import BAD_CREDENTIALS, Purpose
from jupyter_jobs.appsync.auth.token import shown_token
from jupyter_jobs.appsync.endpoint import is_loopback
from jupyter_jobs.appsync.messages import loads
from jupyter_jobs.errors import ConfigurationError, Unauthorized

if TYPE_CHECKING:
    import jwt

__all__ = ["JwtVerifier"]

# Only signatures by a private key: whoever has a key set of public keys could forge `HS…`, and anybody `none`.
_ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
_LEEWAY_S = 5  # for clocks that differ
_READ_AGAIN_S = 60.0  # after a token named an unknown key: anybody can name one
_READ_TIMEOUT_S = 5.0


class JwtVerifier:
    """Accepts the tokens that a key of a set has signed and that have not expired.

    Args:
        key_set: A JSON web key set (RFC 7517), or the path or `https://` URL of one. A path or URL is read now, and
            again when a token names a key that is not in it, at most once a minute; the caller waits meanwhile.
        issuer: What `iss` must be.
        audience: What `aud` must hold, or `azp` or `client_id` be (a Cognito access token has no `aud`); one or several.
        clock: Seconds, for how often the key set is read.

    Raises:
        ConfigurationError: There is no key set, it holds no public key, or PyJWT is missing.
    """

    def __init__(
        self,
        key_set: Mapping[str, Any] | str,
        *,
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = key_set
        self._issuer = issuer
        self._audience = {audience} if isinstance(audience, str) else set(audience or ())
        self._keys = _read(key_set)
        self._clock = clock
        self._read_at = clock()

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if `authorization` holds a good token, with or without `Bearer` before it."""
        import jwt

        token = shown_token(headers)
        if token[:7].lower() == "bearer ":
            token = token[7:].lstrip()
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
            raise Unauthorized("Unable to parse JWT token.") from exc
        for key in self._candidates(key_id):
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=_ALGORITHMS,
                    issuer=self._issuer,
                    leeway=_LEEWAY_S,
                    options={"require": ["exp"], "verify_aud": False},
                )
            except jwt.ExpiredSignatureError as exc:
                raise Unauthorized("Token has expired.") from exc
            except jwt.InvalidTokenError:
                continue
            if self._is_for_us(claims):
                return
        raise Unauthorized(BAD_CREDENTIALS)

    def __repr__(self) -> str:
        return f"JwtVerifier({len(self._keys)} keys, issuer={self._issuer!r})"

    def _candidates(self, key_id: str | None) -> list[jwt.PyJWK]:
        """Return the keys that may have signed: the one that is named, or all."""
        found = [key for key in self._keys if key_id is None or key.key_id == key_id]
        now = self._clock()
        if not found and isinstance(self._source, str) and now > self._read_at + _READ_AGAIN_S:
            self._read_at = now
            with suppress(ConfigurationError):  # those from before will do until it can be read
                self._keys = _read(self._source)
            found = [key for key in self._keys if key.key_id == key_id]
        return found

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        if not self._audience:
            return True
        audience = claims.get("aud")
        several = audience if isinstance(audience, list) else [audience]
        named = [*several, claims.get("azp"), claims.get("client_id")]
        return any(name in named for name in self._audience)


def _read(source: Mapping[str, Any] | str) -> list[jwt.PyJWK]:
    try:
        import jwt
    except ImportError as exc:
        raise ConfigurationError(
            "checking tokens by a key set needs PyJWT, which is not installed: pip install 'jupyter_jobs[local]'"
        ) from exc
    where = f"the key set {source}" if isinstance(source, str) else "the key set"
    found: Any = _load(source, where) if isinstance(source, str) else source
    entries = found.get("keys") if isinstance(found, Mapping) else None
    if not isinstance(entries, list):
        raise ConfigurationError(
            f'{where} must be a JSON object with a list "keys", as RFC 7517 has it'
        )
    keys = []
    for entry in entries:
        try:
            key = jwt.PyJWK.from_dict(entry)
        except jwt.exceptions.MissingCryptographyError as exc:
            raise ConfigurationError(
                "checking tokens needs the package cryptography, which is not installed: "
                "pip install 'jupyter_jobs[local]'"
            ) from exc
        except (jwt.PyJWTError, AttributeError):
            continue  # of a kind that is not for us, as a key for encryption
        if key.algorithm_name in _ALGORITHMS and entry.get("use", "sig") == "sig":
            keys.append(key)
    if not keys:
        raise ConfigurationError(f"{where} holds no public key that signatures can be checked with")
    return keys


def _load(source: str, where: str) -> Any:
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        if "://" not in source:
            return loads(Path(source).expanduser().read_bytes())
        url = urlsplit(source)
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
            raise ConfigurationError(
                f"{where} must be read over https://, else anybody between could forge it"
            )
        with urlopen(source, timeout=_READ_TIMEOUT_S) as answer:
            return loads(answer.read())
    except ConfigurationError:
        raise
    except (OSError, ValueError, HTTPException) as exc:
        raise ConfigurationError(f"{where} cannot be read: {exc}") from exc
