"""What each field of the schema does, and how its answers and refusals look on the wire."""

from __future__ import annotations

import functools
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.repository import Body, Repository
from jupyter_jobs.backend.runner import Runner
from jupyter_jobs.backend.serial import SerialExecutor
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.limits import EVENT_LIMIT, PARAMS_LIMIT, check_event, check_tags, event_size
from jupyter_jobs.jobs.model import JobKind, JobStatus, Priority

__all__ = ["Api", "build"]

log = logging.getLogger("jupyter_jobs.backend")

PRELUDE = """
scalar AWSJSON
scalar AWSDateTime
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""
PAGE_LIMIT = 1000  # jobs a page
LOG_PAGE_LIMIT = 10_000  # lines a page
_DOCUMENTS = 100  # that are kept after reading
_SHORT = 8 * 1024  # characters of a document that may be kept

_REPEATED = (
    "group",
    "request",
    "name",
    "kind",
    "priority",
    "params",
    "tags",
    "submittedFrom",
)
"""What a retry has of the job that it repeats, besides its payload."""

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
        publish: Is given each mutation field's name and what it came to, as the caller selected it.
    """

    def __init__(self, repository: Repository, runner: Runner, *, publish: Publish) -> None:
        self._repository = repository
        self._runner = runner
        self._publish = publish
        self._schema = build()
        roots = (self._schema.query_type, self._schema.mutation_type)
        for name, field in ((n, f) for root in roots if root for n, f in root.fields.items()):
            field.resolve = getattr(self, f"_{_snake(name)}")
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
            return {"data": None, "errors": [_error(error, "BadRequestException")]}
        operation = get_operation_ast(document, operation_name)
        if operation is None or operation.operation is OperationType.SUBSCRIPTION:
            what = "No such operation." if operation is None else "Subscriptions need a WebSocket."
            return {"data": None, "errors": [{"errorType": "BadRequestException", "message": what}]}
        if invalid:
            return {"data": None, "errors": [_error(error, "ValidationError") for error in invalid]}
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
            for key, name in _root_fields(document, operation.selection_set):
                if (value := (answer.data or {}).get(key)) is not None:
                    self._publish(name, value)
        errors = [_error(error) for error in answer.errors or ()]
        return {"data": answer.data} | ({"errors": errors} if errors else {})

    def _parse(self, query: str) -> tuple[DocumentNode, list[GraphQLError]]:
        document = parse(query)
        return document, validate(self._schema, document)

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

    def _job_payload(self, _: Any, __: Info, id: str) -> str | None:
        self._known(id)
        return self._repository.payload(id)

    async def _submit_job(self, _: Any, __: Info, input: dict[str, Any]) -> Body:
        fields = {
            "id": _id(input.get("id") or str(uuid.uuid4())),
            "group": input.get("group"),
            "request": _text(input["request"], "request"),
            "name": input.get("name") or input["request"].strip(),
            "kind": input.get("kind") or JobKind.REQUEST.value,
            "priority": input.get("priority") or Priority.MEDIUM.value,
            "params": _params(input.get("params")),
            "tags": _tags(input.get("tags")),
            "submittedFrom": input.get("submittedFrom"),
        }
        payload = input.get("payload")
        known = self._repository.get(fields["id"])
        if known is None:
            try:
                check_event(fields)
            except InvalidJob as error:
                raise Refusal("InvalidJob", str(error)) from None
            await self._runner.check({**fields, "payload": payload})
            body = self._repository.insert(fields, payload)
            if body is not None:
                self._runner.nudge()
                return body
            known = self._known(fields["id"])
        same = all(known[name] == value for name, value in fields.items())
        if same and self._repository.payload(fields["id"]) == payload:
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

    async def _retry_job(self, _: Any, __: Info, id: str) -> Body:
        ended = self._known(id)
        if not (status := JobStatus(ended["status"])).is_terminal:
            raise Refusal(
                "InvalidTransition",
                f"Job {id} is {status.word}; only a job that has ended can be retried. Wait for its end, or cancel it.",
            )
        if (retry := self._repository.retry_of(id)) is not None:
            return retry
        payload = self._repository.payload(id)
        await self._runner.check({**ended, "payload": payload})
        fields = {name: ended[name] for name in _REPEATED}
        fields |= {"id": str(uuid.uuid4()), "retryOf": id, "attempt": ended["attempt"] + 1}
        if (retry := self._repository.insert(fields, payload)) is not None:
            self._runner.nudge()
            return retry
        retry = self._repository.retry_of(id)
        assert retry is not None  # another call was faster
        return retry

    def _update_job(self, _: Any, info: Info, input: dict[str, Any]) -> Body:
        changes = {name: value for name, value in input.items() if value is not None}
        id_, expected = changes.pop("id"), changes.pop("expectedVersion", None)
        if not 0 <= changes.get("progress", 0.0) <= 1:
            raise Refusal("InvalidJob", "progress must be from 0 to 1.")
        for name in ("result", "error"):
            _params(changes.get(name), name)
        if changes.get("total") and "done" in changes and "progress" not in changes:
            changes["progress"] = min(max(changes["done"] / changes["total"], 0.0), 1.0)
        size = event_size({**self._known(id_), **changes})
        if size > EVENT_LIMIT:
            raise Refusal(
                "PayloadTooLarge",
                f"The job would have {size:,} bytes, an event takes {EVENT_LIMIT:,}; "
                "store its result elsewhere and say where.",
                {"size": size, "limit": EVENT_LIMIT},
            )
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


def _tags(tags: list[str] | None) -> list[str] | None:
    try:
        return check_tags(tags or ()) or None
    except InvalidJob as error:
        raise Refusal("InvalidJob", str(error)) from None


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
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("InvalidJob", f"{what} must be JSON.") from None
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _root_fields(document: DocumentNode, selected: SelectionSetNode) -> Iterator[tuple[str, str]]:
    """Yield key and name of each field at the root, those in fragments too."""
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield (node.alias or node.name).value, node.name.value
        elif isinstance(node, InlineFragmentNode):
            yield from _root_fields(document, node.selection_set)
        elif isinstance(node, FragmentSpreadNode):
            for fragment in document.definitions:
                if (
                    isinstance(fragment, FragmentDefinitionNode)
                    and fragment.name.value == node.name.value
                ):
                    yield from _root_fields(document, fragment.selection_set)


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
