from __future__ import annotations

import pytest
from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, parse

from jupyter_jobs.backend.api.answers import error_entry, selected_fields
from jupyter_jobs.backend.refusal import Refusal


def test_a_refusal_brings_its_type_and_its_facts() -> None:
    refusal = Refusal("JobConflict", "Taken.", {"id": "a"})

    entry = error_entry(GraphQLError("Taken.", path=["submitJob"], original_error=refusal))

    assert (entry["errorType"], entry["errorInfo"]) == ("JobConflict", {"id": "a"})
    assert (entry["message"], entry["path"]) == ("Taken.", ["submitJob"])
    assert "extensions" not in entry


def test_what_the_caller_did_wrong_is_told_in_graphqls_words() -> None:
    entry = error_entry(GraphQLError("Cannot query field 'x'."), "ValidationError")

    assert entry["message"] == "Validation error: Cannot query field 'x'."


def test_a_fault_of_ours_stands_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    fault = RuntimeError("secret")

    entry = error_entry(GraphQLError("secret", path=["getJob"], original_error=fault))

    assert entry["errorType"] == "InternalFailure"
    assert "secret" not in str(entry)
    assert "secret" in caplog.text


def test_fields_are_found_in_fragments_and_under_aliases() -> None:
    document = parse("{ a ...F b: c ... on Query { d } ...G } fragment F on Query { e }")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }

    found = list(selected_fields(operation.selection_set, fragments))

    assert found == [("a", "a"), ("e", "e"), ("b", "c"), ("d", "d")]
