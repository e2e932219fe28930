"""What callers hand in, checked before anything is done with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.limits import PARAMS_LIMIT, check_after, check_key, check_rules, check_tags

__all__ = [
    "read_after",
    "read_id",
    "read_json",
    "read_key",
    "read_limit",
    "read_moment",
    "read_params",
    "read_rules",
    "read_tags",
    "read_text",
]


def read_id(value: str) -> str:
    """Check an id that a client made; it names a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}", value):
        raise Refusal(
            "InvalidJob",
            "id must be 1 to 128 letters, digits, underscores and dashes, no dash first.",
        )
    return value


def read_text(value: str, what: str) -> str:
    """Return a text without the blanks around it; there must be one."""
    if not value.strip():
        raise Refusal("InvalidJob", f"{what} is empty.")
    return value.strip()


def read_tags(tags: Sequence[str] | None) -> list[str] | None:
    """Return tags as `limits.check_tags` does; None for none."""
    try:
        return check_tags(tags or ()) or None
    except InvalidJob as error:
        raise Refusal("InvalidJob", str(error)) from None


def read_key(key: str | None) -> str | None:
    """Return a key as `limits.check_key` does; None for none."""
    try:
        return None if key is None else check_key(key)
    except InvalidJob as error:
        raise Refusal("InvalidJob", str(error)) from None


def read_after(ids: Sequence[str] | None) -> list[str] | None:
    """Return ids of jobs, each once, as `limits.check_after` does; None for none."""
    try:
        return check_after(ids or ()) or None
    except InvalidJob as error:
        raise Refusal("InvalidJob", str(error)) from None


def read_rules(value: Any, cpus: int | None) -> str | None:
    """Return rules as JSON with what they say and no more; None for none.

    Args:
        value: AWSJSON.
        cpus: How many there are, or None where that is not known.
    """
    if value is None:
        return None
    read_json(value, "rules")
    try:
        rules = check_rules(json.loads(value))
    except InvalidJob as error:
        raise Refusal("InvalidJob", str(error)) from None
    if cpus is not None and rules.get("cpus", 1) > cpus:
        raise Refusal(
            "InvalidJob",
            f"cpus may be at most {cpus} here, not {rules['cpus']}: so many may be used at a time.",
        )
    return json.dumps(rules) if rules else None


def read_params(value: Any) -> str | None:
    """Return parameters as JSON, if there are not too many."""
    if isinstance(value, str) and len(value.encode()) > PARAMS_LIMIT:
        raise Refusal(
            "InvalidJob",
            f"params have {len(value.encode()):,} bytes, the limit is {PARAMS_LIMIT:,}; "
            "save the data to a file and pass its path.",
        )
    return read_json(value, "params")


def read_json(value: Any, what: str) -> str | None:
    """Return AWSJSON as it is: a string that holds JSON, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal("InvalidJob", f"{what} must be AWSJSON: a string that holds JSON.")
    try:
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("InvalidJob", f"{what} must be JSON.") from None
    return value


def read_limit(limit: int | None, default: int, most: int) -> int:
    """Return how many a page may have."""
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise Refusal("BadRequest", f"limit must be from 1 to {most}, not {limit}.")
    return limit


def read_moment(value: str, what: str) -> datetime:
    """Return an AWSDateTime in UTC."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise Refusal(
            "BadRequest", f"{what} must be a time as 2026-11-22T20:00:00Z, not {value!r}."
        ) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
