"""How large what is sent may be, known before it is sent. Client and embedded backend ask the same rules."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_jobs.appsync.messages import dumps
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.model import WIRE_NAMES

__all__ = [
    "AFTER_LIMIT",
    "DOCUMENT_LIMIT",
    "EVENT_LIMIT",
    "EVENT_ROOM",
    "KEY_LIMIT",
    "PARAMS_LIMIT",
    "PAYLOAD_LIMIT",
    "RETRIES_LIMIT",
    "TAGS_LIMIT",
    "TAG_LIMIT",
    "check_after",
    "check_event",
    "check_key",
    "check_rules",
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

KEY_LIMIT = 200
"""Characters of a key."""

AFTER_LIMIT = 5_000
"""Jobs that a job may wait for; their ids are in each of its events."""

RETRIES_LIMIT = 100
"""Runs after the first; those that failed are in each of its events."""

DOCUMENT_LIMIT = 1_000_000
"""Bytes of jobs in one request; AppSync documents none, so this is a modest one."""

_EMPTY: Mapping[str, Any] = dict.fromkeys(WIRE_NAMES.values())


def event_size(body: Mapping[str, Any]) -> int:
    """Return the bytes of an event that has all of a job."""
    return len(dumps({"data": {"onJobUpdate": {**_EMPTY, **body}}}))


_BARE = event_size({})
_LONGEST = 12  # bytes of a character in JSON: two halves of `\\ud83d` each


def check_event(body: Mapping[str, Any]) -> None:
    """Check that a new job fits into its events, and leaves them room.

    Args:
        body: What is known of the job; `payload` does not count, it is never published.

    Raises:
        InvalidJob: It does not: its events would not be delivered, and nobody would say so.
    """
    texts = {name: value for name, value in body.items() if name in _EMPTY}
    limit = EVENT_LIMIT - EVENT_ROOM
    if _BARE + _LONGEST * sum(len(str(value)) for value in texts.values()) <= limit:
        return  # nearly all: they need not be written out to know
    if (size := event_size(texts)) > limit:
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


def check_key(key: Any) -> str:
    """Return a key without the blanks around it.

    Raises:
        InvalidJob: It is no string, empty, or too long.
    """
    if not isinstance(key, str) or not key.strip():
        raise InvalidJob(f"key= takes a non-empty string, not {key!r}")
    if len(key.strip()) > KEY_LIMIT:
        raise InvalidJob(
            f"a key has at most {KEY_LIMIT} characters, and {key[:20]!r}… has {len(key.strip()):,}; "
            "take a hash of what is longer"
        )
    return key.strip()


def check_after(ids: Any) -> list[str]:
    """Return ids of jobs, each once, in their order.

    Raises:
        InvalidJob: It is no list of strings, or there are too many.
    """
    if isinstance(ids, str):
        raise InvalidJob(f"after= takes a list: write after=[{ids!r}]")
    if not isinstance(ids, Iterable):
        raise InvalidJob(f"after= takes jobs or their ids, not {ids!r}")
    found: list[str] = []
    for id_ in ids:
        if not isinstance(id_, str) or not id_:
            raise InvalidJob(f"after= takes jobs or their ids, not {id_!r}")
        found.append(id_)
    found = list(dict.fromkeys(found))
    if len(found) > AFTER_LIMIT:
        raise InvalidJob(
            f"a job waits for at most {AFTER_LIMIT:,} others, and these are {len(found):,}; "
            "let some jobs in between wait for a part of them each"
        )
    return found


def check_rules(rules: Any) -> dict[str, float]:
    """Return the rules of a job's run that are set.

    Args:
        rules: Rule, by its name in the schema, -> number; None for one that is not set.

    Raises:
        InvalidJob: There is no such rule, or its value cannot be; says what may be.
    """
    if not isinstance(rules, Mapping):
        raise InvalidJob(f"rules are an object of {', '.join(_RULES)}, not {rules!r}")
    found = {name: value for name, value in rules.items() if value is not None}
    for name, value in found.items():
        if name not in _RULES:
            raise InvalidJob(f"there is no rule {name!r}; there are {', '.join(_RULES)}")
        may_be, fits = _RULES[name]
        if type(value) not in (int, float) or not math.isfinite(value) or not fits(value):
            raise InvalidJob(f"{name} must be {may_be}, not {value!r}")
    return found


_RULES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "timeout": ("a number of seconds above 0", lambda seconds: seconds > 0),
    "queueTimeout": ("a number of seconds above 0", lambda seconds: seconds > 0),
    "retries": (
        f"a whole number from 0 to {RETRIES_LIMIT}",
        lambda runs: type(runs) is int and 0 <= runs <= RETRIES_LIMIT,
    ),
    "backoff": ("a number of seconds, 0 or more", lambda seconds: seconds >= 0),
    "cpus": ("a whole number from 1 on", lambda cpus: type(cpus) is int and cpus >= 1),
}
"""Rule -> what it may be, in words and as a test."""

_strict = json.JSONEncoder(allow_nan=False)


def json_text(value: Any, what: str, limit: int) -> str | None:
    """Return a value as JSON text; None for None.

    Raises:
        InvalidJob: It is not JSON, or too long.
    """
    if value is None:
        return None
    try:
        text = _strict.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJob(f"{what} must be JSON: {error}") from None
    if len(text) > limit:
        raise InvalidJob(
            f"{what} of {len(text):,} bytes is over the limit of {limit:,}; "
            "save the data to a file and pass its path"
        )
    return text
