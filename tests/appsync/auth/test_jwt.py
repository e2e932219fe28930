from __future__ import annotations

import base64
import hmac
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jupyter_jobs.appsync.auth import JwtVerifier, Purpose
from jupyter_jobs.errors import ConfigurationError, Unauthorized
from tests.support.credentials import ISSUER, key_set, signer

ONE, RSA = signer("one"), signer("two", "RS256")
KEYS = key_set(ONE, RSA)
REFUSED = "You are not authorized to make this call."


def verify(verifier: JwtVerifier, token: str) -> None:
    verifier.verify({"authorization": token}, Purpose.START, b"{}")


def refusal(verifier: JwtVerifier, token: str) -> str:
    with pytest.raises(Unauthorized) as refused:
        verify(verifier, token)
    return str(refused.value)


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
@pytest.mark.parametrize("key", [ONE, RSA], ids=["ES256", "RS256"])
def test_a_token_of_a_key_in_the_set_is_good(key: Any, prefix: str) -> None:
    verify(JwtVerifier(KEYS), prefix + key.token())


def test_a_token_that_names_no_key_is_tried_with_all() -> None:
    token = jwt.encode({"exp": time.time() + 60}, RSA.key, "RS256")

    verify(JwtVerifier(KEYS), token)


def test_a_token_of_another_key_by_the_same_name_is_refused() -> None:
    impostor = replace(signer("three"), key_id="one")

    assert refusal(JwtVerifier(KEYS), impostor.token()) == REFUSED


def test_a_token_is_good_until_it_expires() -> None:
    verify(JwtVerifier(KEYS), ONE.token(exp=int(time.time()) + 60))

    assert refusal(JwtVerifier(KEYS), ONE.token(exp=int(time.time()) - 60)) == "Token has expired."


@pytest.mark.parametrize("claims", [{"nbf": 4_000_000_000}, {"exp": None}, {"exp": "soon"}])
def test_a_token_without_its_time_is_refused(claims: dict[str, Any]) -> None:
    given = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode({"sub": "ann", **given}, ONE.key, "ES256", headers={"kid": "one"})

    assert refusal(JwtVerifier(KEYS), token) == REFUSED


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "let-me-in", "ü.ü.ü", "Bearer ", "\ud800"])
def test_what_is_no_token_cannot_be_parsed(text: str) -> None:
    expected = "Unable to parse JWT token." if text else "Valid authorization header not provided."

    assert refusal(JwtVerifier(KEYS), text) == expected


def test_a_token_that_is_nested_beyond_measure_cannot_be_parsed() -> None:
    header = base64.urlsafe_b64encode(b"[" * 100_000).decode()

    assert refusal(JwtVerifier(KEYS), f"{header}.e30.x") == "Unable to parse JWT token."


