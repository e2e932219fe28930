"""What can be submitted, and how it is put into a `SubmitJobInput`.

A string is a request that the backend knows by name. A callable, a `Command` and a `Notebook` need a backend that
runs them on this machine: they travel in `payload`, which the backend keeps and never publishes. All checks that can
be made here are made here, so that a mistake raises in the cell that made it.
"""

from __future__ import annotations

import base64
import functools
import inspect
import os
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_jobs._redact import redact, redact_mapping
from jupyter_jobs.errors import InvalidJob, NotSupported
from jupyter_jobs.jobs.limits import PARAMS_LIMIT, PAYLOAD_LIMIT, check_event, check_tags, json_text
from jupyter_jobs.jobs.model import JobKind, Priority

__all__ = ["OPTIONS", "Command", "Notebook", "Request", "submit_input"]

OPTIONS = frozenset({"priority", "name", "params", "tags"})
"""The keywords of `submit` that are its own; all others are the function's."""

_TEXT_LIMIT = 300  # characters of a call or command line that readers see


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
            raise TypeError(
                f"Command takes a list: Command({shlex.split(args)!r}); "
                f"for a shell line write Command.shell({args!r})"
            )
        if not args or not all(isinstance(part, (str, os.PathLike)) for part in args):
            raise TypeError("Command takes a non-empty list of strings, the program first")

    @classmethod
    def shell(
        cls,
        line: str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a command line for `/bin/sh`: pipes, globs and variables work; quoting is yours."""
        if not str(line).strip():
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


def submit_input(
    request: Request,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    priority: Priority | str = Priority.MEDIUM,
    name: str | None = None,
    params: Any = None,
    tags: Iterable[str] = (),
    submitted_from: str | None = None,
    group: str | None = None,
    runs_here: bool = True,
) -> dict[str, Any]:
    """Check a request and return it as `SubmitJobInput`, with an id of its own.

    Args:
        request: A known request's name, a callable, a `Command` or a `Notebook`.
        args: The callable's arguments.
        kwargs: Its keyword arguments.
        priority: HIGH, MEDIUM or LOW, in either case.
        name: What the panel calls it; default from the request.
        params: JSON value for a named request.
        tags: Words to find and group jobs by: at most 20, of 1 to 50 characters.
        submitted_from: Where it is submitted, for people.
        group: Whose panel shows it.
        runs_here: Whether the backend runs work on this machine; else only named requests can be sent.

    Raises:
        InvalidJob: The request cannot be run or sent as it is, or its events would be too large to be delivered.
        NotSupported: The backend runs named requests only.
        TypeError: Arguments that do not go with this kind of request.
    """
    if args or kwargs:
        if not callable(request):
            raise TypeError(
                f"only a function takes further arguments; give {_article(request)} its values by "
                + ("parameters=" if isinstance(request, Notebook) else "params=")
            )
    elif callable(request) and params is not None:
        raise TypeError("params= is for a named request; give a function its arguments directly")
    kind, describe = _describer(request)
    if kind is not JobKind.REQUEST and not runs_here:
        raise NotSupported(
            f"this endpoint runs requests that it knows by name, it cannot run {_article(request)}; "
            'submit a name (monitor.submit("Process data")), or use JobMonitor() without an endpoint'
        )
    if name is not None and not str(name).strip():
        raise InvalidJob("name= must be a non-empty string")
    words, shown, payload = describe(request, tuple(args), dict(kwargs or {}))
    body = {
        "id": str(uuid.uuid4()),
        "request": words,
        "name": name or _default_name(request, words),
        "kind": kind.value,
        "priority": _priority(priority).value,
        "group": group,
        "tags": check_tags(tags) or None,
        "submittedFrom": submitted_from,
        "params": json_text(shown if params is None else params, "params", PARAMS_LIMIT),
        "payload": json_text(
            {"python": sys.executable, "cwd": os.getcwd(), **payload}, "payload", PAYLOAD_LIMIT
        ),
    }
    if not runs_here:  # a schema of somebody else's may know neither
        del body["kind"], body["payload"]
    check_event(body)
    return {key: value for key, value in body.items() if value is not None}


def _describer(request: Any) -> tuple[JobKind, Callable[..., tuple[str, Any, dict[str, Any]]]]:
    if isinstance(request, str):
        return JobKind.REQUEST, _describe_name
    if isinstance(request, Command):
        return JobKind.COMMAND, _describe_command
    if isinstance(request, Notebook):
        return JobKind.NOTEBOOK, _describe_notebook
    if inspect.iscoroutinefunction(request):
        raise InvalidJob(
            f"{request.__qualname__} is an async function; submit a plain one that calls asyncio.run(…)"
        )
    if callable(request):
        return JobKind.FUNCTION, _describe_function
    if inspect.iscoroutine(request):
        request.close()
    raise InvalidJob(
        f"cannot submit {_article(request)}: expected a request's name, a function, "
        'Command(["program", "argument"]) or Notebook("file.ipynb")'
    )


def _describe_name(request: str, *_: Any) -> tuple[str, Any, dict[str, Any]]:
    if not request.strip():
        raise InvalidJob(
            'the request is empty; name one that the backend handles, as in submit("Process data")'
        )
    payload: dict[str, Any] = {"sysPath": _sys_path()}
    if handlers := os.environ.get("JUPYTER_JOBS_HANDLERS"):
        payload["handlers"] = handlers
    return request.strip(), None, payload


def _describe_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, Any, dict[str, Any]]:
    import cloudpickle

    _check_call(function, args, kwargs)
    try:
        pickled = cloudpickle.dumps((function, args, kwargs))
    except Exception as error:  # pickling runs code of any class that it meets
        raise InvalidJob(
            f"{_function_name(function)} cannot be sent to another process: {error}. "
            "Open files, connections, locks and generators cannot travel: make them inside the function"
        ) from error
    shown = [repr(value) for value in args]
    shown += [f"{key}={value!r}" for key, value in redact_mapping(kwargs).items()]
    words = redact(f"{_function_name(function)}({', '.join(part[:100] for part in shown)})")
    return (
        _short(words),
        None,
        {"sysPath": _sys_path(), "function": base64.b64encode(pickled).decode()},
    )


def _describe_command(command: Command, *_: Any) -> tuple[str, Any, dict[str, Any]]:
    cwd = Path(command.cwd or os.getcwd()).absolute()
    if not cwd.is_dir():
        raise InvalidJob(f"the folder to run in does not exist: {cwd}")
    payload: dict[str, Any] = {"cwd": str(cwd)}
    if command.env:
        payload["env"] = {str(key): str(value) for key, value in command.env.items()}
    if command.line is not None:
        return _short(redact(command.line)), None, {**payload, "shell": command.line}
    args = [os.fspath(part) for part in command.args]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    program = shutil.which(str(cwd / args[0]) if os.sep in args[0] else args[0], path=path)
    if program is None:
        raise InvalidJob(
            f"there is no program {args[0]!r} on PATH; give its full path, or for a shell line "
            "write Command.shell(…)"
        )
    return _short(redact(shlex.join(args))), None, {**payload, "args": [program, *args[1:]]}


def _describe_notebook(notebook: Notebook, *_: Any) -> tuple[str, Any, dict[str, Any]]:
    path = Path(notebook.path).expanduser().absolute()
    if not path.is_file():
        raise InvalidJob(f"there is no notebook at {path}")
    parameters = dict(notebook.parameters)
    for key in parameters:
        if not str(key).isidentifier():
            raise InvalidJob(
                f"{key!r} cannot be a parameter of a notebook: it must be a Python name"
            )
    cwd = Path(notebook.cwd).absolute() if notebook.cwd else path.parent
    return (
        path.name,
        parameters or None,
        {"cwd": str(cwd), "path": str(path), "parameters": parameters},
    )


def _check_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse what could only fail later: a call that does not fit, a parameter named like an option."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins do not tell theirs
        return
    fixed = function.keywords if isinstance(function, functools.partial) else {}
    taken = sorted(OPTIONS & signature.parameters.keys() - fixed.keys())
    if taken:
        raise TypeError(
            f"{_function_name(function)} has a parameter {taken[0]!r}, which is an option of submit(); "
            f"bind it first: submit(functools.partial({_function_name(function)}, {taken[0]}=…), …)"
        )
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{_function_name(function)}: {error}") from None


def _priority(priority: Priority | str) -> Priority:
    try:
        return Priority(priority.upper())
    except (ValueError, AttributeError):
        raise InvalidJob(
            f"there is no priority {priority!r}; choose one of {', '.join(Priority)}"
        ) from None


def _default_name(request: Request, words: str) -> str:
    if isinstance(request, Command):
        if request.line is not None:
            return _short(words, 40)
        names = [os.path.basename(os.fspath(part)) for part in request.args]
        runs_script = names[0].startswith("python") and len(names) > 1 and names[1].endswith(".py")
        return names[1] if runs_script else names[0]
    if isinstance(request, (str, Notebook)):
        return words
    return _function_name(request)


def _function_name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rsplit("<locals>.", 1)[-1]


def _sys_path() -> list[str]:
    """Folders that this process can import from and an interpreter started elsewhere may not: the user's own."""
    prefixes = (sys.prefix, sys.base_prefix)
    folders = (os.path.abspath(entry) for entry in sys.path if not entry.endswith(".zip"))
    return [folder for folder in dict.fromkeys(folders) if not folder.startswith(prefixes)]


def _article(value: Any) -> str:
    if isinstance(value, str):
        return "a named request"
    if isinstance(value, (Command, Notebook)):
        return f"a {type(value).__name__}"
    return "a function" if callable(value) else f"an object of type {type(value).__name__}"


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
