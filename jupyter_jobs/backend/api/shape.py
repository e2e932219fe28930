"""What a document may be: limits on its text before it is parsed, and on its fields before it is validated.

A few kilobytes of GraphQL can ask for hours of work: brackets in one another overrun the stack of a parser, equal fields
are compared each with each by a validator, an alias repeats a field of every job of a page. What our own clients send has
a fragment of plain fields, and at most 250 mutations beside one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

__all__ = [
    "ALIASES",
    "CHARACTERS",
    "DEFINITIONS",
    "DEPTH",
    "FIELDS",
    "PAGES",
    "ROOT_FIELDS",
    "TOKENS",
    "check_fields",
    "check_root_fields",
    "check_text",
]

CHARACTERS = 1_000_000
"""Of a document; a thousand mutations have 100,000."""

TOKENS = 50_000
"""Of a document; a thousand mutations have 20,000, and more would take seconds to read."""

DEPTH = 32
"""Brackets in one another; the introspection query has 15, and a parser runs out of stack at some hundred."""

DEFINITIONS = 50
"""Operations and fragments; a validator follows one fragment into the next."""

ROOT_FIELDS = 1_000
"""Fields at the root of a document; AppSync runs up to 10,000 resolvers for a request, in its 30 s."""

PAGES = 20
"""Fields at the root of queries that are more than one job: pages, logs, series, results."""

FIELDS = 250
"""Fields below one at the root, and those of all fragments together; a job has 40, introspection selects 100."""

ALIASES = 10
"""Other names for fields below the root: each repeats a text for every job of a page."""

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\(?:""")?|"(?!""))*(?:"""|\Z)'  # a block of text
    r'|"(?:[^"\\\n\r]|\\.)*"?'
    r"|#[^\n\r]*"
    r"|(?P<open>[{(\[])|(?P<close>[})\]])"
    r"|\.\.\.|[_A-Za-z]\w*|[-\d][\w.+-]*|[^\s,\ufeff]"
)
_ONE_JOB = frozenset({"getJob", "jobQueue", "__typename"})
_ROOTS = frozenset({"Query", "Mutation", "Subscription"})


def check_text(query: str) -> None:
    """Check what can be known without reading it.

    Raises:
        GraphQLError: It is longer or deeper than documents may be.
    """
    if len(query) > CHARACTERS:
        raise _over("characters", len(query), CHARACTERS)
    depth = tokens = 0
    for tokens, token in enumerate(_TOKEN.finditer(query), start=1):
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
        if depth > DEPTH:
            raise GraphQLError(
                f"The document has more than {DEPTH} brackets in one another; that is the most there may be."
            )
        if tokens > TOKENS:
            break
    if tokens > TOKENS:
        raise GraphQLError(f"The document has more than {TOKENS:,} tokens; send several.")


def check_fields(document: DocumentNode) -> None:
    """Check how much a document selects.

    Raises:
        GraphQLError: It is more than one may.
    """
    if len(document.definitions) > DEFINITIONS:
        raise _over("operations and fragments", len(document.definitions), DEFINITIONS)
    roots: list[FieldNode] = []
    shared = 0
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            roots += _fields(definition.selection_set)
        elif isinstance(definition, FragmentDefinitionNode):
            fields = list(_fields(definition.selection_set))
            if definition.type_condition.name.value in _ROOTS:
                roots += fields
            else:
                shared += sum(1 + _below(field) for field in fields)
                _check_aliases([definition.selection_set])
    most = max((_below(root) for root in roots), default=0)
    if max(shared, most) > FIELDS:
        raise _over("fields below one at the root", max(shared, most), FIELDS)
    _check_aliases([root.selection_set for root in roots])
    check_root_fields(len(roots))
    if len(roots) - len({_key(root) for root in roots}) > ALIASES:
        raise GraphQLError("The document has many fields of one name at the root; give them names.")
    pages = [root for root in roots if root.name.value not in _ONE_JOB]
    if len(pages) > PAGES and _has_query(document):
        raise _over("pages, logs and results", len(pages), PAGES)


def check_root_fields(count: int) -> None:
    """Check how many fields stand at the root.

    Raises:
        GraphQLError: They are more than may be.
    """
    if count > ROOT_FIELDS:
        raise _over("fields at its root", count, ROOT_FIELDS)


def _check_aliases(selected: list[SelectionSetNode | None]) -> None:
    """Check the names below the root, for what begins there."""
    for selection in selected:
        aliases = sum(field.alias is not None for field in _all_fields(selection))
        if aliases > ALIASES:
            raise _over("other names for fields below its root", aliases, ALIASES)


def _has_query(document: DocumentNode) -> bool:
    return any(
        isinstance(definition, OperationDefinitionNode) and definition.operation.value == "query"
        for definition in document.definitions
    )


def _fields(selected: SelectionSetNode | None) -> Iterator[FieldNode]:
    """Yield the fields of a selection itself, those of fragments that stand in it too."""
    for node in selected.selections if selected else ():
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set)


def _all_fields(selected: SelectionSetNode | None) -> Iterator[FieldNode]:
    """Yield those below them, too."""
    for field in _fields(selected):
        yield field
        yield from _all_fields(field.selection_set)


def _below(field: FieldNode) -> int:
    return sum(1 for _ in _all_fields(field.selection_set))


def _key(field: FieldNode) -> str:
    return (field.alias or field.name).value


def _over(what: str, count: int, limit: int) -> GraphQLError:
    return GraphQLError(
        f"The document has {count:,} {what}, and may have {limit:,}; ask for it in several requests."
    )
