"""Credentials for every authorization mode, and a server's end that knows them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jupyter_jobs.appsync.auth import (
    ApiKeyAuth,
    ApiKeyVerifier,
    Auth,
    IamAuth,
    IamVerifier,
    JwtVerifier,
    TokenAuth,
    TokenVerifier,
    Verifier,
)

API_KEY = "da2-abcdefghijklmnopqrstuvwxyz"
LAMBDA_TOKEN = "let-me-in"
ACCESS_KEY = "AKIDEXAMPLEEXAMPLE12"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE/SESSION+TOKEN=="
REGION = "eu-west-1"
ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE"


@dataclass(frozen=True)
class Signer:
    """Issues JSON web tokens, as a user pool does."""

    key_id: str
    algorithm: str
    key: Any

    def token(self, **claims: Any) -> str:
        """Return a token for the next hour, unless the claims say otherwise."""
        claims = {"iss": ISSUER, "sub": "ann", "exp": int(time.time()) + 3600, **claims}
        return jwt.encode(claims, self.key, self.algorithm, headers={"kid": self.key_id})

    def public(self) -> dict[str, Any]:
        """Return the public key as an entry of a key set."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        entry = json.loads(algorithm.to_jwk(self.key.public_key()))
        return {**entry, "kid": self.key_id, "alg": self.algorithm, "use": "sig"}


@cache
def signer(key_id: str, algorithm: str = "ES256") -> Signer:
    """Return the same one for the same name: RSA keys take long to make."""
    if algorithm.startswith("ES"):
        return Signer(key_id, algorithm, ec.generate_private_key(ec.SECP256R1()))
    return Signer(key_id, algorithm, rsa.generate_private_key(65537, 2048))


def key_set(*signers: Signer) -> dict[str, Any]:
    return {"keys": [signer.public() for signer in signers]}


@dataclass(frozen=True)
class Ends:
    """Both ends of one mode.

    Attributes:
        good: What the verifier accepts.
        bad: The same kind, of somebody else.
        verifier: The server's end.
        settings: The same, for `read_guests`.
        refusal: What the bad one is told.
    """

    good: Auth
    bad: Auth
    verifier: Verifier
    settings: Mapping[str, Any]
    refusal: str = "You are not authorized to make this call."


def ends(mode: str) -> Ends:
    """Return both ends of the mode that AppSync calls so."""
    return _ENDS[mode]()


def _api_key() -> Ends:
    return Ends(
        ApiKeyAuth(API_KEY),
        ApiKeyAuth("da2-zyxwvutsrqponmlkjihgfedcba"),
        ApiKeyVerifier([API_KEY]),
        {"api_keys": [API_KEY]},
    )


def _cognito() -> Ends:
    keys = key_set(signer("one"), signer("two", "RS256"))
    return Ends(
        TokenAuth(signer("two", "RS256").token()),
        TokenAuth(signer("two", "ES256").token()),
        JwtVerifier(keys, issuer=ISSUER),
        {"jwks": keys, "issuer": ISSUER},
    )


def _oidc() -> Ends:
    async def fresh() -> str:
        return signer("oidc").token(aud="notebook")

    return Ends(
        TokenAuth(fresh),
        TokenAuth(signer("oidc").token(aud="another client")),
        JwtVerifier(key_set(signer("oidc")), audience="notebook"),
        {"jwks": key_set(signer("oidc")), "audience": "notebook"},
    )


def _lambda() -> Ends:
    return Ends(
        TokenAuth(lambda: LAMBDA_TOKEN),
        TokenAuth("let-me-out"),
        TokenVerifier(is_good),
        {"tokens": "tests.support.credentials:is_good"},
    )


def _iam() -> Ends:
    return Ends(
        IamAuth(REGION, credentials=(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)),
        IamAuth(REGION, credentials=(ACCESS_KEY, "another-secret", SESSION_TOKEN)),
        IamVerifier({ACCESS_KEY: (SECRET_KEY, SESSION_TOKEN)}, region=REGION),
        {"iam": {ACCESS_KEY: [SECRET_KEY, SESSION_TOKEN]}, "region": REGION},
        "The request signature we calculated does not match the signature you provided",
    )


def is_good(token: str) -> bool:
    """Decide as a Lambda authorizer does."""
    return token == LAMBDA_TOKEN


_ENDS = {
    "API_KEY": _api_key,
    "AMAZON_COGNITO_USER_POOLS": _cognito,
    "OPENID_CONNECT": _oidc,
    "AWS_LAMBDA": _lambda,
    "AWS_IAM": _iam,
}
