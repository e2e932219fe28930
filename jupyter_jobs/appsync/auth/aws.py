"""What botocore does for us: it finds AWS credentials and signs with them. The only file that imports it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import gmtime, strftime
from typing import Any, Protocol

from jupyter_jobs._redact import redact
from jupyter_jobs.errors import ConfigurationError, Unauthorized

__all__ = ["Credentials", "Found", "find", "sign"]


class Credentials(Protocol):
    """Credentials as botocore and boto3 keep them; temporary ones refresh themselves."""

    def get_frozen_credentials(self) -> Any:
        """Return what to sign with now. May ask the network."""


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """What a search has found.

    Attributes:
        credentials: What signs.
        region: What the environment or the profile names, or None.
        profile: Where they were looked for, or None.
    """

    credentials: Credentials
    region: str | None
    profile: str | None

    @property
    def may_wait(self) -> bool:
        """Whether they must be refreshed over the network before they can be used."""
        refresh_needed = getattr(self.credentials, "refresh_needed", None)
        return refresh_needed is not None and bool(refresh_needed())


def find(given: Credentials | tuple[str, str, str | None] | None, profile: str | None) -> Found:
    """Look for credentials and a region: those given, else wherever botocore looks. May ask the network.

    Raises:
        ConfigurationError: There are none, the profile or its files cannot be used, or botocore is missing.
        Unauthorized: There are some, but they cannot be had now, as after the end of an SSO login.
    """
    try:
        import botocore.credentials
        from botocore.session import Session
    except ImportError as exc:
        raise ConfigurationError(
            "authorization by AWS_IAM needs botocore, which is not installed: pip install 'jupyter_jobs[aws]'"
        ) from exc
    with _translated(profile):
        session = Session(profile=profile)
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
        if isinstance(given, tuple):
            found = botocore.credentials.Credentials(*given)
        else:
            found = given if given is not None else session.get_credentials()
    if found is None:
        raise ConfigurationError(_where_none_are(session))
    return Found(found, region, profile)


def sign(
    found: Found,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """Sign a POST request.

    Args:
        found: Signs. May ask the network if `may_wait`.
        url: Without a query.
        headers: To be signed, `host` among them.
        body: To be signed.
        region: Of the scope.
        service: Of the scope.
        now: Seconds since the epoch.

    Returns:
        The headers that carry the signature: `Authorization`, `x-amz-date`, and `x-amz-security-token` if the
        credentials are temporary.

    Raises:
        Unauthorized: The credentials have expired, and could not be refreshed.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import (
        AWSRequest,
    )

    with _translated(found.profile):
        frozen = found.credentials.get_frozen_credentials()
    timestamp = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    carried = {"x-amz-date": timestamp}
    # The service refuses an empty one.
    if frozen.token:
        carried["x-amz-security-token"] = frozen.token
    request = AWSRequest("POST", url, headers={**headers, **carried}, data=body)
    request.context["timestamp"] = timestamp
    # Step by step: `add_auth` has a clock of its own, and logs the session token on DEBUG.
    signer = SigV4Auth(frozen, service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    carried["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
        f"Signature={signer.signature(text, request)}"
    )
    return carried


@contextmanager
def _translated(profile: str | None) -> Iterator[None]:
    """Turn botocore's errors into ours; what it says of SSO and of profiles already tells what to do."""
    from botocore import exceptions

    settled = (
        exceptions.ConfigNotFound,
        exceptions.ConfigParseError,
        exceptions.InvalidConfigError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
    )
    try:
        yield
    except settled as exc:
        raise ConfigurationError(
            f"the AWS credentials cannot be used: {_said(exc)}; `aws configure list` shows what is set"
        ) from exc
    except (exceptions.BotoCoreError, exceptions.ClientError) as exc:
        login = "aws sso login" + (f" --profile {profile}" if profile else "")
        raise Unauthorized(
            f"the AWS credentials cannot be had: {_said(exc)}; log in anew, as by `{login}`, then reconnect"
        ) from exc


def _said(exc: Exception) -> str:
    return redact(str(exc)).rstrip(".")


def _where_none_are(session: Any) -> str:
    name = session.profile or "default"
    files = [session.get_config_variable(file) for file in ("credentials_file", "config_file")]
    return (
        "no AWS credentials were found: neither in the environment (AWS_ACCESS_KEY_ID), nor for the profile "
        f"{name!r} in {' and '.join(files)}, nor from a container or an instance; log in as by `aws sso login`, "
        "set AWS_PROFILE, or give IamAuth(profile=…)"
    )
