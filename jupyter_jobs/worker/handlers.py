"""Requests that are known by name, and where their handlers come from.

A handler is registered when its module is imported. Modules come from the entry points of the group
`jupyter_jobs.handlers`, from the variable JUPYTER_JOBS_HANDLERS (`module,module`), and from the job's own payload.
"""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_jobs.errors import InvalidCall

__all__ = ["HANDLERS", "HANDLERS_VARIABLE", "Handler", "handler", "load_handlers"]

HANDLERS_VARIABLE = "JUPYTER_JOBS_HANDLERS"
ENTRY_POINT_GROUP = "jupyter_jobs.handlers"
SAMPLES = "jupyter_jobs.worker.samples"

Handler = Callable[[Any], Any]
_H = TypeVar("_H", bound=Handler)

HANDLERS: dict[str, Handler] = {}
"""The handler of each request, by the request's name."""


def handler(name: str) -> Callable[[_H], _H]:
    """Register a function as the handler of the requests of that name.

    The function gets the job's `params`, and what it returns is the job's result:

        @handler("Process data")
        def process_data(params): ...

    Raises:
        ValueError: The name is empty, or another function has it.
        InvalidCall: It is no name, as where the parentheses were left out.
    """
    if not isinstance(name, str):
        raise InvalidCall('handler takes the name of the requests: write @handler("…")')
    if not name.strip():
        raise ValueError("a handler needs a name")

    def register(function: _H) -> _H:
        known = HANDLERS.get(name)
        if known is not None and _source(known) != _source(function):
            raise ValueError(f"{name!r} is handled by {_source(known)} already")
        HANDLERS[name] = function
        return function

    return register


def load_handlers(modules: str | None = None) -> dict[str, str]:
    """Import all modules that register handlers.

    Args:
        modules: Names of further modules, with commas between them.

    Returns:
        The last line of the error of each module that could not be imported; the others are not touched by it.
    """
    from importlib.metadata import entry_points  # a tenth of a second, and few jobs need it

    names = [SAMPLES]
    names += [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]
    for listed in (os.environ.get(HANDLERS_VARIABLE), modules):
        names += [name.strip() for name in (listed or "").split(",") if name.strip()]
    failures = {}
    for name in dict.fromkeys(names):
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a user's module does when it is imported
            failures[name] = traceback.format_exception_only(error)[-1].strip()
    return failures


def _source(function: Handler) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
