"""How a job stands in a row, and how a row is read: lists as JSON, times in UTC to the millisecond."""

from __future__ import annotations

import base64
import json
import math
import sqlite3
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.tables import COLUMNS

__all__ = [
    "Body",
    "now",
    "number_of",
    "seconds",
    "stamp",
    "stored",
    "summary",
    "to_body",
    "token_of",
]

Body = dict[str, Any]

_LISTS = ("tags", "after")


def stored(column: str, value: Any) -> Any:
    """Return what a row holds of a value."""
    return json.dumps(value) if column in _LISTS and value is not None else value


def to_body(row: sqlite3.Row) -> Body:
    """Return a row as a job."""
    body = {column: row[column] for column in COLUMNS}
    for column in _LISTS:
        if body[column] is not None:
            body[column] = json.loads(body[column])
    body["attempt"] = body["attempt"] or 1  # a row of an earlier release
    return body


def now() -> str:
    """Return the present time; times of this form are in the order of their texts."""
    return _text(datetime.now(UTC))


def stamp(time: str) -> str:
    """Return a time of any zone in the form of `now`.

    Raises:
        Refusal: It is none.
    """
    try:
        read = datetime.fromisoformat(time)
        return _text(read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC))
    except (ValueError, OverflowError):
        raise Refusal("BadRequest", f"{time!r} is no time of ISO 8601.") from None


def seconds(start: str, end: str) -> float:
    """Return the seconds between two times."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def summary(durations: Sequence[float]) -> dict[str, float] | None:
    """Return the number of durations, their median and their 90th percentile (nearest rank); None if there are none."""
    if not durations:
        return None
    ranked = sorted(durations)
    return {
        "count": len(ranked),
        "median": round(statistics.median(ranked), 3),
        "p90": round(ranked[math.ceil(0.9 * len(ranked)) - 1], 3),
    }


def token_of(number: int) -> str:
    """Return what asks for the jobs before that number."""
    return base64.urlsafe_b64encode(json.dumps({"before": number}).encode()).decode()


def number_of(token: str | None) -> int:
    """Return the number in a token of `token_of`.

    Raises:
        Refusal: It is not one.
    """
    if token is None:
        return 2**62
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["before"])
    except (ValueError, KeyError, TypeError):
        raise Refusal("BadRequest", "nextToken is not one that listJobs gave.") from None


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
