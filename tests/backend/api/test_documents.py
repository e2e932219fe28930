from __future__ import annotations

import pytest
from graphql import DocumentNode, GraphQLError, build_schema, execute_sync, parse, print_ast

from jupyter_jobs.backend.api import documents
from jupyter_jobs.backend.api.documents import SHORT, Documents
from jupyter_jobs.jobs.operations import many

SCHEMA = build_schema(
    "type Query { job(id: ID!): Job } type Mutation { make(id: ID!): Job } type Job { id: ID! n: Int }"
)
COUNT = 300


def repeated(
    *, count: int = COUNT, selected: str = "{ ...F }", rest: str = "fragment F on Job { id n }"
) -> str:
    declared = ", ".join(f"$v{number}: ID!" for number in range(count))
    fields = "\n".join(f"  j{number}: make(id: $v{number}) {selected}" for number in range(count))
    return f"mutation Many({declared}) {{\n{fields}\n}}\n{rest}"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each text was that went through the parser."""
    lengths: list[int] = []

    def counted(query: str) -> DocumentNode:
        lengths.append(len(query))
        return parse(query)

    monkeypatch.setattr(documents, "parse", counted)
    return lengths


def test_a_short_document_is_read_once(parsed: list[int]) -> None:
    made = Documents(SCHEMA)

    assert made.read("{ job(id: 1) { id } }") is made.read("{ job(id: 1) { id } }")
    assert len(parsed) == 1


def test_a_repetition_is_read_as_one_of_it_and_means_the_same(parsed: list[int]) -> None:
    query = repeated()

    document, invalid = Documents(SCHEMA).read(query)

    assert len(query) > SHORT
    assert [length for length in parsed if length > 200] == []
    assert not invalid
    assert print_ast(document) == print_ast(parse(query))


def test_what_this_package_asks_of_many_is_a_repetition(parsed: list[int]) -> None:
    from jupyter_jobs.backend.api.resolvers import build

    names = [f"job{number}" for number in range(COUNT)]
    query = many("mutation SubmitJobs", "submitJob", "input: SubmitJobInput!", names)

    document, invalid = Documents(build()).read(query)

    assert max(parsed) < SHORT
    assert not invalid
    assert print_ast(document) == print_ast(parse(query))


def test_errors_of_a_repetition_tell_their_place() -> None:
    query = repeated()
    document, _ = Documents(SCHEMA).read(query)
    variables = {f"v{number}": str(number) for number in range(COUNT)}

    def fail(*_: object, id: str) -> None:
        raise ValueError(id)

    ours = execute_sync(SCHEMA, document, {"make": fail}, variable_values=variables)
    theirs = execute_sync(SCHEMA, parse(query), {"make": fail}, variable_values=variables)

    assert [error.formatted for error in ours.errors or ()] == [
        error.formatted for error in theirs.errors or ()
    ]
    assert (ours.errors or [])[7].formatted["locations"] == [{"line": 9, "column": 3}]


@pytest.mark.parametrize(
    "query",
    [
        repeated(selected="{ nothing }"),
        repeated(rest="fragment F on Job { id } fragment G on Job { id }"),
        repeated().replace("$v7: ID!", "$v7: Int!"),
        repeated().replace("j7:", "j8:"),
        repeated().replace("(id: $v7)", "(id: $v8)"),
        repeated().replace("make(id: $v7)", "made(id: $v7)"),
        repeated().replace("make(id: $v7) { ...F }", "make(id: $v7) { id }"),
        repeated().replace("j7: make(id: $v7)", 'j7: make(id: "7")'),
        repeated().replace("j7:", "# a comment\nj7:"),
        repeated().replace("mutation Many", "mutation"),
        repeated(selected="{ ...F @include(if: true) }"),
    ],
)
def test_whatever_is_no_plain_repetition_is_read_in_full(query: str, parsed: list[int]) -> None:
    document, invalid = Documents(SCHEMA).read(query)

    whole, truth = Documents(SCHEMA)._parse(query)
    assert len(query) in parsed
    assert print_ast(document) == print_ast(whole)
    assert [error.message for error in invalid] == [error.message for error in truth]


@pytest.mark.parametrize("query", ["{", repeated()[:-5], repeated().replace("j7:", "j7::")])
def test_what_is_no_graphql_is_told(query: str) -> None:
    with pytest.raises(GraphQLError, match="Syntax Error"):
        Documents(SCHEMA).read(query)
