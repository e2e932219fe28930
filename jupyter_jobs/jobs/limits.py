"""How large what is sent may be, known before it is sent. Client and embedded backend ask the same rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
    "TAGS_LIMIT",
    "TAG_LIMIT",
    "check_event",
    "check_tags",
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

TAG_LIMIT = 50
"""Characters of a tag."""

TAGS_LIMIT = 20
"""Tags of a job."""

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


def check_tags(tags: Any) -> list[str]:
    """Return tags without the blanks around them, each once, in their order.

    Raises:
        InvalidJob: It is no list of strings, one of them is empty or too long, or there are too many.
    """
    if isinstance(tags, str):
        raise InvalidJob(f"tags= takes a list: write tags=[{tags!r}]")
    if not isinstance(tags, Iterable):
        raise InvalidJob(f"tags= takes a list of strings, not {tags!r}")
    found: list[str] = []
    for tag in tags:
        if not isinstance(tag, str) or not tag.strip():
            raise InvalidJob(f"a tag is a non-empty string, not {tag!r}")
        if len(tag.strip()) > TAG_LIMIT:
            raise InvalidJob(
                f"a tag has at most {TAG_LIMIT} characters, and {tag[:20]!r}… has {len(tag.strip())}; "
                "put what is longer into name= or params="
            )
        found.append(tag.strip())
    found = list(dict.fromkeys(found))
    if len(found) > TAGS_LIMIT:
        raise InvalidJob(f"a job has at most {TAGS_LIMIT} tags, and these are {len(found)}")
    return found


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
