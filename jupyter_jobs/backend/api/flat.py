"""Selections of plain fields, read at once.

Nearly every selection about jobs is the same thirty fields, none with arguments or a selection of its own. A general
executor walks to each of them by itself; a thousand jobs in one request, or one job to a hundred subscribers, are
then mostly walking.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    SelectionSetNode,
    is_leaf_type,
)

__all__ = ["Leaf", "Plans", "flatten", "fragments_of", "pick"]

_KEPT = 200  # plans


class Leaf(NamedTuple):
    """One plain field.

    Attributes:
        key: What it is called in the answer.
        name: What it is called in the object.
        coerce: Makes what an answer has of what the object has.
        nullable: Whether it may be null.
    """

    key: str
    name: str
    coerce: Callable[[Any], Any]
    nullable: bool


def flatten(
    type_: GraphQLObjectType,
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Sequence[Leaf] | None:
    """Return the fields of a valid selection, or None if not all of them are plain."""
    try:
        return tuple(_leaves(type_, selected, fragments))
    except _NotPlain:
        return None


class Plans:
    """What selections of one schema's documents came to, for as long as the documents are there."""

    def __init__(self) -> None:
        self._kept: dict[
            tuple[str, int], tuple[weakref.ref[SelectionSetNode], Sequence[Leaf] | None]
        ] = {}

    def flatten(
        self,
        type_: GraphQLObjectType,
        selected: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Sequence[Leaf] | None:
        """Do what the function `flatten` does, once for each selection."""
        key = type_.name, id(selected)
        kept = self._kept.get(key)
        if kept is None or kept[0]() is not selected:  # another had its place in memory
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[key] = weakref.ref(selected), flatten(type_, selected, fragments)
        return kept[1]


def pick(leaves: Sequence[Leaf], source: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields as they stand in an answer, or None if one of them has an error to tell."""
    picked: dict[str, Any] = {}
    try:
        for key, name, coerce, nullable in leaves:
            value = source.get(name)
            if value is not None:
                picked[key] = coerce(value)
            elif nullable:
                picked[key] = None
            else:
                return None
    except (GraphQLError, TypeError, ValueError):
        return None
    return picked


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }


class _NotPlain(Exception):
    pass


def _leaves(
    type_: GraphQLObjectType,
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Iterator[Leaf]:
    if selected is None:
        raise _NotPlain
    for node in selected.selections:
        if node.directives:
            raise _NotPlain
        if isinstance(node, FragmentSpreadNode):
            fragment = fragments[node.name.value]
            if fragment.directives or fragment.type_condition.name.value != type_.name:
                raise _NotPlain
            yield from _leaves(type_, fragment.selection_set, fragments)
            continue
        field = type_.fields.get(node.name.value) if isinstance(node, FieldNode) else None
        if not isinstance(node, FieldNode) or field is None or field.resolve or node.arguments:
            raise _NotPlain
        nullable = not isinstance(field.type, GraphQLNonNull)
        key = (node.alias or node.name).value
        yield Leaf(key, node.name.value, _coercer(field.type), nullable)


def _coercer(type_: Any) -> Callable[[Any], Any]:
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if isinstance(type_, GraphQLList):
        if not isinstance(type_.of_type, GraphQLNonNull):
            raise _NotPlain
        item = _coercer(type_.of_type)
        return lambda values: [item(value) for value in values]
    if not is_leaf_type(type_):
        raise _NotPlain
    coerce: Callable[[Any], Any] = type_.coerce_output_value
    return coerce
