from __future__ import annotations

from typing import Any

import pytest
from graphql import FieldNode, GraphQLObjectType, OperationDefinitionNode, build_schema, parse

from jupyter_jobs.backend.api import flat
from jupyter_jobs.backend.api.flat import Leaf, Plans, flatten, fragments_of, pick

SCHEMA = build_schema(
    "enum Color { RED } scalar Any type Query { a: Thing } type Other { id: ID }"
    " type Thing { id: ID! n: Int color: Color tags: [String!] loose: [String] any: Any"
    " more: Thing sized(limit: Int): Int }"
)


def selection(query: str) -> tuple[GraphQLObjectType, Any, Any]:
    document = parse(query)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    node = operation.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    thing = SCHEMA.type_map["Thing"]
    assert isinstance(thing, GraphQLObjectType)
    return thing, node.selection_set, fragments_of(document)


def leaves(query: str) -> Any:
    return flatten(*selection(query))


THING = {"id": "x", "n": 3, "color": "RED", "tags": ["t"], "any": '{"b": 1}', "private": 1}


def test_plain_fields_are_read_under_their_keys() -> None:
    found = leaves("{ a { id number: n ...F } } fragment F on Thing { color tags any }")

    assert [type(leaf) for leaf in found] == [Leaf] * 5
    assert pick(found, THING) == {
        "id": "x",
        "number": 3,
        "color": "RED",
        "tags": ["t"],
        "any": '{"b": 1}',
    }


def test_what_an_object_lacks_is_null() -> None:
    assert pick(leaves("{ a { id n tags } }"), {"id": "x"}) == {"id": "x", "n": None, "tags": None}


@pytest.mark.parametrize(
    "thing", [{"id": None}, {"id": "x", "n": "many"}, {"id": "x", "color": "BLUE"}]
)
def test_what_has_an_error_to_tell_is_left_to_others(thing: dict[str, Any]) -> None:
    assert pick(leaves("{ a { id n color } }"), thing) is None


@pytest.mark.parametrize(
    "query",
    [
        "{ a }",
        "{ a { more { id } } }",
        "{ a { sized(limit: 1) } }",
        "{ a { id @skip(if: true) } }",
        "{ a { ...F @include(if: true) } } fragment F on Thing { id }",
        "{ a { ... on Thing { id } } }",
        "{ a { ...F } } fragment F on Other { id }",
        "{ a { __typename } }",
        "{ a { loose } }",
    ],
)
def test_a_selection_that_is_not_plain_is_left_to_others(query: str) -> None:
    assert leaves(query) is None


@pytest.mark.parametrize("query", ["{ a { id n } }", "{ a { more { id } } }"])
def test_a_selection_is_planned_once(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plans, planned = Plans(), []
    monkeypatch.setattr(flat, "flatten", lambda *args: planned.append(args) or flatten(*args))
    type_, selected, fragments = selection(query)

    first, again = (plans.flatten(type_, selected, fragments) for _ in range(2))

    assert first is again
    assert first == leaves(query)
    assert len(planned) == 1


def test_plans_go_with_their_selections_and_are_never_taken_for_others() -> None:
    plans = Plans()

    for n in range(1_000):
        query = f"{{ a {{ k{n}: id }} }}"
        found = plans.flatten(*selection(query))
        assert found is not None
        assert [leaf.key for leaf in found] == [f"k{n}"]

    assert len(plans._kept) <= 200
