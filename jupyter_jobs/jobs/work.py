"""How each kind of request travels: one by name, a function, a command, a notebook.

A string is a request that the backend knows by name. A callable, a `Command` and a `Notebook` need a backend that
runs them on this machine: they travel in `payload`, which the backend keeps and never publishes. All checks that can
be made here are made here, so that a mistake raises in the cell that made it.
"""

from __future__ import annotations

import abc
import base64
import functools
import inspect
import json
import os
import pickle
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_jobs._redact import redact, redact_mapping
from jupyter_jobs.errors import InvalidCall, InvalidJob
from jupyter_jobs.jobs.kinds import Command, Notebook, article
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.jobs.options import DEFAULTS, check_env, check_folder, similar

__all__ = ["Kind", "Work", "kind_of"]

_TEXT_LIMIT = 300  # characters of a call or command line that readers see
_PLAIN = frozenset({bool, bytes, float, int, str, type(None)})  # need no cloudpickle
_SCRIPTS = frozenset({".jl", ".js", ".py", ".r", ".sh"})  # files that are the work of a command


class Work(NamedTuple):
    """One piece of work, ready to travel.

    Attributes:
        words: What it is, in words.
        shown: Parameters for readers to see; a JSON value.
        payload: What the backend needs to run it.
        parts: What it is made of, each with what to call it: the fingerprint is of these.
    """

    words: str
    shown: Any
    payload: Mapping[str, Any]
    parts: Sequence[tuple[str, Any]]


class Kind(abc.ABC):
    """One kind of request, checked.

    Attributes:
        kind: Its word in the schema.
    """

    kind: JobKind

    def __init__(self, request: Any) -> None:
        self.request = request

    @abc.abstractmethod
    def work(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], given: Collection[str], many: bool
    ) -> Work:
        """Return the work of one call.

        Args:
            args: A function's arguments.
            kwargs: Its keyword arguments.
            given: The options that were said.
            many: Whether there are other calls of the same request.

        Raises:
            InvalidJob: It cannot be run or sent as it is.
            InvalidCall: Arguments that do not go with this kind of request.
        """

    def default_name(self, words: str) -> str:
        """Return what to call a job that was given no name."""
        return words


class _Ready(Kind):
    """A request that takes no arguments.

    Attributes:
        values: Where its values go instead.
    """

    values: str

    def work(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], given: Collection[str], many: bool
    ) -> Work:
        if unknown := next(iter(kwargs), None):
            raise InvalidCall(
                f"there is no option {unknown!r}{similar(unknown)}; give {article(self.request)} its values "
                f"{self.values}"
            )
        if args:
            raise InvalidCall(
                f"only a function takes further arguments; give {article(self.request)} its values {self.values}"
            )
        if "params" in given and self.kind is not JobKind.REQUEST:
            raise InvalidCall(
                f"params= is for a named request; give {article(self.request)} its values {self.values}"
            )
        return self.alone()

    @abc.abstractmethod
    def alone(self) -> Work:
        """Return the work."""


class _Named(_Ready):
    kind = JobKind.REQUEST
    values = "by params="

    def __init__(self, request: str) -> None:
        if not request.strip():
            raise InvalidJob(
                'the request is empty; name one that the backend handles, as in submit("Process data")'
            )
        super().__init__(request.strip())

    def alone(self) -> Work:
        payload: dict[str, Any] = {"sysPath": _sys_path()}
        if handlers := os.environ.get("JUPYTER_JOBS_HANDLERS"):
            payload["handlers"] = handlers
        return Work(self.request, None, payload, [("the request", self.request)])


class _Function(Kind):
    kind = JobKind.FUNCTION

    def __init__(self, request: Callable[..., Any]) -> None:
        super().__init__(request)
        self._name = _function_name(request)
        try:
            self._signature: inspect.Signature | None = inspect.signature(request)
        except (TypeError, ValueError):  # some builtins do not tell theirs
            self._signature = None
        self._packed: _Packed | None = None
        self._payload = {"sysPath": _sys_path()}

    def work(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], given: Collection[str], many: bool
    ) -> Work:
        if "params" in given:
            raise InvalidCall(
                "params= is for a named request; give a function its arguments directly"
            )
        arguments = self._bound(args, kwargs, given)
        shown = [repr(value)[:100] for value in args]
        shown += [f"{key}={value!r}"[:100] for key, value in redact_mapping(kwargs).items()]
        pickled = self._pickled(tuple(args), dict(kwargs), many, arguments)
        return Work(
            _short(redact(f"{self._name}({', '.join(shown)})")),
            None,
            {**self._payload, "function": base64.b64encode(pickled).decode()},
            [
                (self._name, self.request),
                *((f"the argument {name}", value) for name, value in arguments.items()),
            ],
        )

    def default_name(self, words: str) -> str:
        return self._name

    def _bound(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], given: Collection[str]
    ) -> Mapping[str, Any]:
        """Return the arguments by name; refuse a call that could only fail later, or means an option."""
        if self._signature is None:
            return {"arguments": (tuple(args), dict(kwargs))}
        parameters = self._signature.parameters
        taken = set(list(parameters)[: len(args)]) | set(_fixed(self.request))
        for name in sorted(DEFAULTS.keys() & parameters.keys() - taken):
            if name in given or parameters[name].default is inspect.Parameter.empty:
                raise InvalidCall(
                    f"{self._name} has a parameter {name!r}, which is an option of submit(); "
                    f"bind it first: submit(functools.partial({self._name}, {name}=…), …)"
                )
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            hint = next(filter(None, (similar(key) for key in kwargs if key not in parameters)), "")
            raise InvalidCall(f"{self._name}: {error}{hint}") from None

    def _pickled(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        many: bool,
        arguments: Mapping[str, Any],
    ) -> bytes:
        import cloudpickle

        try:
            if many and self._packed is None:
                self._packed = _Packed(cloudpickle.dumps(self.request))
            call = (self._packed or self.request, args, kwargs)
            is_plain = self._packed and _PLAIN.issuperset(map(type, (*args, *kwargs.values())))
            dumps = pickle.dumps if is_plain else cloudpickle.dumps
            pickled: bytes = dumps(call, cloudpickle.DEFAULT_PROTOCOL)
        except Exception as error:  # pickling runs code of any class that it meets
            stays = next((name for name, value in arguments.items() if not _travels(value)), "")
            raise InvalidJob(
                f"{stays and f'the argument {stays} of '}{self._name} cannot be sent to another process: {error}. "
                "Open files, connections, locks and generators cannot travel: make them inside the function"
            ) from error
        return pickled


