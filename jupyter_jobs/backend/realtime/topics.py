"""Who subscribed to what, and what each is sent when a mutation has run.

AppSync's rule (developer guide, "Real-time data"): the body of an event is what the *mutation's* caller selected. It
is compared with the subscription's arguments, where an absent argument lets everything through and a null one matches
null alone, and then the subscription's own selection is read from it. A field that the mutation did not select is
null; where the schema forbids null that is an error beside the data.
"""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_argument_values,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from jupyter_jobs.appsync.messages import dumps, loads
from jupyter_jobs.backend.api.documents import SHORT
from jupyter_jobs.backend.api.flat import Leaf, flatten, fragments_of, pick
from jupyter_jobs.backend.api.shape import check_fields, check_text
from jupyter_jobs.backend.realtime.audiences import Audiences, Deliver, Subscriber
from jupyter_jobs.backend.realtime.outbox import Room
from jupyter_jobs.jobs.limits import EVENT_LIMIT

__all__ = ["RefusedStart", "Topics"]

log = logging.getLogger("jupyter_jobs.backend")

_DOCUMENTS = 100  # that are kept after reading


class RefusedStart(Exception):
    """A subscription that cannot be served; `errors` goes back to the client."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class _Document(NamedTuple):
    """What is known of a document before it is known what its variables are; all that start it share it.

    Attributes:
        selection: Equal for documents that are to get equal texts; None if that hangs on the variables.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    node: FieldNode
    field: GraphQLField
    name: str
    leaves: Sequence[Leaf] | None
    selection: Hashable


