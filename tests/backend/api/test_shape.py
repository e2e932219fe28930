from __future__ import annotations

import time

import pytest
from graphql import GraphQLError, get_introspection_query, parse

from jupyter_jobs.backend.api import shape
from jupyter_jobs.backend.api.documents import Documents
from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.api.shape import check_fields, check_text
from jupyter_jobs.jobs import operations

SCHEMA = build()


def read(query: str) -> None:
    Documents(SCHEMA).read(query)


def beside(field: str, count: int) -> str:
    return " ".join(f"f{n}: {field}" for n in range(count))


OURS = [
    *(value for name, value in vars(operations).items() if isinstance(value, str) and "{" in value),
    get_introspection_query(input_value_deprecation=True, schema_description=True),
    operations.many(
        "mutation M", "submitJob", "input: SubmitJobInput!", [f"j{n}" for n in range(1000)]
    ),
    f"{{ {beside('getJob(id: 1) { id name }', 1000)} }}",
]


@pytest.mark.parametrize("query", OURS)
def test_what_clients_ask_is_within_the_limits(query: str) -> None:
    check_text(query)
    check_fields(parse(query))


TOO_MUCH = {
    "characters": " " * (shape.CHARACTERS + 1),
    "brackets": "{a" * 50_000,
    "lists": "{getJob(id: " + "[" * 50_000,
    "tokens": "{" + "a " * (shape.TOKENS + 1),
    "commas and strings": "{" + '"",' * (shape.TOKENS + 1),
    "chain": "{...F0} " + "".join(f"fragment F{n} on Query {{...F{n + 1}}} " for n in range(900)),
    "root fields": f"{{ {beside('getJob(id: 1) { id }', shape.ROOT_FIELDS + 1)} }}",
    "repetition": operations.many(
        "mutation M",
        "cancelJob",
        "id: ID!",
        [f"j{n}" for n in range(shape.ROOT_FIELDS + 1)],
    ),
    "pages": f"{{ {beside('listJobs { nextToken }', shape.PAGES + 1)} }}",
    "pages of a fragment": f"{{ ...F }} fragment F on Query {{ {beside('jobLogs(id: 1) { ended }', 21)} }}",
    "equal roots": "{" + "getJob(id: 1) { id } " * 100 + "}",
    "equal fields": "{ getJob(id: 1) {" + "id " * (shape.FIELDS + 1) + "} }",
    "equal fields, inline": "{ getJob(id: 1) {" + "... on Job { id } " * 251 + "} }",
    "fields of fragments": "{ getJob(id: 1) { ...A ...B } }"
    + "".join(f" fragment {name} on Job {{ {'id ' * 126} }}" for name in "AB"),
    "aliases": f"{{ listJobs {{ items {{ {beside('params', shape.ALIASES + 1)} }} }} }}",
    "aliases of a fragment": f"{{ getJob(id: 1) {{ ...F }} }} fragment F on Job {{ {beside('id', 11)} }}",
}


@pytest.mark.parametrize("query", TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_a_document_may_be_is_refused_soon(query: str) -> None:
    began = time.process_time()

    with pytest.raises(
        GraphQLError, match=r"may have|There may be|there may be|send several|give them names"
    ):
        read(query)

    assert time.process_time() - began < 5  # minutes, without the limits


def test_brackets_in_texts_and_comments_do_not_count() -> None:
    texts = f'"{"{" * 99}\\"{"{" * 99}" """{"[" * 99}\\"""{"(" * 99}""" #{"{" * 99}\n'

    check_text("{ a }" + texts)


@pytest.mark.parametrize(
    "query", ['{ a(b: """never ends', '{ a(b: "never ends', "\x00", "}}}}", ""]
)
def test_what_is_no_document_is_left_to_the_parser(query: str) -> None:
    check_text(query)

    with pytest.raises(GraphQLError, match="Syntax Error"):
        read(query)
