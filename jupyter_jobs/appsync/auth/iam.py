"""AWS_IAM: requests signed with AWS Signature Version 4.

What is signed differs by purpose (AppSync developer guide, "Building a real-time WebSocket client"): a connection signs
a POST to `/graphql/connect` that is never made, a start signs a POST of its `payload.data`, and a request signs itself.
botocore signs for the client; the server checks with the standard library alone, so that neither end believes the
other's arithmetic.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from calendar import timegm
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from hashlib import sha256
from threading import Lock

from jupyter_jobs.appsync.auth import aws
from jupyter_jobs.appsync.auth.base import (
    NO_CREDENTIALS,
    Attempt,
    Purpose,
    elsewhere,
    visible_ascii,
)
from jupyter_jobs.errors import ConfigurationError, Unauthorized

__all__ = ["AwsCredentials", "IamAuth", "IamVerifier", "same_credentials", "signs_body"]

AwsCredentials = aws.Credentials | tuple[str, str] | tuple[str, str, str | None]

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "appsync"
_TOLERANCE_S = 300
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_HANDSHAKE = {
    "accept": "application/json, text/javascript",
    "content-encoding": "amz-1.0",
    "content-type": "application/json; charset=UTF-8",
}
_REQUEST = {"content-type": "application/json"}
_CHOOSING = (
    *("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
)
"""Variables that choose between credentials: two environments that differ in one are two identities."""


class IamAuth:
    """Signs with AWS credentials, anew for every attempt.

    Nothing is looked up before the first attempt. What may take time, as asking a container or assuming a role, is done
    on a thread.

    Args:
        region: Of the API, where its URL does not tell, as with a custom domain. Default: `AWS_REGION`, else what
            botocore reads: `AWS_DEFAULT_REGION`, the profile.
        profile: Of the AWS configuration files.
        credentials: Access key id, secret access key and, if they are temporary, session token; or an object as boto3's
            `Session().get_credentials()` returns. Default: wherever botocore looks: environment, profile, SSO, role,
            container, instance.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: Both a profile and credentials are given, or the credentials cannot be sent in headers.
    """

    def __init__(
        self,
        region: str | None = None,
        *,
        profile: str | None = None,
        credentials: AwsCredentials | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if profile is not None and credentials is not None:
            raise ConfigurationError("IamAuth takes a profile or credentials, not both")
        self._region = region
        self._profile = profile
        self._given = _checked(credentials) if isinstance(credentials, tuple) else credentials
        self._clock = clock
        self._environment = _digest(*(os.environ.get(name) for name in _CHOOSING))
        self._found: aws.Found | None = None
        self._lock = Lock()

    @property
    def identity(self) -> Hashable:
        """The region, and where the credentials come from or a digest of them."""
        if isinstance(self._given, tuple):
            return ("iam", self._region, _digest(*self._given))
        return ("iam", self._region, self._given or (self._profile, self._environment))

    def headers(self, attempt: Attempt) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        """Return the signature and what else is signed; to be awaited if credentials must be fetched first."""
        found = self._found
        if found is None or found.may_wait or attempt.renew:
            return self._fetch_and_sign(attempt, found)
        return self._sign(attempt, found)

    def __repr__(self) -> str:
        source = "credentials=…" if self._given is not None else f"profile={self._profile!r}"
        return f"IamAuth({self._region!r}, {source})"

    async def _fetch_and_sign(
        self, attempt: Attempt, before: aws.Found | None
    ) -> Mapping[str, str]:
        def work() -> Mapping[str, str]:
            # Whoever comes while another searches takes what that one has found.
            with self._lock:
                found = self._found
                if found is None or (attempt.renew and found is before):
                    found = self._found = aws.find(self._given, self._profile)
            return self._sign(attempt, found)

        return await asyncio.wrap_future(elsewhere(work))

    def _sign(self, attempt: Attempt, found: aws.Found) -> Mapping[str, str]:
        endpoint = attempt.endpoint
        region = endpoint.region or self._region or found.region
        if region is None:
            raise ConfigurationError(
                f"the AWS region of {endpoint.host} is not known: neither its name tells it, nor AWS_REGION or the "
                "AWS profile; name it, as by IamAuth('eu-west-1') or JUPYTER_JOBS_REGION"
            )
        connects = attempt.purpose is Purpose.CONNECT
        fixed = _REQUEST if attempt.purpose is Purpose.REQUEST else _HANDSHAKE
        signature = aws.sign(
            found,
            f"{endpoint.http}/connect" if connects else endpoint.http,
            {**fixed, "host": endpoint.host},
            attempt.body.encode(),
            region=region,
            service=_SERVICE,
            now=self._clock(),
        )
        return {**fixed, **signature}


class IamVerifier:
    """Accepts what some access keys have signed for `/graphql` of any host.

    Args:
        secrets: By access key id, the secret access key, or that and the session token that must come with it.
        region: That signatures must be scoped to.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        secrets: Mapping[str, str | Sequence[str]],
        *,
        region: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = {
            key: (secret, None) if isinstance(secret, str) else (secret[0], (*secret, None)[1])
            for key, secret in secrets.items()
        }
        self._region = region
        self._clock = clock

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the signature is one of the keys', of these five minutes, and covers what was sent."""
        authorization = headers.get("authorization", "")
        if not authorization.startswith(_ALGORITHM):
            raise Unauthorized(NO_CREDENTIALS)
        key_id, scope, names, signature = _parse(authorization)
        timestamp = headers.get("x-amz-date", "")
        self._check_scope(scope, timestamp)
        secret = self._secret(key_id, headers.get("x-amz-security-token"))
        self._check_time(timestamp)
        for name in ("host", "x-amz-date", "x-amz-security-token"):
            if name not in names and (name in headers or name == "host"):
                raise Unauthorized(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
        canonical = "\n".join(
            [
                "POST",
                "/graphql/connect" if purpose is Purpose.CONNECT else "/graphql",
                "",
                *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
                "",
                ";".join(names),
                sha256(body).hexdigest(),
            ]
        )
        digest = sha256(_bytes(canonical)).hexdigest()
        signed = "\n".join([_ALGORITHM, timestamp, "/".join(scope), digest])
        key = f"AWS4{secret}".encode()
        for part in (*scope, signed):
            key = hmac.digest(key, _bytes(part), "sha256")
        if not hmac.compare_digest(key.hex().encode(), _bytes(signature)):
            raise Unauthorized(
                "The request signature we calculated does not match the signature you provided. Check your AWS "
                "Secret Access Key and signing method. Consult the service documentation for details."
            )

    def __repr__(self) -> str:
        return f"IamVerifier({len(self._secrets)} keys, region={self._region!r})"

    def _check_scope(self, scope: Sequence[str], timestamp: str) -> None:
        day, region, service, end = scope
        if service != _SERVICE:
            raise Unauthorized(f"Credential should be scoped to correct service: '{_SERVICE}'.")
        if region != self._region:
            raise Unauthorized(f"Credential should be scoped to a valid region, not '{region}'.")
        if end != "aws4_request":
            raise Unauthorized(
                "Credential should be scoped with a valid terminator: 'aws4_request'."
            )
        if day != timestamp[:8]:
            raise Unauthorized("Date in Credential scope does not match the date of X-Amz-Date.")

    def _secret(self, key_id: str, token: str | None) -> str:
        secret, expected = self._secrets.get(key_id, (None, None))
        if secret is None or not hmac.compare_digest(_bytes(token or ""), _bytes(expected or "")):
            raise Unauthorized("The security token included in the request is invalid.")
        return secret

    def _check_time(self, timestamp: str) -> None:
        now = self._clock()
        try:
            signed_at = timegm(time.strptime(timestamp, _TIMESTAMP))
        except ValueError:
            raise Unauthorized("Date must be in ISO-8601 'basic format', as X-Amz-Date.") from None
        if signed_at < now - _TOLERANCE_S:
            raise Unauthorized(
                f"Signature expired: {timestamp} is now earlier than {_stamp(now - _TOLERANCE_S)} ({_stamp(now)} - 5 min.)"
            )
        if signed_at > now + _TOLERANCE_S:
            raise Unauthorized(
                f"Signature not yet current: {timestamp} is still later than {_stamp(now + _TOLERANCE_S)} "
                f"({_stamp(now)} + 5 min.)"
            )


def signs_body(headers: Mapping[str, str]) -> bool:
    """Return whether credentials can be checked only with what they came with, for that is signed, too."""
    return headers.get("authorization", "").startswith(_ALGORITHM)


def same_credentials(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two answers of one `Auth` show the same credentials.

    Two signatures of one access key differ by their date, and yet a service that refused the one refuses the other.
    """
    return _essence(one) == _essence(other)


def _essence(shown: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is new at each signature."""
    found = {name.lower(): value for name, value in shown.items()}
    authorization = found.get("authorization", "")
    if authorization.startswith(_ALGORITHM):
        del found["x-amz-date"]
        found["authorization"] = _parse(authorization)[0]
    return found


def _parse(authorization: str) -> tuple[str, list[str], list[str], str]:
    """Take `Authorization` apart: access key id, scope, names of the signed headers, signature."""
    parts = {}
    for part in authorization.removeprefix(_ALGORITHM).split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise Unauthorized(f"Authorization header requires '{name}' parameter.")
    # An access key id may hold a slash, the scope may not.
    key_id, *scope = parts["Credential"].rsplit("/", 4)
    if len(scope) != 4:
        raise Unauthorized(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    return key_id, scope, parts["SignedHeaders"].split(";"), parts["Signature"]


def _checked(credentials: Sequence[str | None]) -> tuple[str, str, str | None]:
    if not 2 <= len(credentials) <= 4:
        raise ConfigurationError(
            "AWS credentials are (access key id, secret access key), or these and a session token; "
            f"this tuple has {len(credentials)}"
        )
    key_id, secret, token, *_ = (*credentials, None)
    return (
        visible_ascii(key_id, "the AWS access key id"),
        visible_ascii(secret, "the AWS secret access key"),
        visible_ascii(token, "the AWS session token") if token else None,
    )


def _digest(*texts: str | None) -> str:
    return sha256("\0".join(text or "" for text in texts).encode()).hexdigest()


def _stamp(at: float) -> str:
    return time.strftime(_TIMESTAMP, time.gmtime(at))


def _bytes(text: str) -> bytes:
    """Encode whatever a peer has sent."""
    return text.encode(errors="surrogatepass")