def part(raw: bytes) -> str:
    """One part of a token, as PyJWT itself would not make it of a public key."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_nobody_signs_with_none_or_with_a_public_key() -> None:
    claims = {"exp": int(time.time()) + 60}
    unsigned = jwt.encode(claims, None, "none", headers={"kid": "two"})
    public = RSA.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = ".".join(part(json.dumps(x).encode()) for x in ({"alg": "HS256", "kid": "two"}, claims))
    by_public_key = f"{text}.{part(hmac.digest(public, text.encode(), 'sha256'))}"

    assert refusal(JwtVerifier(KEYS), unsigned) == REFUSED
    assert refusal(JwtVerifier(KEYS), by_public_key) == REFUSED


def test_a_set_of_shared_secrets_is_no_key_set() -> None:
    secret = {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode(), "kid": "one"}

    with pytest.raises(ConfigurationError, match="holds no public key"):
        JwtVerifier({"keys": [secret]})


def test_the_issuer_must_be_the_one_that_is_named() -> None:
    verify(JwtVerifier(KEYS, issuer=ISSUER), ONE.token())

    assert refusal(JwtVerifier(KEYS, issuer="https://other"), ONE.token()) == REFUSED


@pytest.mark.parametrize(
    "claims",
    [{"aud": "app"}, {"aud": ["x", "app"]}, {"azp": "app", "aud": "x"}, {"client_id": "app"}],
)
@pytest.mark.parametrize("audience", ["app", ["app", "other"]])
def test_a_token_may_name_its_audience_in_three_ways(
    claims: dict[str, Any], audience: str | list[str]
) -> None:
    verify(JwtVerifier(KEYS, audience=audience), ONE.token(**claims))
    verify(JwtVerifier(KEYS), ONE.token(**claims))


@pytest.mark.parametrize("claims", [{}, {"aud": "x"}, {"aud": []}, {"aud": 7}, {"aud": [{}]}])
def test_a_token_for_somebody_else_is_refused(claims: dict[str, Any]) -> None:
    assert refusal(JwtVerifier(KEYS, audience="app"), ONE.token(**claims)) == REFUSED


def test_keys_that_are_not_for_signatures_are_passed_over() -> None:
    odd = [{"kty": "RSA"}, {**ONE.public(), "use": "enc"}, {"kty": "new"}, 7]

    verifier = JwtVerifier({"keys": [*odd, RSA.public()]})

    verify(verifier, RSA.token())
    assert refusal(verifier, ONE.token()) == REFUSED


@pytest.mark.parametrize("wrong", [{}, {"keys": {}}, {"keys": []}, {"keys": [{}]}])
def test_what_is_no_key_set_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"the key set (must be|holds no)"):
        JwtVerifier(wrong)


def test_a_key_set_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KEYS))

    verify(JwtVerifier(str(path)), ONE.token())


@pytest.mark.parametrize("content", [None, "{", '["keys"]'])
def test_a_file_that_holds_none_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"the key set .*jwks\.json (cannot be|must be)"):
        JwtVerifier(str(path))


@contextmanager
def published(found: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Serve a key set over HTTP; yields its URL and what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if found else 503)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json", asked
        server.shutdown()
        thread.join()


def test_a_key_set_is_read_again_for_a_new_key_but_not_by_everybody() -> None:
    now = 0.0
    found = key_set(ONE)
    with published(found) as (url, asked):
        verifier = JwtVerifier(url, clock=lambda: now)
        found["keys"].append(RSA.public())

        verify(verifier, ONE.token())
        assert refusal(verifier, RSA.token()) == REFUSED
        now = 61.0
        verify(verifier, RSA.token())
        assert refusal(verifier, signer("three").token()) == REFUSED

    assert len(asked) == 2


def test_while_a_key_set_cannot_be_read_the_one_from_before_counts() -> None:
    now = 0.0
    found = key_set(ONE)
    with published(found) as (url, asked):
        verifier = JwtVerifier(url, clock=lambda: now)
        found.clear()
        now = 61.0

        assert refusal(verifier, RSA.token()) == REFUSED
        verify(verifier, ONE.token())

    assert len(asked) == 2


def test_a_key_set_that_is_not_there_is_named() -> None:
    with published({}) as (url, _), pytest.raises(ConfigurationError, match="503"):
        JwtVerifier(url)


@pytest.mark.parametrize("url", ["http://example.com/jwks.json", "file:///jwks.json", "ftp://h/x"])
def test_a_key_set_that_anybody_could_forge_is_not_read(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https://"):
        JwtVerifier(url)


def test_without_pyjwt_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)

    with pytest.raises(ConfigurationError, match=r"PyJWT.*pip install 'jupyter_jobs\[local\]'"):
        JwtVerifier(KEYS)


def test_without_cryptography_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwt.api_jwk.has_crypto", False)

    with pytest.raises(
        ConfigurationError, match=r"cryptography.*pip install 'jupyter_jobs\[local\]'"
    ):
        JwtVerifier(KEYS)
