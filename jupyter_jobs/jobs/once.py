"""What the work is, as a fingerprint: the same after a restart of the kernel and when a cell runs again.

A pickle does not do: it holds file names and line numbers of cells, the order of a set, a number made at random for
each class. So values are walked instead, into what pickling would take of them, with sets and dictionaries in an
order of their own. Of a function of the user's own, or a class, count the code, its constants and names, defaults,
closure, and the globals that it reads, down to further functions; what a library holds counts by its name.
"""

from __future__ import annotations

import builtins
import copyreg
import dis
import functools
import hashlib
import site
import struct
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_jobs.errors import InvalidJob

__all__ = ["Fingerprints", "work_key"]

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_OF_THE_MACHINERY = frozenset(
    {
        "__abstractmethods__",
        "__annotations__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)
"""What a class has besides what its body says, or what says nothing of its work."""

_HEAP_TYPE = 1 << 9  # of `__flags__`: made by a class statement, or as if by one
_PROTOCOL = 4  # with 5 large arrays would come as buffers of their own


class Fingerprints:
    """Makes fingerprints of values. For one call of `submit` or `map`: what was walked once is remembered.

    Args:
        lenient: Let a value that has no fingerprint stand by its type, in place of raising.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self._open: dict[
            int, int
        ] = {}  # what is being walked -> how deep, for values that hold themselves
        self._known: dict[int, bytes] = {}
        self._alive: list[Any] = []  # those of `_known`, whose ids must not be given to others

    def of(self, value: Any, what: str) -> str:
        """Return the fingerprint of a value.

        Args:
            value: Anything that can be pickled.
            what: What to call it in an error.

        Raises:
            InvalidJob: It has none.
        """
        try:
            return self._digest(value).hex()
        except _NoFingerprintError as error:
            raise InvalidJob(
                f'key="auto" needs a fingerprint of {what}, and {error}; '
                'say yourself what the work is once by: key="report-2026-11"'
            ) from error.__cause__
        except RecursionError:
            if self._lenient:
                return _hash(b"deep", _name_of(type(value))).hex()
            raise InvalidJob(
                f'{what} is nested too deeply for key="auto"; say yourself what the work is once by: key="report-2026-11"'
            ) from None
        finally:
            self._open.clear()

    def _digest(self, value: Any) -> bytes:
        plain = _plain(value)
        if plain is not None:
            return hashlib.sha256(plain).digest()
        if (known := self._known.get(id(value))) is not None:
            return known
        if (depth := self._open.get(id(value))) is not None:
            return _hash(b"itself", str(len(self._open) - depth).encode())
        self._open[id(value)] = len(self._open)
        try:
            digest = _hash(*self._parts(value))
        except _NoFingerprintError:
            if not self._lenient:
                raise
            digest = _hash(b"of a type", _name_of(type(value)))
        del self._open[id(value)]
        self._known[id(value)] = digest
        self._alive.append(value)
        return digest

    def _parts(self, value: Any) -> Iterator[bytes]:
        kind = type(value)
        yield _name_of(kind)
        if kind in (list, tuple):
            yield from map(self._digest, value)
        elif kind in (set, frozenset):
            yield from sorted(map(self._digest, value))
        elif kind in (dict, types.MappingProxyType):
            yield from sorted(self._digest(k) + self._digest(v) for k, v in value.items())
        elif kind is types.FunctionType:
            yield from self._function(value)
        elif kind is types.CodeType:
            yield from self._code(value, None)
        elif kind is types.ModuleType:
            yield value.__name__.encode()
            if not _is_of_a_library(value.__name__, file := getattr(value, "__file__", None) or ""):
                yield _content(file)
        elif kind is functools.cached_property:
            yield self._digest(value.func)
        elif kind in (staticmethod, classmethod):
            yield self._digest(value.__func__)
        elif kind is property:
            yield from map(self._digest, (value.fget, value.fset, value.fdel))
        elif isinstance(value, type):
            yield from self._class(value)
        else:
            yield from self._reduced(value)

    def _function(self, function: types.FunctionType) -> Iterator[bytes]:
        if _is_of_a_library(function.__module__, function.__code__.co_filename):
            yield _name_of(function)
            return
        yield from self._code(function.__code__, function.__doc__)
        yield self._digest(function.__defaults__)
        yield self._digest(function.__kwdefaults__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            yield name.encode()
            yield b"empty" if _is_empty(cell) else self._named(name, cell.cell_contents)
        for name in sorted(set(_globals_of(function.__code__))):
            if name in function.__globals__:
                yield name.encode()
                yield self._named(name, function.__globals__[name])

    def _named(self, name: str, value: Any) -> bytes:
        try:
            return self._digest(value)
        except _NoFingerprintError as error:
            raise _NoFingerprintError(
                f"{name}, which it uses, has none: {error}"
            ) from error.__cause__

    def _code(self, code: types.CodeType, doc: str | None) -> Iterator[bytes]:
        yield code.co_code
        yield code.co_exceptiontable
        yield repr(
            (
                code.co_argcount,
                code.co_posonlyargcount,
                code.co_kwonlyargcount,
                code.co_flags,
                code.co_names,
                code.co_varnames,
                code.co_freevars,
                code.co_cellvars,
            )
        ).encode()
        constants = list(code.co_consts)
        if constants and doc is not None and constants[0] == doc:
            constants[0] = None  # words for people
        yield from map(self._digest, constants)

    def _class(self, class_: type) -> Iterator[bytes]:
        yield _name_of(class_)
        module = sys.modules.get(class_.__module__)
        written_in_c = not class_.__flags__ & _HEAP_TYPE
        if written_in_c or _is_of_a_library(
            class_.__module__, getattr(module, "__file__", None) or ""
        ):
            return
        yield from map(self._digest, class_.__bases__)
        for name, value in sorted(vars(class_).items()):
            if name not in _OF_THE_MACHINERY and type(value) not in _DESCRIPTORS:
                yield name.encode()
                yield self._named(name, value)

    def _reduced(self, value: Any) -> Iterator[bytes]:
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            reduced: Any = reduce(value) if reduce else value.__reduce_ex__(_PROTOCOL)
        except Exception as error:  # this runs code of any class
            raise _NoFingerprintError(
                f"an object of type {type(value).__name__} has none: {error}"
            ) from error
        if isinstance(reduced, str):  # a name in its module
            yield reduced.encode()
            yield _name_of(value)
            yield self._digest(getattr(value, "__wrapped__", None))  # as `functools.cache` has it
            return
        function, args, state, items, pairs = (*reduced, None, None, None)[:5]
        yield self._digest(function)
        yield self._digest(args)
        yield self._digest(state)
        yield self._digest(None if items is None else list(items))
        yield self._digest(None if pairs is None else dict(pairs))


def work_key(name: str, fingerprint: str) -> str:
    """Return the key of work that is once by its name and its fingerprint."""
    return f"auto-{_hash(name.encode(), fingerprint.encode()).hex()[:40]}"


class _NoFingerprintError(Exception):
    """What a value is made of cannot be told; `str` is the end of a sentence."""


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _plain(value: Any) -> bytes | None:
    """Return what stands for a value that holds no others; None for one of another kind."""
    tell = _PLAIN.get(type(value))
    return None if tell is None else type(value).__name__.encode() + b"\0" + tell(value)


_PLAIN: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    type(...): lambda _: b"",
    bool: lambda value: b"1" if value else b"0",
    int: lambda value: b"%x" % value if value >= 0 else b"-%x" % -value,
    float: lambda value: struct.pack(">d", value),
    complex: lambda value: struct.pack(">dd", value.real, value.imag),
    str: lambda value: value.encode("utf-8", "surrogatepass"),
    bytes: lambda value: value,
    bytearray: bytes,
}

_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)  # slots


def _name_of(thing: Any) -> bytes:
    """Return module and name of a class or a function, of other things those of their class."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(named, '__module__', None)}.{named.__qualname__}".encode()


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b""


def _is_empty(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  raises
    except ValueError:
        return True
    return False


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Yield the names that code looks up outside itself, that of the functions and classes in it too."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname in _READS)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_of(constant)


@functools.cache
def _is_of_a_library(module: str | None, file: str) -> bool:
    """Whether code is installed, and changes with its version only."""
    package = (module or "").partition(".")[0]
    if package in (builtins.__name__, __name__.partition(".")[0]):
        return True
    if package == "__main__" or not file or file.startswith("<"):
        return package in sys.builtin_module_names or package in sys.stdlib_module_names
    folder = Path(file).parent
    return any(folder.is_relative_to(library) for library in _LIBRARIES) or any(
        _is_installed_into(above) for above in (folder, *folder.parents)[:_DEEPEST]
    )


@functools.cache
def _is_installed_into(folder: Path) -> bool:
    """Whether an installer put packages there, as `pip install --target` does."""
    return next(folder.glob("*.dist-info"), None) is not None


_DEEPEST = 8  # folders that a package has in one another
_LIBRARIES = {
    *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(),
    site.getusersitepackages(),
}
