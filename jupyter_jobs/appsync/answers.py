"""What an HTTP answer means: the data, or one error of ours. Pure.

A refusal by a resolver comes with status 200, and its errors carry `errorType` beside `message`, not under `extensions`
(AppSync developer guide, "Troubleshooting and common mistakes"). What a firewall, a gateway, a proxy or a throttle
sends need not be JSON, so the status decides before the body does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.messages import loads
from jupyter_jobs.errors import (
    RequestRefused,
    ServerFault,
    Throttled,
    Unauthorized,
    UnusableAnswer,
    WireError,
)

__all__ = ["read_answer", "read_retry_after"]

_UNAUTHORIZED = re.compile(
    "Unauthorized|UnrecognizedClient|InvalidSignature|IncompleteSignature|ExpiredToken|MissingAuthenticationToken"
)
"""Parts of what the service calls refused credentials; all but the first are said of AWS signatures, with a 403."""


def read_answer(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], content: bytes
) -> dict[str, Any]:
    """Return the `data` of an answer, or raise what the answer means.

    Args:
        endpoint: Who answered.
        status: Of HTTP.
        headers: By lower-case name.
        content: The body, decompressed.

    Raises:
        WireError: `RequestRefused`, `Unauthorized`, `Throttled` or `ServerFault`.
    """
    body = _json_object(content)
    errors = _errors(body.get("errors"))
    if status == 200 and not errors and isinstance(body.get("data"), dict):
        return dict(body["data"])
    raise _meaning(endpoint.host, status, headers, body, errors)


def _meaning(
    host: str,
    status: int,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    errors: list[dict[str, Any]],
) -> WireError:
    facts: dict[str, Any] = {"host": host, "request_id": headers.get("x-amzn-requestid")}
    said = "; ".join(str(error.get("message") or error.get("errorType")) for error in errors)
    wait_s = read_retry_after(headers.get("retry-after"))
    kinds = [
        headers.get("x-amzn-errortype", ""),
        *(str(error.get("errorType")) for error in errors),
    ]
    if status == 401 or (status != 200 and any(map(_UNAUTHORIZED.search, kinds))):
        return Unauthorized(
            f"{host} refused the credentials: {said.rstrip('.') or 'no reason given'}; check the key or token; a monitor or client takes another by reconnect(auth=…)",
            **facts,
        )
    if status == 429 or (status == 503 and wait_s is not None):
        what = "gets too many requests" if status == 429 else "is not available for now"
        wait = "a little" if wait_s is None else f"{wait_s:.3g} s"
        return Throttled(f"{host} {what}: wait {wait}, then try again", retry_after=wait_s, **facts)
    if 300 <= status < 400:
        return _refused(
            status,
            f"{host} redirects to {_place(headers.get('location'))}, and credentials are not sent elsewhere: "
            "if that is the API, use its URL",
            facts,
        )
    if errors and status < 500:
        data = body.get("data")
        return RequestRefused(errors, data=data if isinstance(data, dict) else None, **facts)
    if 400 <= status < 500:
        return _refused(
            status,
            f"{host} answered HTTP {status} and no GraphQL: check that the URL ends in /graphql "
            "and that no firewall stands before it",
            facts,
        )
    kind = headers.get("content-type", "no content type")
    fault = ServerFault if status >= 500 else UnusableAnswer
    return fault(
        f"{host} answered HTTP {status} ({kind}) without GraphQL data{': ' + said if said else ''}; "
        "try again later, and check that the URL is the API's",
        **facts,
    )


def _refused(status: int, message: str, facts: Mapping[str, Any]) -> RequestRefused:
    return RequestRefused([{"errorType": f"HTTP{status}", "message": message}], **facts)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _errors(found: Any) -> list[dict[str, Any]]:
    """Return the errors of an answer; one that repeats what it was sent must not make a key show."""
    listed = found if isinstance(found, list) else [found]
    return [
        {**error, "message": redact(error["message"])}
        if isinstance(error.get("message"), str)
        else error
        for error in listed
        if isinstance(error, dict)
    ]


def _place(location: str | None) -> str:
    """Return where a redirect points, without the query that may hold a token."""
    try:
        parts = urlsplit(location or "")
    except ValueError:
        return "another address"
    return f"{parts.scheme or 'https'}://{parts.hostname}" if parts.hostname else "another address"


def read_retry_after(retry_after: str | None) -> float | None:
    """Read `Retry-After`: seconds, or the date that they end at (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    try:
        if retry_after.strip().replace(".", "", 1).isdecimal():
            return float(retry_after)
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
