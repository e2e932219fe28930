from __future__ import annotations

import asyncio
import inspect
from typing import Any

from graphql import ExecutionResult, build_schema, execute, parse

from jupyter_jobs.backend.serial import SerialExecutor

SCHEMA = build_schema("type Query { a: Int } type Mutation { step(n: Int!): Int }")


async def run(document: str, step: Any) -> ExecutionResult:
    result = execute(SCHEMA, parse(document), {"step": step}, executor_class=SerialExecutor)
    answer = await result if inspect.isawaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    return answer


async def test_a_field_starts_when_the_one_before_it_has_ended() -> None:
    seen: list[tuple[str, int]] = []

    async def step(_: Any, n: int) -> int:
        seen.append(("start", n))
        await asyncio.sleep(0)
        seen.append(("end", n))
        return n

    answer = await run("mutation { a: step(n: 1) b: step(n: 2) }", step)

    assert answer.data == {"a": 1, "b": 2}
    assert seen == [("start", 1), ("end", 1), ("start", 2), ("end", 2)]


async def test_a_failure_is_its_fields_alone() -> None:
    async def step(_: Any, n: int) -> int:
        return 1 // n

    answer = await run("mutation { a: step(n: 0) b: step(n: 1) }", step)

    assert answer.data == {"a": None, "b": 1}
    assert [error.path for error in answer.errors or ()] == [["a"]]


async def test_thousands_of_fields_are_no_deeper_than_one() -> None:
    async def step(_: Any, n: int) -> int:
        return n

    fields = " ".join(f"f{n}: step(n: {n})" for n in range(3000))

    assert len((await run(f"mutation {{ {fields} }}", step)).data or {}) == 3000


async def test_fields_that_need_no_waiting_are_served_too() -> None:
    assert (await run("mutation { a: step(n: 1) }", lambda _, n: n)).data == {"a": 1}
