"""What every mode of `AUTH_MODES` must do, and how the two ends of each meet."""

from __future__ import annotations

import pytest

from jupyter_jobs.appsync.auth import (
    AUTH_MODES,
    Attempt,
    Auth,
    AuthMode,
    Purpose,
    Verifier,
    ask,
    ask_sync,
    authorization,
    read_authorization,
    subprotocols,
)
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, Unauthorized

SECRET = "da2-abcdefghijklmnopqrstuvwxyz"
ENDPOINT = Endpoint.parse("https://api.example.com/graphql")

modes = pytest.mark.parametrize("mode", AUTH_MODES.values(), ids=AUTH_MODES)
purposes = pytest.mark.parametrize("purpose", Purpose)


def verifier(mode: AuthMode) -> Verifier:
    """The server's end, which knows the one secret."""
    if mode is AUTH_MODES["token"]:
        return mode.verifier(lambda token: token == SECRET)
    return mode.verifier([SECRET])


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@modes
@purposes
async def test_what_one_end_signs_the_other_accepts(mode: AuthMode, purpose: Purpose) -> None:
    attempt = Attempt(purpose, ENDPOINT, '{"query":"q"}')

    verifier(mode).verify(lower(await ask(mode.auth(SECRET), attempt)), Purpose.REQUEST, b"{}")
    verifier(mode).verify(lower(ask_sync(mode.auth(SECRET), attempt)), Purpose.REQUEST, b"{}")


@modes
async def test_the_handshake_carries_it_to_the_server(mode: AuthMode) -> None:
    headers = await ask(mode.auth(SECRET), Attempt(Purpose.CONNECT, ENDPOINT))

    offered = subprotocols(authorization(ENDPOINT, headers))

    read = read_authorization(offered, {}, {})
    assert read is not None
    assert read["host"] == "api.example.com"
    verifier(mode).verify(read, Purpose.REQUEST, b"{}")


@modes
def test_another_secret_is_refused_in_appsyncs_words(mode: AuthMode) -> None:
    headers = lower(ask_sync(mode.auth("another"), Attempt(Purpose.START, ENDPOINT)))

    with pytest.raises(Unauthorized, match=r"^You are not authorized to make this call\.$"):
        verifier(mode).verify(headers, Purpose.REQUEST, b"{}")


@modes
def test_nothing_is_refused_in_appsyncs_words(mode: AuthMode) -> None:
    with pytest.raises(Unauthorized, match=r"^Valid authorization header not provided\.$"):
        verifier(mode).verify({"host": "api.example.com"}, Purpose.REQUEST, b"{}")


@modes
def test_no_secret_shows(mode: AuthMode) -> None:
    auth = mode.auth(SECRET)

    assert isinstance(auth, Auth)
    assert SECRET not in f"{auth!r} {auth!s} {auth.identity!r} {verifier(mode)!r}"


@modes
def test_equal_secrets_are_one_identity_and_others_another(mode: AuthMode) -> None:
    assert mode.auth(SECRET).identity == mode.auth(SECRET).identity
    assert mode.auth(SECRET).identity != mode.auth("another").identity
    hash(mode.auth(SECRET).identity)


def test_the_identities_of_two_modes_differ() -> None:
    identities = {mode.auth(SECRET).identity for mode in AUTH_MODES.values()}

    assert len(identities) == len(AUTH_MODES)


@modes
@pytest.mark.parametrize("secret", ["", " da2-x", "da2-x\n", "da2\x00x", "schlüssel", 7, None])
def test_a_secret_that_fits_into_no_header_is_refused_and_not_shown(
    mode: AuthMode, secret: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        mode.auth(secret)

    assert "da2" not in str(refusal.value)
