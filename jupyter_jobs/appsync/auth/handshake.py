"""How credentials travel in the WebSocket handshake: written by the client, read by the server.

AppSync knows three ways (developer guide, "Building a real-time WebSocket client", header parameter format): a
`header-…` sub-protocol, a `header=` query, plain HTTP headers. The client uses the first, which keeps keys out of
URLs; the server reads all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.messages import SUBPROTOCOL, dumps, loads

__all__ = ["authorization", "read_authorization", "subprotocols"]

_PREFIX = "header-"
_CREDENTIALS = ("authorization", "x-api-key")


def authorization(endpoint: Endpoint, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the object that authorizes a connection or a start: the credentials and the GraphQL host."""
    return {"host": endpoint.host, **headers}


def subprotocols(authorization: Mapping[str, str]) -> list[str]:
    """Return the sub-protocols to offer. Base64url without padding: `=`, `+` and `/` may not stand there."""
    text = base64.urlsafe_b64encode(dumps(dict(authorization)).encode()).decode()
    return [SUBPROTOCOL, _PREFIX + text.rstrip("=")]


def read_authorization(
    subprotocols: Sequence[str], query: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, str] | None:
    """Find the authorization of a handshake.

    Args:
        subprotocols: What the client offers.
        query: Of the URL, decoded.
        headers: Of the upgrade request; the case of names does not matter.

    Returns:
        The object by lower-case name, an empty one if it cannot be read, or None if there is none: then AppSync
        refuses the upgrade with 401, where a bad one is upgraded and refused by `connection_error`.
    """
    for offered in subprotocols:
        if offered.startswith(_PREFIX):
            return _read(offered.removeprefix(_PREFIX))
    if "header" in query:
        return _read(query["header"])
    plain = {name.lower(): value for name, value in headers.items()}
    if any(name in plain for name in _CREDENTIALS):
        return plain
    return None


def _read(text: str) -> dict[str, str]:
    """Read base64 of either alphabet, padded or not; a space is what a URL makes of an unescaped plus."""
    text = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        found: Any = loads(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (ValueError, binascii.Error):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name.lower(): value for name, value in found.items() if isinstance(value, str)}
