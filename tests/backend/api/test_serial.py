from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import ExecutionResult, build_schema, execute, parse

from jupyter_jobs.backend.api import serial
from jupyter_jobs.backend.api.serial import Context, SerialExecutor
from tests.support.backend import PATIENCE_S

SCHEMA = build_schema(
    "type Query { a: Int } type Mutation { step(n: Int!): Int make(n: Int!): Thing }"
    " type Thing { n: Int! next: Thing }"
)


async def run(document: str, step: Any, context: Context | None = None) -> ExecutionResult:
    result = execute(
        SCHEMA,
        parse(document),
        {"step": step, "make": step},
        context,
        executor_class=SerialExecutor,
    )
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


class Transactions:
    """What happens in which transaction."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.seen.append("begin")
        yield
        self.seen.append("commit")


async def test_fields_that_need_no_waiting_are_written_together_and_then_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serial, "_SLICE_S", PATIENCE_S)
    transactions = Transactions()
    seen = transactions.seen
    context = Context(
        transaction=transactions, publish=lambda name, told: seen.append(f"{name} {told['n']}")
    )

    def make(_: Any, n: int) -> dict[str, Any]:
        seen.append(f"make {n}")
        return {"n": n}

    await run("mutation { a: make(n: 1) { n } b: make(n: 2) { n } }", make, context)

    assert seen == ["begin", "make 1", "make 2", "commit", "make 1", "make 2"]


async def test_nothing_is_awaited_in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "_SLICE_S", PATIENCE_S)
    transactions = Transactions()
    seen = transactions.seen

    def step(_: Any, n: int) -> Any:
        async def later() -> int:
            seen.append(f"later {n}")
            return n

        return later() if n == 2 else seen.append(f"now {n}")

    await run(
        "mutation { a: step(n: 1) b: step(n: 2) c: step(n: 3) }",
        step,
        Context(transaction=transactions),
    )

    assert seen == ["begin", "now 1", "commit", "later 2", "begin", "now 3", "commit"]


async def test_others_are_served_between_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "_SLICE_S", 0)
    seen: list[str] = []

    def step(_: Any, n: int) -> int:
        seen.append(f"step {n}")
        asyncio.get_running_loop().call_soon(seen.append, f"other {n}")
        return n

    await run("mutation { a: step(n: 1) b: step(n: 2) }", step)

    assert seen == ["step 1", "other 1", "step 2"]


async def test_a_thing_with_selections_below_it_is_read_too() -> None:
    def make(_: Any, n: int) -> dict[str, Any]:
        return {"n": n, "next": {"n": n + 1}}

    answer = await run("mutation { make(n: 1) { n next { n } } }", make)

    assert answer.data == {"make": {"n": 1, "next": {"n": 2}}}
