"""Executes what is asked: reads documents, runs their fields, publishes what the mutations came to."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
)

from jupyter_jobs.backend.api.answers import INTERNAL_FAILURE, error_entry
from jupyter_jobs.backend.api.documents import SHORT, Documents
from jupyter_jobs.backend.api.flat import Plans
from jupyter_jobs.backend.api.mutations import Mutations
from jupyter_jobs.backend.api.queries import Queries
from jupyter_jobs.backend.api.serial import Context, SerialExecutor
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.trouble import Unstored

__all__ = ["Api", "build"]

log = logging.getLogger("jupyter_jobs.backend")

PRELUDE = """
scalar AWSJSON
scalar AWSDateTime
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""

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
        self._repository = repository
        self._publish = publish
        self._schema = build()
        for root, resolvers in (
            (self._schema.query_type, Queries(repository, runner)),
            (self._schema.mutation_type, Mutations(repository, runner)),
        ):
            for name, field in root.fields.items() if root else ():
                field.resolve = getattr(resolvers, _snake(name))
        self._documents = Documents(self._schema)
        self._plans = Plans()

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        *,
        inside: Mapping[str, Any] | None = None,
        owner: bool = True,
    ) -> dict[str, Any]:
        """Run one document and return the whole answer; what it asks wrongly stands in `errors`.

        Args:
            query: GraphQL: a query or a mutation.
            variables: As JSON.
            operation_name: Which of several operations.
            inside: Fields of a job that only this process may write, for `updateJob`.
            owner: Whether whoever asks may have any code run: the owner and this process, not a guest; see `rights`.
        """
        read = self._documents.read
        try:
            document, invalid = (
                read(query) if len(query) <= SHORT else await asyncio.to_thread(read, query)
            )
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
        start = functools.partial(
            execute,
            self._schema,
            document,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            context_value=Context(
                inside=inside or {},
                owner=owner,
                transaction=self._repository.transaction,
                settled=self._repository.settled,
                publish=self._publish,
                plans=self._plans,
            ),
            executor_class=SerialExecutor,
        )
        try:
            # Of a mutation the variables alone are read before something is awaited.
            apart = len(query) > SHORT and operation.operation is OperationType.MUTATION
            result = await asyncio.to_thread(start) if apart else start()
            answer = result if isinstance(result, ExecutionResult) else await result
        except Unstored as refusal:  # the disk fails: what was written may not last
            told = {"errorType": refusal.error_type, "errorInfo": None, "message": str(refusal)}
            return {"data": None, "errors": [told]}
        except Exception:  # whoever asked must hear of it
            log.exception("a request failed")
            return {"data": None, "errors": [INTERNAL_FAILURE]}
        errors = [error_entry(error) for error in answer.errors or ()]
        return {"data": answer.data} | ({"errors": errors} if errors else {})


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
