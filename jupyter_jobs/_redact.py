"""Hides keys and tokens in everything that is logged or shown.

By name (`x-api-key`, `Authorization`, …) and by shape (an AppSync API key, a JWT, a `header-…` sub-protocol, a
`header=` query). What is hidden leaves no prefix behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HIDDEN", "redact", "redact_mapping"]

HIDDEN = "[hidden]"

_SECRET_NAMES = (
    r"x-api-key|api[_-]?key|authorization|x-amz-security-token|token|password|passwd|secret|"
    r"aws_secret_access_key|aws_session_token"
)
_NAMED = re.compile(
    rf"""(?P<name>["']?[\w.-]*(?:{_SECRET_NAMES})[\w.-]*["']?\s*[:=]\s*)(?P<quote>\\?["']?)(?!\[hidden\])"""
    r"""(?:(?:Bearer|Basic)\s+)?[^\s"'\\,;&}]+""",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"da2-[a-z0-9]{20,}"  # AppSync API key
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JWT
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS access key id
    r"|(?<=header-)[\w-]{16,}"  # sub-protocol authorization
    r"|(?<=header=)[\w%+/=-]{16,}"  # query-string authorization
)
_SECRET_NAME = re.compile(_SECRET_NAMES, re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` with every key and token in it replaced by `[hidden]`."""
    text = _SHAPES.sub(HIDDEN, text)
    return _NAMED.sub(lambda match: f"{match['name']}{match['quote']}{HIDDEN}", text)


def redact_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `values` whose secret entries, by name or by shape, are hidden."""
    return {
        name: HIDDEN
        if _SECRET_NAME.search(name)
        else redact(value)
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }
