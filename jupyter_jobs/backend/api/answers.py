"""What an answer looks like: AppSync's, where GraphQL leaves it open."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    SelectionSetNode,
)

from jupyter_jobs.backend.refusal import Refusal

__all__ = ["INTERNAL_FAILURE", "error_entry", "selected_fields"]

log = logging.getLogger("jupyter_jobs.backend")

INTERNAL_FAILURE: Mapping[str, Any] = {
    "errorType": "InternalFailure",
    "message": "The backend failed; its log says why.",
}


def error_entry(error: GraphQLError, error_type: str | None = None) -> dict[str, Any]:
    """Return an error as AppSync shapes it: `errorType` and `errorInfo` beside the message, not in `extensions`."""
    cause, info = error.original_error, None
    if isinstance(cause, Refusal):
        error_type, info = cause.error_type, cause.info
    elif cause is not None and not isinstance(cause, GraphQLError):
        log.error("a resolver failed", exc_info=cause)
        return {**INTERNAL_FAILURE, "path": error.path}
    return {
        "path": error.path,
        "data": None,
        "errorType": error_type or "BadRequest",
        "errorInfo": info,
        "locations": [
            {"line": at.line, "column": at.column, "sourceName": None}
            for at in error.locations or ()
        ],
        "message": f"Validation error: {error.message}"
        if error_type == "ValidationError"
        else error.message,
    }


def selected_fields(
    selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[tuple[str, str]]:
    """Yield key and name of each field of a selection, those in fragments too."""
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield (node.alias or node.name).value, node.name.value
        elif isinstance(node, InlineFragmentNode):
            yield from selected_fields(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
            yield from selected_fields(fragments[node.name.value].selection_set, fragments)
