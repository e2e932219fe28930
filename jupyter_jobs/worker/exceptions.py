"""An exception as a pickle that loads again where the job was submitted from: with its causes, without its frames."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

from jupyter_jobs.worker.outcome import Failure

__all__ = ["EXCEPTION_LIMIT", "keep_exception", "rebuild", "restore"]

EXCEPTION_LIMIT = 1024 * 1024  # bytes
_CHAIN_LIMIT = 20  # exceptions that led to each other

Link = tuple[int | None, int | None, bool]


def keep_exception(error: BaseException, folder: Path) -> bool:
    """Write `error.pickle`, and tell whether that could be done: the exception must load again and say the same.

    What is no `Exception` is not kept: SystemExit or KeyboardInterrupt would end whoever asks for the job's result.
    Causes that cannot be kept are left out.
    """
    if not isinstance(error, Exception) or isinstance(error, Failure):
        return False
    pickled = [(each, data) for each in _chain(error) if (data := _pickle(each)) is not None]
    if not pickled or pickled[0][0] is not error:
        return False
    whole = pickle.dumps(_Chain(pickled))
    if len(whole) > EXCEPTION_LIMIT:
        whole = pickle.dumps(_Chain(pickled[:1]))
    if len(whole) > EXCEPTION_LIMIT:
        return False
    part = folder / "error.pickle.part"
    with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(whole)
    os.replace(part, folder / "error.pickle")
    return True


def restore(pickled: list[bytes], links: list[Link]) -> BaseException:
    """Return the first of some exceptions with the others as its causes; called when `error.pickle` is loaded.

    Only the first must load here.
    """
    loaded: list[BaseException | None] = [pickle.loads(pickled[0])]
    for data in pickled[1:]:
        loaded.append(None)
        with contextlib.suppress(Exception):  # a module that is not here, and whatever else
            loaded[-1] = pickle.loads(data)
    for error, (cause, context, suppress) in zip(loaded, links, strict=True):
        if error is not None:
            error.__cause__ = None if cause is None else loaded[cause]
            error.__context__ = None if context is None else loaded[context]
            error.__suppress_context__ = suppress
    assert loaded[0] is not None
    return loaded[0]


def rebuild(
    kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    """Return an exception whose `__init__` takes other arguments than its `args`; called when one is loaded."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class _Chain:
    """Pickles as the first of some exceptions."""

    def __init__(self, pickled: list[tuple[BaseException, bytes]]) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[Any, ...]:
        place = {id(error): number for number, (error, _) in enumerate(self._pickled)}
        links = [
            (
                place.get(id(error.__cause__)),
                place.get(id(error.__context__)),
                error.__suppress_context__,
            )
            for error, _ in self._pickled
        ]
        return restore, ([data for _, data in self._pickled], links)


class _Parts:
    """Pickles as an exception, past its `__init__`."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self._error), self._error.args, self._error.__dict__)


class _Bounded(io.BytesIO):
    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > EXCEPTION_LIMIT:
            raise ValueError("the exception is too long")
        return super().write(data)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and what led to it, each once."""
    found = [error]
    for each in found:
        for link in (each.__cause__, each.__context__):
            if link is not None and all(link is not known for known in found):
                found.append(link)
    return found[:_CHAIN_LIMIT]


def _pickle(error: BaseException) -> bytes | None:
    """Return an exception as a pickle, without what led to it, or None if it would not load as it is."""
    import cloudpickle

    for itself in (error, _Parts(error)):
        file = _Bounded()
        try:
            cloudpickle.dump(itself, file)
            loaded = pickle.loads(file.getvalue())
            # Its class may be another object with that name by now.
            if type(loaded).__qualname__ == type(error).__qualname__ and str(loaded) == str(error):
                return file.getvalue()
        except (
            Exception
        ):  # an exception's class may do anything when it is pickled, loaded or shown
            continue
    return None
