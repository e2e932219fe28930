"""GraphQL documents made of the schema: right ones, and ones that select, pass or declare what they must not."""

from __future__ import annotations

import functools
import json
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
)
from hypothesis import strategies as st

from jupyter_jobs.backend.api.resolvers import build

__all__ = ["documents", "json_values"]

_NAMES = ["a", "id", "__typename", "listJobs", "nosuch", "_", "A" * 300]
_TEXTS = [
    "",
    "x",
    "1",
    "null",
    "{}",
    "[1]",
    "2026-11-23T09:00:00Z",
    "nonsense",
    "../../etc/passwd",
    "\x00",
    "\ud800",
    "\U0001f600" * 50,
    "'; DROP TABLE jobs; --",
    "%s%n{0}",
    "a" * 5_000,
]
_NUMBERS = [0, 1, -1, 2**31, -(2**31) - 1, 2**53, 2**70, 1.5, -0.0, 1e308]
_WRAPPED = [
    "{doc} {doc}",
    "query A {{ listJobs {{ nextToken }} }} {doc}",
    "{doc} fragment F on Job {{ ...F }}",
    "{doc} #" + "c" * 300,
    "\ufeff{doc}",
    "{doc} type X {{ a: Int }}",
    "{doc} }}",
    "{{ {doc}",
]


@functools.cache
def _schema() -> GraphQLSchema:
    return build()


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON, also what JSON has no word for."""
    leaves = st.one_of(
        st.none(), st.booleans(), st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), st.floats()
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
        ),
        max_leaves=12,
    )


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A document and its variables."""
    return _Writer(draw).document()


