"""Whom a backend lets in, read from settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from jupyter_jobs.appsync.auth.api_key import ApiKeyVerifier
from jupyter_jobs.appsync.auth.base import AnyOf, Verifier, visible_ascii
from jupyter_jobs.appsync.auth.iam import IamVerifier
from jupyter_jobs.appsync.auth.jwt import JwtVerifier
from jupyter_jobs.appsync.auth.token import TokenVerifier
from jupyter_jobs.errors import ConfigurationError

__all__ = ["Guests", "read_guests"]

_Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Guests:
    """Who is let in besides the owner.

    Attributes:
        verifier: Knows them.
        trusted: Whether they may have any code run, as the owner may.
    """

    verifier: Verifier
    trusted: bool = False


def read_guests(settings: _Settings) -> Guests:
    """Return those whom the settings name; nobody if they name nobody.

    Args:
        settings: Any of these.
            `trusted`: true for guests who may have any code run here; else they may ask for named requests.
            `api_keys`: a list of keys.
            `jwks`: a JSON web key set, or the path or URL of one; beside it `issuer` and `audience`, which its tokens
            must name.
            `tokens`: `module:function`; the function tells whether a token is good, as a Lambda authorizer does.
            `iam`: secret access keys by access key id; where a session token belongs to one, a list of the two. Beside
            it `region`, that signatures must be for.

    Raises:
        ConfigurationError: A name is not known, or a value cannot be used.
    """
    if not isinstance(settings, Mapping):
        raise _wrong("it", f"a JSON object with some of {_listed(_KNOWN)}", settings)
    unknown = settings.keys() - _KNOWN
    if unknown:
        raise ConfigurationError(
            f"nobody knows {_listed(unknown)} among those to let in; there are {_listed(_KNOWN)}"
        )
    for name, other in _NEEDS.items():
        if name in settings and other not in settings:
            raise ConfigurationError(f"{name!r} says nothing without {other!r} beside it")
    if not isinstance(settings.get("trusted", False), bool):
        raise _wrong("'trusted'", "true or false", settings["trusted"])
    known = AnyOf([read(settings) for name, read in _READERS.items() if name in settings])
    return Guests(known, settings.get("trusted", False))


def _api_keys(settings: _Settings) -> Verifier:
    keys = settings["api_keys"]
    if not isinstance(keys, list):
        raise _wrong("'api_keys'", "a list of keys", keys)
    return ApiKeyVerifier([visible_ascii(key, "a key in 'api_keys'") for key in keys])


def _jwks(settings: _Settings) -> Verifier:
    key_set, issuer, audience = (settings.get(name) for name in ("jwks", "issuer", "audience"))
    if not isinstance(key_set, str | Mapping):
        raise _wrong("'jwks'", "a key set, or the path or URL of one", key_set)
    if not isinstance(issuer, str | None):
        raise _wrong("'issuer'", "a string", issuer)
    several = audience if isinstance(audience, list) else [audience or ""]
    if not all(isinstance(one, str) for one in several):
        raise _wrong("'audience'", "a string or a list of strings", audience)
    return JwtVerifier(key_set, issuer=issuer, audience=audience)


def _tokens(settings: _Settings) -> Verifier:
    named = settings["tokens"]
    if not isinstance(named, str) or not all(named.partition(":")):
        raise _wrong("'tokens'", "a function's name, as 'my_package.auth:is_good'", named)
    module, _, name = named.partition(":")
    try:
        check = getattr(import_module(module), name)
    except Exception as exc:
        raise ConfigurationError(
            f"'tokens' names {named}, which cannot be imported: {type(exc).__name__}: {exc}"
        ) from exc
    if not callable(check):
        raise _wrong(f"'tokens' names {named}, which", "a function of the token", check)
    return TokenVerifier(check)


def _iam(settings: _Settings) -> Verifier:
    secrets, region = settings["iam"], settings["region"]
    if not isinstance(region, str) or not region:
        raise _wrong("'region'", "the name of a region", region)
    if not isinstance(secrets, Mapping) or not all(map(_is_secret, secrets.values())):
        raise _wrong(
            "'iam'", "an object of secret access keys, or lists of one and a session token", secrets
        )
    return IamVerifier(secrets, region=region)


def _is_secret(value: object) -> bool:
    parts = [value] if isinstance(value, str) else value
    return (
        isinstance(parts, list)
        and len(parts) in (1, 2)
        and all(isinstance(part, str) and part for part in parts)
    )


def _wrong(what: str, wanted: str, found: object) -> ConfigurationError:
    return ConfigurationError(f"{what} must be {wanted}; this is of type {type(found).__name__}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


_READERS: Mapping[str, Callable[[_Settings], Verifier]] = {
    "api_keys": _api_keys,
    "jwks": _jwks,
    "tokens": _tokens,
    "iam": _iam,
}
_NEEDS = {"issuer": "jwks", "audience": "jwks", "iam": "region"}
_KNOWN = {*_READERS, *_NEEDS, "region", "trusted"}
