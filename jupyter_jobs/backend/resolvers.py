"""Executes what is asked: reads documents, runs their fields, publishes what the mutations came to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from jupyter_jobs.backend.answers import error_entry, selected_fields
from jupyter_jobs.backend.mutations import Mutations
from jupyter_jobs.backend.queries import Queries
from jupyter_jobs.backend.repository import Repository
from jupyter_jobs.backend.runner import Runner
from jupyter_jobs.backend.serial import SerialExecutor

__all__ = ["Api", "build"]

PRELUDE = """
scalar AWSJSON
scalar AWSDateTime
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""
_DOCUMENTS = 100  # that are kept after reading
_SHORT = 8 * 1024  # characters of a document that may be kept

Publish = Callable[[str, dict[str, Any]], None]


def build() -> GraphQLSchema:
    """Return the schema: AppSync's own scalars and directives, then `schema.graphql`."""
    return build_schema(
        PRELUDE + files("jupyter_jobs.jobs").joinpath("schema.graphql").read_text("utf-8")
    )


class Api:
    """Executes queries and mutations.

    Args:
        repository: The jobs.
        runner: Runs them.
        publish: Is given each mutation field's name and what it came to, as the caller selected it.
    """

    def __init__(self, repository: Repository, runner: Runner, *, publish: Publish) -> None:
        self._publish = publish
        self._schema = build()
        for root, resolvers in (
            (self._schema.query_type, Queries(repository, runner)),
            (self._schema.mutation_type, Mutations(repository, runner)),
        ):
            for name, field in root.fields.items() if root else ():
                field.resolve = getattr(resolvers, _snake(name))
        # Clients send the same few documents again and again; reading one takes longer than executing it.
        self._read = functools.lru_cache(_DOCUMENTS)(self._parse)

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        *,
        inside: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run one document and return the whole answer; what it asks wrongly stands in `errors`.

        Args:
            query: GraphQL: a query or a mutation.
            variables: As JSON.
            operation_name: Which of several operations.
            inside: Fields of a job that only this process may write, for `updateJob`.
        """
        read = self._read if len(query) <= _SHORT else self._parse
        try:
            document, invalid = read(query)
        except GraphQLError as error:
            return {"data": None, "errors": [error_entry(error, "BadRequestException")]}
        operation = get_operation_ast(document, operation_name)
        if operation is None or operation.operation is OperationType.SUBSCRIPTION:
            what = "No such operation." if operation is None else "Subscriptions need a WebSocket."
            return {"data": None, "errors": [{"errorType": "BadRequestException", "message": what}]}
        if invalid:
            return {
                "data": None,
                "errors": [error_entry(error, "ValidationError") for error in invalid],
            }
        result = execute(
            self._schema,
            document,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            context_value=inside,
            executor_class=SerialExecutor,
        )
        answer: ExecutionResult = result if isinstance(result, ExecutionResult) else await result
        if operation.operation is OperationType.MUTATION:
            fragments = {
                node.name.value: node
                for node in document.definitions
                if isinstance(node, FragmentDefinitionNode)
            }
            for key, name in selected_fields(operation.selection_set, fragments):
                if isinstance(value := (answer.data or {}).get(key), dict):
                    self._publish(name, value)
        errors = [error_entry(error) for error in answer.errors or ()]
        return {"data": answer.data} | ({"errors": errors} if errors else {})

    def _parse(self, query: str) -> tuple[DocumentNode, list[GraphQLError]]:
        document = parse(query)
        return document, validate(self._schema, document)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
