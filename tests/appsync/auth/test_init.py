"""What every mode of `AUTH_MODES` must do, and how the two ends of each meet."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from itertools import permutations

import pytest

from jupyter_jobs.appsync.auth import (
    AUTH_MODES,
    Attempt,
    Auth,
    AuthMode,
    Purpose,
    ask,
    ask_sync,
    authorization,
    find_mode,
    read_authorization,
    read_guests,
    subprotocols,
)
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import ConfigurationError, Unauthorized
from tests.support.credentials import (
    ACCESS_KEY,
    API_KEY,
    LAMBDA_TOKEN,
    SECRET_KEY,
    SESSION_TOKEN,
    ends,
)

ENDPOINT = Endpoint.parse("https://api.example.com/graphql")
QUERY = '{"query":"q"}'
BODIES = {Purpose.CONNECT: "{}", Purpose.START: QUERY, Purpose.REQUEST: QUERY}

modes = pytest.mark.parametrize("mode", AUTH_MODES)
purposes = pytest.mark.parametrize("purpose", Purpose)
with_secret = pytest.mark.parametrize(
    "mode", [mode for mode in AUTH_MODES.values() if mode.setting], ids=lambda mode: mode.aliases[0]
)


def shown(auth: Auth, purpose: Purpose) -> dict[str, str]:
    """What a server reads of the credentials."""
    return lower(ask_sync(auth, Attempt(purpose, ENDPOINT, BODIES[purpose])))


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in authorization(ENDPOINT, headers).items()}


@modes
@purposes
async def test_what_one_end_signs_the_other_accepts(mode: str, purpose: Purpose) -> None:
    both, body = ends(mode), BODIES[purpose]
    headers = await ask(both.good, Attempt(purpose, ENDPOINT, body))

    both.verifier.verify(lower(headers), purpose, body.encode())
    both.verifier.verify(shown(both.good, purpose), purpose, body.encode())
    read_guests(both.settings).verifier.verify(shown(both.good, purpose), purpose, body.encode())


@modes
@pytest.mark.parametrize("channel", ["sub-protocol", "query", "headers"])
def test_the_handshake_carries_it_to_the_server_by_each_channel(mode: str, channel: str) -> None:
    both = ends(mode)
    handshake = authorization(ENDPOINT, ask_sync(both.good, Attempt(Purpose.CONNECT, ENDPOINT)))
    query = {"header": base64.b64encode(dumps(handshake).encode()).decode()}

    read = {
        "sub-protocol": read_authorization(subprotocols(handshake), {}, {}),
        "query": read_authorization(["graphql-ws"], query, {}),
        "headers": read_authorization(["graphql-ws"], {}, handshake),
    }[channel]

    assert read is not None
    assert read["host"] == "api.example.com"
    both.verifier.verify(read, Purpose.CONNECT, b"{}")


@modes
@purposes
def test_those_of_somebody_else_are_refused_in_appsyncs_words(mode: str, purpose: Purpose) -> None:
    both = ends(mode)

    with pytest.raises(Unauthorized, match=f"^{re.escape(both.refusal)}"):
        both.verifier.verify(shown(both.bad, purpose), purpose, BODIES[purpose].encode())


@modes
def test_nothing_is_refused_in_appsyncs_words(mode: str) -> None:
    for headers in ({}, {"host": "api.example.com"}, {"authorization": ""}):
        with pytest.raises(Unauthorized, match=r"^Valid authorization header not provided\.$"):
            ends(mode).verifier.verify(headers, Purpose.CONNECT, b"{}")


@pytest.mark.parametrize(("mode", "other"), list(permutations(AUTH_MODES, 2)))
def test_no_mode_accepts_the_credentials_of_another(mode: str, other: str) -> None:
    with pytest.raises(Unauthorized):
        ends(mode).verifier.verify(
            shown(ends(other).good, Purpose.START), Purpose.START, QUERY.encode()
        )


@modes
def test_no_secret_shows(mode: str) -> None:
    both = ends(mode)
    token = shown(both.good, Purpose.REQUEST).get("authorization", "")

    seen = f"{both.good!r} {both.good!s} {both.good.identity!r} {both.verifier!r}"

    assert isinstance(both.good, Auth)
    for secret in (API_KEY, LAMBDA_TOKEN, ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, token):
        assert not secret or secret not in seen


@modes
def test_another_credential_is_another_identity(mode: str) -> None:
    both = ends(mode)

    assert both.good.identity == both.good.identity
    assert both.good.identity != both.bad.identity
    assert hash(both.good.identity) == hash(both.good.identity)


@with_secret
def test_equal_secrets_are_one_identity(mode: AuthMode) -> None:
    assert mode.make(API_KEY).identity == mode.make(API_KEY).identity
    assert mode.make(API_KEY).identity != mode.make("another").identity


@with_secret
@pytest.mark.parametrize("secret", ["", " da2-x", "da2-x\n", "da2\x00x", "schlüssel", 7])
def test_a_secret_that_fits_into_no_header_is_refused_and_not_shown(
    mode: AuthMode, secret: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        mode.make(secret)

    assert "da2" not in str(refusal.value)


@with_secret
def test_a_secret_that_is_missing_is_asked_for_by_its_setting(mode: AuthMode) -> None:
    with pytest.raises(
        ConfigurationError, match=f"JUPYTER_JOBS_{mode.setting}, or give it in auth="
    ):
        mode.make()


def test_a_mode_that_signs_takes_the_region_and_no_secret() -> None:
    mode = AUTH_MODES["AWS_IAM"]

    assert mode.make("secret", "eu-west-1").identity == mode.make(None, "eu-west-1").identity
    assert mode.make(None, "eu-west-1").identity != mode.make().identity


def test_the_identities_of_two_modes_differ() -> None:
    assert len({ends(mode).good.identity for mode in AUTH_MODES}) == len(AUTH_MODES)


@modes
def test_a_mode_is_found_by_its_names_in_any_case(mode: str) -> None:
    for word in (mode, mode.lower(), *AUTH_MODES[mode].aliases):
        assert find_mode(f" {word} ") is AUTH_MODES[mode]
        assert find_mode(word.upper().replace("_", "-")) is AUTH_MODES[mode]


def test_no_two_modes_have_a_word_in_common() -> None:
    words = [word for name in AUTH_MODES for word in (name.lower(), *AUTH_MODES[name].aliases)]

    # API_KEY is its own alias.
    assert len(set(words)) == len(words) - 1


def test_a_word_for_no_mode_is_answered_with_all_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'kerberos'; there are api_key") as refusal:
        find_mode("kerberos")

    assert all(mode in str(refusal.value) for mode in AUTH_MODES)