class _Writer:
    """Writes one document; `wrong` says now and then that something is to be wrong."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._errors = draw(st.sampled_from([0, 0, 8, 3]))  # one of so many places; 0 for none
        self._declared: dict[str, str] = {}
        self._variables: dict[str, Any] = {}
        self._fragments: list[str] = []

    def document(self) -> tuple[str, dict[str, Any]]:
        schema = _schema()
        kind, root = self._draw(
            st.sampled_from(
                [
                    ("query", schema.query_type),
                    ("mutation", schema.mutation_type),
                    ("subscription", schema.subscription_type),
                ]
            )
        )
        assert root is not None
        selected = self._selection(root, 0)
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self._declared.items())
        head = f"{kind} Fuzz({declared})" if declared else kind
        text = " ".join([f"{head} {selected}", *self._fragments])
        if self._wrong():
            text = self._draw(st.sampled_from(_WRAPPED)).format(doc=text)
        if self._wrong():
            self._variables[self._draw(st.sampled_from(_NAMES))] = self._draw(json_values())
        if self._wrong():
            text = self._draw(
                st.sampled_from([self._aliases, self._nested, self._introspection, self._fan])
            )(text)
        return text, self._variables

    def _wrong(self) -> bool:
        return bool(self._errors) and self._draw(st.integers(1, self._errors)) == 1

    def _selection(self, type_: GraphQLObjectType, depth: int) -> str:
        names = self._draw(
            st.lists(st.sampled_from(sorted(type_.fields)), min_size=1, max_size=3, unique=True)
        )
        parts = [self._field(type_, name, depth) for name in names]
        if self._draw(st.integers(0, 5)) == 0:
            parts.append("__typename")
        if self._wrong():
            parts.append(
                self._draw(st.sampled_from(["nosuch", "...Missing", "... on Query { a }", "{ }"]))
            )
        text = "{ " + " ".join(parts) + " }"
        if self._draw(st.integers(0, 9)) == 0:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {type_.name} {text}")
            return "{ ..." + name + " }"
        return text

    def _field(self, type_: GraphQLObjectType, name: str, depth: int) -> str:
        field = type_.fields[name]
        alias = f"{self._draw(st.sampled_from(['a', 'b', 'job1']))}: " if self._wrong() else ""
        given = []
        for argument, described in field.args.items():
            if is_non_null_type(described.type) or self._draw(st.booleans()):
                if not (is_non_null_type(described.type) and self._wrong()):
                    given.append(f"{argument}: {self._argument(described.type)}")
        if self._wrong():
            given.append(f"nosuch: {self._literal(self._draw(json_values()))}")
        directive = (
            self._draw(st.sampled_from(["@skip(if: true)", "@include(if: 1)", "@nosuch", "@skip"]))
            if self._wrong()
            else ""
        )
        arguments = f"({', '.join(given)})" if given else ""
        return f"{alias}{name}{arguments} {directive} {self._inside(field.type, depth)}"

    def _inside(self, type_: GraphQLOutputType, depth: int) -> str:
        named = get_named_type(type_)
        if is_leaf_type(named):
            return "{ a }" if self._wrong() else ""
        assert isinstance(named, GraphQLObjectType)
        return "" if self._wrong() else self._selection(named, depth + 1)

    def _argument(self, type_: GraphQLInputType) -> str:
        """Return a value for an argument: as it stands, or as a variable."""
        value = self._draw(json_values()) if self._wrong() else self._value(type_)
        if self._draw(st.booleans()):
            return self._literal(value, type_)
        name = f"v{len(self._declared)}"
        self._declared[name] = (
            str(type_)
            if not self._wrong()
            else self._draw(
                st.sampled_from(["Int", "[[ID!]!]!", "Job", "Nosuch", "SubmitJobInput"])
            )
        )
        self._variables[name] = value
        return f"${name}"

    def _value(self, type_: GraphQLInputType) -> Any:
        """Return some value that fits a type, as JSON."""
        if isinstance(type_, GraphQLNonNull):
            return self._value(type_.of_type)
        if isinstance(type_, GraphQLList):
            return [self._value(type_.of_type) for _ in range(self._draw(st.integers(0, 2)))]
        if isinstance(type_, GraphQLEnumType):
            return self._draw(st.sampled_from(sorted(type_.values)))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                name: self._value(field.type)
                for name, field in type_.fields.items()
                if is_non_null_type(field.type) or self._draw(st.integers(0, 3)) == 0
            }
        if type_.name in ("Int", "Float"):
            return self._draw(st.sampled_from([0, 1, -1, 7, 2**31 - 1]))
        if type_.name == "Boolean":
            return self._draw(st.booleans())
        return self._draw(st.sampled_from(_TEXTS))

    def _literal(self, value: Any, type_: GraphQLInputType | None = None) -> str:
        """Return a value as GraphQL writes it."""
        if isinstance(value, dict):
            return "{" + ", ".join(f"{name}: {self._literal(v)}" for name, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._literal(inner) for inner in value) + "]"
        if type_ is not None and isinstance(get_named_type(type_), GraphQLEnumType):
            return str(value)
        return json.dumps(value)

    def _aliases(self, _: str) -> str:
        count = self._draw(st.sampled_from([50, 2_000]))
        return "{ " + " ".join(f"a{n}: listJobs {{ nextToken }}" for n in range(count)) + " }"

    def _nested(self, text: str) -> str:
        depth = self._draw(st.sampled_from([30, 300, 20_000]))
        open_, close = self._draw(
            st.sampled_from([("{ a ", " }"), ("[", "]"), ("{ ... ", " }"), ("{ x(a: [", "]) }")])
        )
        return "{ " + open_ * depth + close * depth + " }"

    def _introspection(self, _: str) -> str:
        depth = self._draw(st.sampled_from([3, 12, 200]))
        inner = "fields { type { " * depth + "name" + " } }" * depth
        return "{ __schema { types { " + inner + " } } }"

    def _fan(self, _: str) -> str:
        """Fragments that each name the next one twice."""
        depth = self._draw(st.sampled_from([5, 25, 200]))
        chain = " ".join(
            f"fragment F{n} on Job {{ a: id ...F{n + 1} ...F{n + 1} }}" for n in range(depth)
        )
        return "{ listJobs { items { ...F0 } } } " + chain + f" fragment F{depth} on Job {{ id }}"
