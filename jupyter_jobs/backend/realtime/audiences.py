"""Subscribers, found by the values that they asked for: an update does not look at those of other jobs and groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode

from jupyter_jobs.backend.api.flat import Leaf

__all__ = ["Audiences", "Deliver", "Subscriber"]

Deliver = Callable[[str], object]


@dataclass(frozen=True, eq=False, slots=True)
class Subscriber:
    """One live subscription.

    Attributes:
        field: The root field of its document.
        arguments: Those of its root field that were given, null ones included.
        document: Its document, parsed.
        variables: Its variables, as JSON.
        leaves: What it selects, when that is plain fields of the job.
        name: What it calls the field.
        selection: Equal for subscribers that are to get equal texts.
        deliver: Takes the JSON text of each event's payload.
    """

    field: str
    arguments: Mapping[str, Any]
    document: DocumentNode
    variables: Mapping[str, Any]
    leaves: Sequence[Leaf] | None
    name: str
    selection: Hashable
    deliver: Deliver


_Names = tuple[str, ...]
_Values = tuple[Any, ...]
# An ordered set: who came first is told first.
_Audience = dict[Subscriber, None]


class Audiences:
    """All subscribers, by field, names of their arguments, values of these, and selection.

    There are few combinations of names that anybody can ask by, so whom an update concerns is a look-up for each,
    however many there are.
    """

    def __init__(self) -> None:
        self._fields: dict[str, dict[_Names, dict[_Values, dict[Hashable, _Audience]]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, subscriber: Subscriber) -> None:
        """Take in one; nothing if it is there."""
        names, values = _place(subscriber)
        places = self._fields.setdefault(subscriber.field, {}).setdefault(names, {})
        audience = places.setdefault(values, {}).setdefault(subscriber.selection, {})
        self._count += subscriber not in audience
        audience[subscriber] = None

    def discard(self, subscriber: Subscriber) -> None:
        """Let go of one; nothing if it is not there."""
        names, values = _place(subscriber)
        places = self._fields.get(subscriber.field, {}).get(names, {})
        selections = places.get(values, {})
        audience = selections.get(subscriber.selection, {})
        if subscriber not in audience:
            return
        self._count -= 1
        del audience[subscriber]
        if not audience:
            del selections[subscriber.selection]
        if not selections:
            del places[values]

    def find(self, field: str, selected: Mapping[str, Any]) -> list[tuple[Subscriber, ...]]:
        """Return those that a body concerns, together those that are to get equal texts and asked by equal names."""
        found: list[tuple[Subscriber, ...]] = []
        for names, places in self._fields.get(field, {}).items():
            try:
                selections = places.get(tuple(map(selected.get, names)))
            except TypeError:  # a list stands where they have a word: an alias of somebody's
                continue
            if selections is not None:
                found += map(tuple, selections.values())
        return found


def _place(subscriber: Subscriber) -> tuple[_Names, _Values]:
    names = tuple(sorted(subscriber.arguments))
    return names, tuple(subscriber.arguments[name] for name in names)
