"""Hides keys and tokens in everything that is logged or shown.

By name (`x-api-key`, `Authorization`, …), also in JSON within JSON, and by shape (an AppSync API key, a JWT, an AWS
signature or session token, a `header-…` sub-protocol, a `header=` query). What is hidden leaves no prefix behind.
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
# Each word is looked at once, from its beginning and without going back: texts may be long, and hold no blank.
_NAMED = re.compile(
    rf"""(?<![\w.-])(?=[\w.-]*(?:{_SECRET_NAMES}))(?P<name>[\w.-]++\\*["']?\s*[:=]\s*)(?P<quote>\\*["']?)"""
    r"""(?![\[{])(?:(?:Bearer|Basic)\s+)?[^\s"'\\,;&}]+""",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"da2-[a-z0-9]{20,}"  # AppSync API key
    r"|eyJ[\w-]{8,4096}+\.[\w-]+\.[\w-]*"  # JWT
    r"|AWS4-HMAC-SHA256 Credential=[^\s\"'\\]+, ?SignedHeaders=[^\s\"'\\]+, ?Signature=\w+"
    r"|(?<=Signature=)[0-9A-Fa-f]{64}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS access key id
    r"|(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[\w+/=%-]+"  # AWS session token
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
