"""A notebook's cell as a function of no arguments, for a process that has no notebook.

`Cell` carries the source and the values that it needs, and gives the value of its last expression, as the notebook shows it.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import dis
import inspect
import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

__all__ = ["Cell", "names_read"]

_BINDS = {"STORE_NAME", "STORE_GLOBAL"}
_READS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
_FILE = "<cell>"


@dataclass(frozen=True)
class Cell:
    """The code of a cell, ready to be called.

    Args:
        source: Python; `await` may stand at its top.
        values: What it reads of the notebook, by name.
    """

    source: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __call__(self) -> Any:
        """Run the code and return the value of the expression that it ends with; None without one."""
        lines = self.source.splitlines(keepends=True)
        # A time of None keeps `linecache.checkcache` from dropping the lines, so that tracebacks show them.
        linecache.cache[_FILE] = (len(self.source), None, lines, _FILE)
        space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, **self.values}
        tree = ast.parse(self.source, _FILE)
        match tree.body:
            case [*_, ast.Expr(value=last)]:
                del tree.body[-1]
                _run(tree, "exec", space)
                return _run(ast.Expression(last), "eval", space)
        return _run(tree, "exec", space)


def names_read(source: str) -> list[str]:
    """Return the names that code takes from around it, in order of the alphabet, built-in ones left out.

    Those are the names that it reads above the place where it binds them, and those that its functions and classes read
    and that it binds nowhere.

    Raises:
        SyntaxError: It is not Python.
    """
    code = compile(source, _FILE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    bound: set[str] = set()
    read: set[str] = set()
    for name, is_bound in _uses(code):
        if is_bound:
            bound.add(name)
        elif name not in bound:
            read.add(name)
    read |= {name for inner in _inside(code) for name in _taken(inner)} - bound
    return sorted(name for name in read if not hasattr(builtins, name))


def _run(tree: ast.Module | ast.Expression, mode: str, space: dict[str, Any]) -> Any:
    value = eval(compile(tree, _FILE, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), space)
    return asyncio.run(_awaited(value)) if inspect.iscoroutine(value) else value


async def _awaited(value: Any) -> Any:
    return await value


def _uses(code: CodeType) -> Iterator[tuple[str, bool]]:
    """Yield each name that code binds or reads in the space around it, in order, and whether it binds it."""
    for step in dis.get_instructions(code):
        if step.opname in _BINDS or step.opname in _READS:
            yield step.argval, step.opname in _BINDS


def _taken(code: CodeType) -> Iterator[str]:
    own: set[str] = set()  # of a class's body
    for name, is_bound in _uses(code):
        if is_bound:
            own.add(name)
        elif name not in own:
            yield name


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)
