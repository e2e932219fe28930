"""What each field of the schema does, and how its answers and refusals look on the wire."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.repository import Body, Repository
from jupyter_jobs.backend.runner import Runner
from jupyter_jobs.backend.topics import EVENT_LIMIT
from jupyter_jobs.jobs.model import JobKind, Priority

__all__ = ["Api", "build"]

log = logging.getLogger("jupyter_jobs.backend")

PRELUDE = """
scalar AWSJSON
scalar AWSDateTime
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""
PARAMS_LIMIT = 100 * 1024  # bytes of params; with all else of a job it must fit an event
PAGE_LIMIT = 1000  # jobs a page
LOG_PAGE_LIMIT = 10_000  # lines a page
_ROOM = 8 * 1024  # bytes of an event for what is around result, error and params
_BODY_FIELDS = ("result", "error", "message")

Publish = Callable[[str, dict[str, Any]], None]
Info = GraphQLResolveInfo[Any]


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
        external: Whether named requests wait for workers elsewhere.
        publish: Is given each mutation field's name and what it came to, as the caller selected it.
    """

    def __init__(
        self, repository: Repository, runner: Runner, *, external: bool, publish: Publish
    ) -> None:
        self._repository = repository
        self._runner = runner
        self._external = external
        self._publish = publish
        self._schema = build()
        roots = (self._schema.query_type, self._schema.mutation_type)
        for name, field in ((n, f) for root in roots if root for n, f in root.fields.items()):
            field.resolve = getattr(self, f"_{_snake(name)}")

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
        try:
            document = parse(query)
        except GraphQLError as error:
            return {"data": None, "errors": [_error(error, "BadRequestException")]}
        operation = get_operation_ast(document, operation_name)
        if operation is None or operation.operation is OperationType.SUBSCRIPTION:
            what = "No such operation." if operation is None else "Subscriptions need a WebSocket."
            return {"data": None, "errors": [{"errorType": "BadRequestException", "message": what}]}
        if invalid := validate(self._schema, document):
            return {"data": None, "errors": [_error(error, "ValidationError") for error in invalid]}
        result = execute(
            self._schema,
            document,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            context_value=inside,
        )
        answer: ExecutionResult = result if isinstance(result, ExecutionResult) else await result
        if operation.operation is OperationType.MUTATION:
            self._publish_fields(operation, answer.data or {})
        errors = [_error(error) for error in answer.errors or ()]
        return {"data": answer.data} | ({"errors": errors} if errors else {})

    def _publish_fields(self, operation: OperationDefinitionNode, data: Mapping[str, Any]) -> None:
        for node in operation.selection_set.selections:
            name = getattr(node, "name", None)
            alias = getattr(node, "alias", None)
            if name is not None and (value := data.get((alias or name).value)) is not None:
                self._publish(name.value, value)

    def _get_job(self, _: Any, __: Info, id: str) -> Body | None:
        return self._repository.get(id)

    def _list_jobs(
        self,
        _: Any,
        __: Info,
        group: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        nextToken: str | None = None,
    ) -> dict[str, Any]:
        limit = 100 if limit is None else limit
        if not 1 <= limit <= PAGE_LIMIT:
            raise Refusal("BadRequest", f"limit must be from 1 to {PAGE_LIMIT}, not {limit}.")
        items, token = self._repository.page(group, status, limit, nextToken)
        return {"items": items, "nextToken": token}

    def _job_logs(
        self,
        _: Any,
        __: Info,
        id: str,
        after: int | None = None,
        tail: int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        self._known(id)
        limit = min(LOG_PAGE_LIMIT, limit if limit is not None else LOG_PAGE_LIMIT)
        return self._runner.logs(id, after=after, tail=tail, limit=limit)

    def _job_result(self, _: Any, __: Info, id: str) -> dict[str, str] | None:
        self._known(id)
        return self._runner.result(id)

    async def _submit_job(self, _: Any, __: Info, input: dict[str, Any]) -> Body:
        fields = {
            "id": _id(input.get("id") or str(uuid.uuid4())),
            "group": input.get("group"),
            "request": _text(input["request"], "request"),
            "name": input.get("name") or input["request"].strip(),
            "kind": input.get("kind") or JobKind.REQUEST.value,
            "priority": input.get("priority") or Priority.MEDIUM.value,
            "params": _params(input.get("params")),
        }
        known = self._repository.get(fields["id"])
        if known is None:
            await self._runner.check({**fields, "payload": input.get("payload")})
            body = self._repository.insert(fields, input.get("payload"))
            if body is not None:
                self._runner.nudge()
                return body
            known = self._known(fields["id"])
        if all(known[name] == value for name, value in fields.items()):
            return known  # the same submit once more: its answer was lost
        raise Refusal(
            "ConditionalCheckFailed",
            f"There is another job with the id {fields['id']}.",
            {"id": fields["id"]},
        )

    def _cancel_job(self, _: Any, __: Info, id: str) -> Body:
        body = self._known(id)
        if body["status"] == "QUEUED":
            return self._repository.update(id, {"status": "CANCELLED"})
        if body["status"] == "RUNNING":
            body = self._repository.update(id, {"status": "CANCELLING"})
            self._runner.kill(id)
        return body

    def _update_job(self, _: Any, info: Info, input: dict[str, Any]) -> Body:
        changes = {name: value for name, value in input.items() if value is not None}
        id_, expected = changes.pop("id"), changes.pop("expectedVersion", None)
        if not 0 <= changes.get("progress", 0.0) <= 1:
            raise Refusal("InvalidJob", "progress must be from 0 to 1.")
        size = sum(len(str(changes.get(name, "")).encode()) for name in _BODY_FIELDS)
        limit = EVENT_LIMIT - PARAMS_LIMIT - _ROOM
        if size > limit:
            raise Refusal(
                "PayloadTooLarge",
                f"result, error and message have {size:,} bytes, an event takes {limit:,}; "
                "store the rest elsewhere and say where.",
                {"size": size, "limit": limit},
            )
        for name in ("result", "error"):
            _params(changes.get(name), name)
        return self._repository.update(id_, {**changes, **(info.context or {})}, expected)

    def _known(self, id_: str) -> Body:
        body = self._repository.get(id_)
        if body is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        return body


def _id(value: str) -> str:
    """Check an id that a client made; it names a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}", value):
        raise Refusal(
            "InvalidJob",
            "id must be 1 to 128 letters, digits, underscores and dashes, no dash first.",
        )
    return value


def _text(value: str, what: str) -> str:
    if not value.strip():
        raise Refusal("InvalidJob", f"{what} is empty.")
    return value.strip()


def _params(value: Any, what: str = "params") -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal("InvalidJob", f"{what} must be AWSJSON: a string that holds JSON.")
    if what == "params" and len(value.encode()) > PARAMS_LIMIT:
        raise Refusal(
            "InvalidJob",
            f"params have {len(value.encode()):,} bytes, the limit is {PARAMS_LIMIT:,}; "
            "save the data to a file and pass its path.",
        )
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        raise Refusal("InvalidJob", f"{what} must be JSON.") from None
    return value


def _error(error: GraphQLError, error_type: str | None = None) -> dict[str, Any]:
    """Return an error as AppSync shapes it: `errorType` and `errorInfo` beside the message, not in `extensions`."""
    cause, info = error.original_error, None
    if isinstance(cause, Refusal):
        error_type, info = cause.error_type, cause.info
    elif cause is not None and not isinstance(cause, GraphQLError):
        log.error("a resolver failed", exc_info=cause)
        return {
            "errorType": "InternalFailure",
            "message": "The backend failed; its log says why.",
            "path": error.path,
        }
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


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
