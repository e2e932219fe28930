"""How large what is sent may be, known before it is sent. Client and embedded backend ask the same rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.model import WIRE_NAMES

__all__ = [
    "DOCUMENT_LIMIT",
    "EVENT_LIMIT",
    "EVENT_ROOM",
    "PARAMS_LIMIT",
    "PAYLOAD_LIMIT",
    "check_event",
    "event_size",
    "json_text",
]

EVENT_LIMIT = 240 * 1024
"""Bytes of an event; over it AppSync delivers nothing and tells nobody (service quotas)."""

EVENT_ROOM = 16 * 1024
"""Bytes of an event that a new job leaves for its progress and a short error."""

PARAMS_LIMIT = 100 * 1024
"""Bytes of a job's parameters; in an event they are a string in a string, and may take twice as many."""

PAYLOAD_LIMIT = 32 * 1024 * 1024
"""Bytes of what only the backend keeps."""

DOCUMENT_LIMIT = 1_000_000
"""Bytes of jobs in one request; AppSync documents none, so this is a modest one."""

_EMPTY: Mapping[str, Any] = dict.fromkeys(WIRE_NAMES.values())


def event_size(body: Mapping[str, Any]) -> int:
    """Return the bytes of an event that has all of a job."""
    return len(dumps({"data": {"onJobUpdate": {**_EMPTY, **body}}}))


def check_event(body: Mapping[str, Any]) -> None:
    """Check that a new job fits into its events, and leaves them room.

    Args:
        body: What is known of the job; `payload` does not count, it is never published.

    Raises:
        InvalidJob: It does not: its events would not be delivered, and nobody would say so.
    """
    texts = {name: value for name, value in body.items() if name in _EMPTY}
    size, limit = event_size(texts), EVENT_LIMIT - EVENT_ROOM
    if size > limit:
        longest = max(texts, key=lambda name: len(str(texts[name])))
        raise InvalidJob(
            f"the job would have {size:,} bytes, and its events take {limit:,}, most of them in {longest}; "
            "save long values to a file and pass its path"
        )


def json_text(value: Any, what: str, limit: int) -> str | None:
    """Return a value as JSON text; None for None.

    Raises:
        InvalidJob: It is not JSON, or too long.
    """
    if value is None:
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJob(f"{what} must be JSON: {error}") from None
    if len(text) > limit:
        raise InvalidJob(
            f"{what} of {len(text):,} bytes is over the limit of {limit:,}; "
            "save the data to a file and pass its path"
        )
    return text
