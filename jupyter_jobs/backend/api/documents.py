"""Reads documents: parses and validates them, and remembers those that come again and again.

Reading one takes longer than executing it, and grows with it: a thousand jobs in one request are a thousand fields
that differ in their names alone. Such a document is read with one of them, which is then multiplied.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    Token,
    TokenKind,
    VariableDefinitionNode,
    VariableNode,
    parse,
    validate,
)
from graphql.language import Location

from jupyter_jobs.backend.api.shape import CHARACTERS, check_fields, check_root_fields, check_text

__all__ = ["SHORT", "Documents"]

_KEPT = 100  # documents
SHORT = 8 * 1024
"""Characters of a document that may be kept; reading one takes a moment, of a longer one a while."""

_NAME = r"[_A-Za-z]\w*"
_HEAD = re.compile(rf"\s*(query|mutation)\s+({_NAME})\s*\(([^()#\"]*)\)\s*\{{\s*")
_DECLARED = re.compile(rf"\$({_NAME})\s*:\s*({_NAME}!?)\s*,?\s*")
_FIELD = re.compile(
    rf"({_NAME})\s*:\s*(({_NAME})\s*\(\s*({_NAME})\s*:\s*)\$({_NAME})\s*(\)\s*\{{[^{{}}()$@#\"]*\}})[\s,]*"
)


class Documents:
    """The documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._remembered = functools.lru_cache(_KEPT)(self._parse)

    def read(self, query: str) -> tuple[DocumentNode, Sequence[GraphQLError]]:
        """Return a document and what is invalid in it.

        Raises:
            GraphQLError: It is no GraphQL, or more than a document may be; see `shape`.
        """
        if len(query) <= SHORT:
            return self._remembered(query)
        if len(query) <= CHARACTERS and (repetition := _find_repetition(query)) is not None:
            check_root_fields(len(repetition.fields))
            single, invalid = self._remembered(repetition.single)
            if not invalid:
                return repetition.multiplied(single), ()
        return self._parse(query)

    def _parse(self, query: str) -> tuple[DocumentNode, Sequence[GraphQLError]]:
        check_text(query)
        document = parse(query)
        check_fields(document)
        return document, validate(self._schema, document)


@dataclass(frozen=True)
class _Repetition:
    """A document that says the same of many variables.

    Attributes:
        query: All of it.
        single: The same with one of them.
        fields: Alias, variable and place of each.
    """

    query: str
    single: str
    fields: Sequence[tuple[str, str, int]]

    def multiplied(self, single: DocumentNode) -> DocumentNode:
        """Return the document, of the one that was read."""
        operation = single.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        (field,) = operation.selection_set.selections
        (declared,) = operation.variable_definitions or ()
        assert isinstance(field, FieldNode)
        many = OperationDefinitionNode(
            operation=operation.operation,
            name=operation.name,
            variable_definitions=tuple(_declarations(declared, self.fields)),
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(self._fields(field))),
        )
        return DocumentNode(definitions=(many, *single.definitions[1:]))

    def _fields(self, one: FieldNode) -> Iterator[FieldNode]:
        source, (argument,) = Source(self.query), one.arguments or ()
        line, line_start, at = 1, 0, 0
        for alias, variable, start in self.fields:
            line += self.query.count("\n", at, start)
            line_start = max(line_start, self.query.rfind("\n", at, start) + 1)
            token = Token(TokenKind.NAME, start, start + len(alias), line, start - line_start + 1)
            value = VariableNode(name=NameNode(value=variable))
            yield FieldNode(
                alias=NameNode(value=alias),
                name=one.name,
                arguments=(ArgumentNode(name=argument.name, value=value),),
                directives=(),
                selection_set=one.selection_set,
                loc=Location(token, token, source),
            )
            at = start


def _declarations(
    one: VariableDefinitionNode, fields: Sequence[tuple[str, str, int]]
) -> Iterator[VariableDefinitionNode]:
    for _, variable, _ in fields:
        name = VariableNode(name=NameNode(value=variable))
        yield VariableDefinitionNode(variable=name, type=one.type, directives=())


def _find_repetition(query: str) -> _Repetition | None:
    """Return what a document repeats, or None if there is anything else in it."""
    if (head := _HEAD.match(query)) is None:
        return None
    declared = _DECLARED.findall(head[3])
    if _DECLARED.sub("", head[3]).strip() or len({type_ for _, type_ in declared}) != 1:
        return None
    fields: list[tuple[str, str, int]] = []
    place, same = head.end(), None
    while (field := _FIELD.match(query, place)) is not None:
        if same not in (None, (field[2], field[6])):
            return None
        same, place = (field[2], field[6]), field.end()
        fields.append((field[1], field[5], field.start()))
    variables = [variable for _, variable, _ in fields]
    if same is None or query[place] != "}" or variables != [name for name, _ in declared]:
        return None
    if len({alias for alias, _, _ in fields}) < len(fields) or len(set(variables)) < len(fields):
        return None
    kind, name, _ = head.groups()
    before, after = same
    alias, variable, _ = fields[0]
    return _Repetition(
        query,
        f"{kind} {name}(${variable}: {declared[0][1]}) {{ {alias}: {before}${variable}{after} {query[place:]}",
        fields,
    )