class Topics:
    """The live subscriptions of all connections.

    Attributes:
        dropped: Events that were over the size limit.
        delivered: Events that were sent, counted once for each subscriber.
        cut: Clients that were cut off, because they read too slowly.
        room: What waits for all clients.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._sources = _sources(schema)
        self._audiences = Audiences()
        self.dropped = self.delivered = self.cut = 0
        self.room = Room()
        # A client that comes back starts all it had with the same few documents.
        self._read = functools.lru_cache(_DOCUMENTS)(self._parse)

    def __len__(self) -> int:
        return len(self._audiences)

    def read(self, data: str, deliver: Deliver) -> Subscriber:
        """Read the `payload.data` of a `start` frame.

        Raises:
            RefusedStart: It is not a subscription that this schema has.
        """
        try:
            request = loads(data)
            variables = request.get("variables") or {}
            if not isinstance(variables, dict):
                raise TypeError
            read = self._read(request["query"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RefusedStart([_unsupported("unknown")]) from None
        except GraphQLError as error:
            raise RefusedStart([{"message": error.message, "errorCode": 400}]) from None
        return self._subscriber(read, variables, data, deliver)

    def add(self, subscriber: Subscriber) -> None:
        """Begin to deliver."""
        self._audiences.add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        """Deliver no more."""
        self._audiences.discard(subscriber)

    def publish(self, mutation: str, selected: Mapping[str, Any]) -> None:
        """Deliver what a mutation's root field came to, with the selection of its caller."""
        for field in self._sources.get(mutation, ()):
            texts: dict[Hashable, str | None] = {}
            for audience in self._audiences.find(field, selected):
                selection = audience[0].selection
                if selection not in texts:
                    texts[selection] = self._payload(audience[0], selected)
                if (text := texts[selection]) is not None:
                    self.delivered += len(audience)
                    for subscriber in audience:
                        subscriber.deliver(text)

    def _parse(self, query: str) -> _Document:
        if len(query) > SHORT:
            said = f"A subscription may have {SHORT:,} characters, this one has {len(query):,}."
            raise GraphQLError(said)
        check_text(query)
        document = parse(query, no_location=True)
        check_fields(document)
        operations = [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
        if len(operations) != 1 or operations[0].operation is not OperationType.SUBSCRIPTION:
            kind = operations[0].operation.value if operations else "unknown"
            raise RefusedStart([_unsupported(kind)])
        if errors := validate(self._schema, document):
            raise RefusedStart([{"message": f"Validation error: {e.message}"} for e in errors])
        node, *others = operations[0].selection_set.selections
        root = self._schema.subscription_type
        if root is None or others or not isinstance(node, FieldNode):
            raise RefusedStart(
                [
                    {
                        "errorType": "DuplicatedOperationError",
                        "message": "One root field a subscription.",
                    }
                ]
            )
        field = root.fields[node.name.value]
        name = (node.alias or node.name).value
        leaves = self._leaves(node, field.type, document)
        selection = None if leaves is None else (name, *(leaf[:2] for leaf in leaves))
        return _Document(document, operations[0], node, field, name, leaves, selection)

    def _leaves(self, node: FieldNode, type_: Any, document: DocumentNode) -> Sequence[Leaf] | None:
        if node.directives or not isinstance(type_, GraphQLObjectType):
            return None
        return flatten(type_, node.selection_set, fragments_of(document))

    def _subscriber(
        self, read: _Document, variables: dict[str, Any], data: str, deliver: Deliver
    ) -> Subscriber:
        declared = read.operation.variable_definitions or ()
        values = get_variable_values(self._schema, declared, variables)
        if isinstance(values, list):
            raise RefusedStart([{"message": error.message} for error in values])
        return Subscriber(
            field=read.node.name.value,
            arguments=get_argument_values(read.field, read.node, values),
            document=read.document,
            variables=variables,
            leaves=read.leaves,
            name=read.name,
            selection=data if read.selection is None else read.selection,
            deliver=deliver,
        )

    def _payload(self, subscriber: Subscriber, selected: Mapping[str, Any]) -> str | None:
        payload = self._read_at_once(subscriber, selected) or self._execute(subscriber, selected)
        text = dumps(payload)
        if len(text) > EVENT_LIMIT:  # ASCII, so these are bytes
            self.dropped += 1
            log.warning("dropped an event of %d bytes, the limit is %d", len(text), EVENT_LIMIT)
            return None
        return text

    def _read_at_once(
        self, subscriber: Subscriber, selected: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        if subscriber.leaves is None:
            return None
        picked = pick(subscriber.leaves, selected)
        return None if picked is None else {"data": {subscriber.name: picked}}

    def _execute(self, subscriber: Subscriber, selected: Mapping[str, Any]) -> dict[str, Any]:
        result = execute_sync(
            self._schema,
            subscriber.document,
            root_value={subscriber.field: selected},
            variable_values=dict(subscriber.variables),
        )
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = self._errors(result)
        return payload

    def _errors(self, result: ExecutionResult) -> list[dict[str, Any]]:
        return [self._error(error) for error in result.errors or ()]

    def _error(self, error: GraphQLError) -> dict[str, Any]:
        path = list(error.path or ())
        message = error.message
        if message.startswith("Cannot return null"):
            parent, field = message.removesuffix(".").rsplit(" ", 1)[1].split(".")
            type_ = self._schema.type_map[parent].fields[field].type  # type: ignore[attr-defined]  # an object's, since it has a field
            name = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            where = "/".join(map(str, path))
            message = f"Cannot return null for non-nullable type: '{name}' within parent '{parent}' (/{where})"
        return {"message": message, "path": path}


def _sources(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Return the subscription fields of each mutation, as `@aws_subscribe` names them."""
    sources: defaultdict[str, list[str]] = defaultdict(list)
    root = schema.subscription_type
    for name, field in (root.fields if root else {}).items():
        for directive in field.ast_node.directives if field.ast_node else ():
            if directive.name.value == "aws_subscribe":
                for value in directive.arguments[0].value.values:
                    sources[value.value].append(name)
    return dict(sources)


def _unsupported(kind: str) -> dict[str, Any]:
    return {
        "errorType": "UnsupportedOperation",
        "message": f"{kind} not supported through the realtime channel",
    }
