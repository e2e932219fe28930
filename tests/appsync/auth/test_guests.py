from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import (
    Attempt,
    Purpose,
    TokenAuth,
    Verifier,
    ask_sync,
    read_guests,
)
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, Unauthorized
from tests.support.credentials import ends, key_set, signer

ENDPOINT = Endpoint.parse("https://api.example.com/graphql")
MODES = ["API_KEY", "OPENID_CONNECT", "AWS_LAMBDA", "AWS_IAM"]


def let_in(verifier: Verifier, auth: Any) -> None:
    headers = ask_sync(auth, Attempt(Purpose.CONNECT, ENDPOINT))
    shown = {name.lower(): value for name, value in headers.items()}
    verifier.verify({"host": ENDPOINT.host, **shown}, Purpose.CONNECT, b"{}")


def test_guests_of_every_kind_are_let_in_side_by_side() -> None:
    settings: dict[str, Any] = {}
    for mode in MODES:
        settings |= ends(mode).settings
    verifier = read_guests(json.loads(json.dumps(settings))).verifier

    for mode in MODES:
        let_in(verifier, ends(mode).good)
        with pytest.raises(Unauthorized):
            let_in(verifier, ends(mode).bad)


def test_settings_that_name_nobody_let_in_nobody() -> None:
    with pytest.raises(Unauthorized, match="not provided"):
        let_in(read_guests({}).verifier, ends("API_KEY").good)


def test_the_reason_that_says_most_is_given() -> None:
    verifier = read_guests({"tokens": ends("AWS_LAMBDA").settings["tokens"], "jwks": KEYS}).verifier

    with pytest.raises(Unauthorized, match=r"^Token has expired\.$"):
        let_in(verifier, TokenAuth(signer("one").token(exp=1)))


def test_a_key_set_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KEYS))

    let_in(read_guests({"jwks": str(path)}).verifier, TokenAuth(signer("one").token()))


KEYS = key_set(signer("one"))
IAM = {"region": "eu-west-1"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ([], "must be a JSON object with some of 'api_keys', 'audience', 'iam'.* of type list"),
        ({"apikeys": []}, "nobody knows 'apikeys' among those to let in; there are 'api_keys', "),
        ({"api_keys": "da2-x"}, "'api_keys' must be a list of keys; this is of type str"),
        ({"api_keys": [""]}, "a key in 'api_keys' is empty"),
        ({"jwks": 7}, "'jwks' must be a key set, or the path or URL of one; this is of type int"),
        ({"jwks": {"keys": []}}, "the key set holds no public key"),
        ({"jwks": KEYS, "issuer": 7}, "'issuer' must be a string; this is of type int"),
        ({"jwks": KEYS, "audience": [7]}, "'audience' must be a string or a list of strings"),
        ({"issuer": "https://x"}, "'issuer' says nothing without 'jwks' beside it"),
        ({"audience": "app"}, "'audience' says nothing without 'jwks' beside it"),
        ({"tokens": "check"}, "'tokens' must be a function's name, as 'my_package.auth:is_good'"),
        ({"tokens": "nowhere:check"}, "names nowhere:check, which cannot be imported: ModuleNotF"),
        ({"tokens": "json:check"}, "names json:check, which cannot be imported: AttributeError"),
        ({"tokens": "json:__name__"}, "names json:__name__, which must be a function of the token"),
        ({"iam": {"AKID": "secret"}}, "'iam' says nothing without 'region' beside it"),
        ({"iam": {}, "region": ""}, "'region' must be the name of a region"),
        ({"iam": ["AKID"], **IAM}, "'iam' must be an object of secret access keys"),
        ({"iam": {"AKID": []}, **IAM}, "'iam' must be an object of secret access keys"),
        ({"iam": {"AKID": ["a", ""]}, **IAM}, "'iam' must be an object of secret access keys"),
    ],
)
def test_what_cannot_be_used_is_told(settings: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        read_guests(settings)


def test_no_secret_shows_in_a_refusal() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_guests({"iam": "wJalrXUtnFEMI", "region": "eu-west-1"})

    assert "wJalr" not in str(refusal.value)
