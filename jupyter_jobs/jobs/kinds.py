"""What can be submitted: a request by its name, a function, a `Command`, a `Notebook`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from jupyter_jobs.errors import InvalidCall, InvalidJob

__all__ = ["Command", "Notebook", "Request", "article"]


@dataclass(frozen=True)
class Command:
    """A program with its arguments.

    The program is looked up beside this Python first, so `python` is the notebook's own, then on `PATH`.

    Args:
        args: Program and arguments, not interpreted by any shell. For a shell line use `Command.shell`.
        cwd: Folder to run in; default the present one.
        env: Environment variables to set besides those the backend has.
    """

    args: Sequence[str]
    cwd: str | os.PathLike[str] | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)
    line: str | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        args: Any = self.args
        if isinstance(args, str):
            raise InvalidCall(
                f"Command takes a list: Command({shlex.split(args)!r}); "
                f"for a shell line write Command.shell({args!r})"
            )
        if not args or not isinstance(args, Sequence):
            raise InvalidCall(
                f"Command takes a non-empty list of strings, the program first, not {args!r}"
            )
        for part in args:
            if not isinstance(part, (str, os.PathLike)):
                hint = f": write {str(part)!r}" if isinstance(part, (int, float)) else ""
                raise InvalidCall(
                    f"Command takes a list of strings, the program first, and {part!r} is none{hint}"
                )

    @classmethod
    def shell(
        cls,
        line: str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a command line for `/bin/sh`: pipes, globs and variables work; quoting is yours."""
        if not isinstance(line, str):
            raise InvalidCall(
                f"Command.shell takes one line of the shell, as Command.shell('ls | wc'), not {line!r}; "
                "a list of arguments goes to Command itself"
            )
        if not line.strip():
            raise InvalidJob("Command.shell takes one line, and this one is empty")
        return cls(["/bin/sh", "-c", line], cwd, env, line=line)


@dataclass(frozen=True)
class Notebook:
    """A notebook to execute from top to bottom; the executed copy is the result.

    Args:
        path: The .ipynb file.
        parameters: Values by name, put after the cell tagged `parameters`, or first; JSON values.
        cwd: Folder to run in; default the notebook's own.
    """

    path: str | os.PathLike[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cwd: str | os.PathLike[str] | None = None


Request = str | Command | Notebook | Callable[..., Any]


def article(value: Any) -> str:
    """Return what a request is, for a sentence: `a function`."""
    if isinstance(value, str):
        return "a named request"
    if isinstance(value, (Command, Notebook)):
        return f"a {type(value).__name__}"
    return "a function" if callable(value) else f"an object of type {type(value).__name__}"
