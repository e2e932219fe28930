"""Mutations one after the other, however many there are, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from graphql import Undefined
from graphql.execution import Executor
from graphql.pyutils import Path

from jupyter_jobs.backend.api.flat import Plans, pick
from jupyter_jobs.backend.refusal import Refusal

__all__ = ["Context", "SerialExecutor"]

_SLICE_S = 0.01  # how long others may wait


@dataclass(frozen=True, kw_only=True)
class Context:
    """What goes along with an execution.

    Attributes:
        inside: Fields of a job that only this process may write.
        owner: Whether whoever asks may have any code run.
        transaction: Holds what is written in a block together; raises a `Refusal` when nothing of it was written.
        settled: What is to be waited for until all blocks before are on the disk; None if they are.
        publish: Is given each mutation's name and what it came to, as the caller selected it, once that is kept.
        plans: Of the documents that are executed, if they come again.
    """

    inside: Mapping[str, Any] = field(default_factory=dict)
    owner: bool = True
    transaction: Callable[[], AbstractContextManager[None]] = nullcontext
    settled: Callable[[], Awaitable[None] | None] = lambda: None
    publish: Callable[[str, dict[str, Any]], object] = lambda name, selected: None
    plans: Plans = field(default_factory=Plans)


class SerialExecutor(Executor[Any]):
    """Executes root fields of a mutation in slices: those that need no waiting in one transaction each.

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
        context = self.context_value or Context()
        ahead = list(reversed(grouped_field_set.items()))
        results: dict[str, Any] = {}

        def one(key: str, details: Any) -> Any:
            where = Path(path, key, parent_type.name)
            return self.execute_field(parent_type, source_value, details, where, position_context)

        def keep(key: str, details: Any, result: Any) -> None:
            if result is not Undefined:
                results[key] = result
            if isinstance(result, dict):
                context.publish(details[0].node.name.value, result)

        def refuse(key: str, details: Any, refusal: Refusal) -> None:
            where = Path(path, key, parent_type.name)
            type_ = parent_type.fields[details[0].node.name.value].type
            self.handle_field_error(refusal, type_, details, where)
            results[key] = None

        async def execute() -> dict[str, Any]:
            until = time.monotonic() + _SLICE_S
            while ahead:
                done: list[tuple[str, Any, Any]] = []
                waiting = None
                try:
                    with context.transaction():
                        while ahead and waiting is None:
                            key, details = ahead.pop()
                            result = one(key, details)
                            if self.is_awaitable(result):
                                waiting = key, details, result
                            else:
                                done.append((key, details, result))
                            if time.monotonic() >= until:
                                break
                except Refusal as refusal:
                    # Nothing of the block was written; if it could not even be begun, nothing that follows will be.
                    unwritten = [(key, details) for key, details, _ in done]
                    if not unwritten and waiting is None:
                        unwritten, ahead[:] = ahead[::-1], []
                    for key, details in unwritten:
                        refuse(key, details, refusal)
                else:
                    for told in done:
                        keep(*told)
                if waiting is not None:
                    key, details, result = waiting
                    keep(key, details, await result)
                if ahead and time.monotonic() >= until:
                    await asyncio.sleep(0)
                    until = time.monotonic() + _SLICE_S
            if (pending := context.settled()) is not None:
                await (
                    pending
                )  # what is answered is on the disk, also if somebody else has just written it
            return results

        return execute()

    def complete_object_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Read an object at once if its selection allows it."""
        if len(field_details_list) == 1 and isinstance(result, dict):
            plans = (self.context_value or Context()).plans
            selected = field_details_list[0].node.selection_set
            leaves = plans.flatten(return_type, selected, self.fragment_definitions)
            if leaves is not None and (picked := pick(leaves, result)) is not None:
                return picked
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )
