"""Mutations one after the other, however many there are."""

from __future__ import annotations

from typing import Any

from graphql import Undefined
from graphql.execution import Executor
from graphql.pyutils import Path

__all__ = ["SerialExecutor"]


class SerialExecutor(Executor[Any]):
    """Executes root fields of a mutation in a loop.

    graphql-core chains one coroutine to the next, and a thousand of them are deeper than Python's stack may be.
    """

    def execute_fields_serially(
        self,
        parent_type: Any,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Execute the fields in their order; each starts when the one before it has ended."""

        async def execute() -> dict[str, Any]:
            results: dict[str, Any] = {}
            for name, details in grouped_field_set.items():
                where = Path(path, name, parent_type.name)
                result = self.execute_field(
                    parent_type, source_value, details, where, position_context
                )
                if self.is_awaitable(result):
                    result = await result
                if result is not Undefined:
                    results[name] = result
            return results

        return execute()