def _travels(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:  # as above
        return False
    return True


class _Packed:
    """Stands for a function that is pickled already: where it is loaded, it is the function."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        return pickle.loads, (self._pickled,)


class _Program(_Ready):
    kind = JobKind.COMMAND
    values = "in its list of arguments"

    def alone(self) -> Work:
        command: Command = self.request
        cwd = check_folder(command.cwd or os.getcwd())
        env = check_env(command.env)
        payload: dict[str, Any] = {"cwd": str(cwd)} | ({"env": dict(env)} if env else {})
        if command.line is not None:
            words, named = command.line, command.line.split()
            payload["shell"] = command.line
        else:
            named = [os.fspath(part) for part in command.args]
            words = shlex.join(named)
            payload["args"] = [_program(named[0], cwd), *named[1:]]
        scripts = [cwd / word for word in named if Path(word).suffix.lower() in _SCRIPTS]
        texts = [path.read_bytes() for path in scripts if path.is_file()]
        return Work(
            _short(redact(words)),
            None,
            payload,
            [("the command", (named, str(cwd), env, texts))],
        )

    def default_name(self, words: str) -> str:
        if self.request.line is not None:
            return _short(words, 40)
        names: list[str] = [os.path.basename(os.fspath(part)) for part in self.request.args]
        runs_script = names[0].startswith("python") and len(names) > 1 and names[1].endswith(".py")
        return names[1] if runs_script else names[0]


class _NotebookFile(_Ready):
    kind = JobKind.NOTEBOOK
    values = "by parameters="

    def alone(self) -> Work:
        notebook: Notebook = self.request
        path = Path(notebook.path).expanduser().absolute()
        if not path.is_file():
            raise InvalidJob(f"there is no notebook at {path}")
        cells = _cells(path)
        if not isinstance(notebook.parameters, Mapping):
            raise InvalidJob(
                f'parameters= takes names and values, as {{"day": "2026-11-22"}}, not {notebook.parameters!r}'
            )
        parameters = dict(notebook.parameters)
        for key in parameters:
            if not str(key).isidentifier():
                raise InvalidJob(
                    f"{key!r} cannot be a parameter of a notebook: it must be a Python name"
                )
        cwd = check_folder(notebook.cwd) if notebook.cwd else path.parent
        return Work(
            path.name,
            parameters or None,
            {"cwd": str(cwd), "path": str(path), "parameters": parameters},
            [("the notebook", (str(path), str(cwd), cells, parameters))],
        )


def kind_of(request: Any) -> Kind:
    """Return what kind of request something is.

    Raises:
        InvalidJob: It is none that can be submitted.
    """
    if isinstance(request, str):
        return _Named(request)
    if isinstance(request, Command):
        return _Program(request)
    if isinstance(request, Notebook):
        return _NotebookFile(request)
    if inspect.iscoroutinefunction(request):
        raise InvalidJob(
            f"{request.__qualname__} is an async function; submit a plain one that calls asyncio.run(…)"
        )
    if callable(request):
        return _Function(request)
    if inspect.iscoroutine(request):
        request.close()
    raise InvalidJob(
        f"cannot submit {article(request)}: expected a request's name, a function, "
        'Command(["program", "argument"]) or Notebook("file.ipynb")'
    )


def _program(name: str, cwd: Path) -> str:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    program = shutil.which(str(cwd / name) if os.sep in name else name, path=path)
    if program is None:
        raise InvalidJob(
            f"there is no program {name!r} on PATH; give its full path, or for a shell line "
            "write Command.shell(…)"
        )
    return program


def _cells(path: Path) -> Any:
    """Return a notebook's code, for the file is saved again with each output; all of an older format."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise InvalidJob(
            f"{path} is no notebook; run a script by Command(['python', {path.name!r}])"
        ) from None
    try:
        return [cell["source"] for cell in content["cells"] if cell["cell_type"] == "code"]
    except (KeyError, TypeError):
        return content


def _fixed(function: Any) -> Mapping[str, Any]:
    return function.keywords if isinstance(function, functools.partial) else {}


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


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
