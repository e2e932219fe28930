"""Where a job is submitted, for people who look at it later: `train.ipynb, cell 5`, `sweep.py, line 41`; never a path."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from types import FrameType
from typing import Any

__all__ = ["COMMAND_LINE", "origin"]

COMMAND_LINE = "command line"
"""What stands for a place in a program where a shell submitted the job."""

_PACKAGE = __name__.partition(".")[0]


def origin(shell: Any = None, frame: FrameType | None = None) -> str | None:
    """Return the place in the user's own code from which this is called, or None if that cannot be told.

    In a notebook that is the cell that runs, however deep below it the call is made. The Jupyter server tells the notebook's name
    in `JPY_SESSION_NAME`, VS Code in a variable of the kernel. A thread that no cell started has the notebook only.

    Args:
        shell: IPython's; default the one of this process, if there is one.
        frame: The innermost frame to look at; default the caller's.
    """
    shell = shell or _shell()
    frames = _frames(frame or sys._getframe(1))
    if shell is not None:
        number = _cell(shell, frames)
        known = _notebook(shell), f"cell {number}" if number else None
        return ", ".join(part for part in known if part) or None
    for each in frames:
        file = PurePath(each.f_code.co_filename).name
        if file == PurePath(str(each.f_globals.get("__file__"))).name and _is_own(each):
            return f"{file}, line {each.f_lineno}"
    script = getattr(sys.modules["__main__"], "__file__", None)
    return PurePath(script).name if script and not _is_library(script) else None


def _shell() -> Any:
    """Return IPython's shell without importing IPython: where it runs, it is there."""
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _cell(shell: Any, frames: Iterable[FrameType]) -> str | None:
    """Return the number of the cell that runs; where none does, as for a callback, of the one whose code is at work."""
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    if name_of is None:  # IPython 7, which Colab has
        return str(getattr(shell, "execution_count", None) or "") or None
    names = [name_of(frame.f_code.co_filename) for frame in frames]
    return next((name[1].strip("In[]") for name in reversed(names) if name is not None), None)


def _notebook(shell: Any) -> str | None:
    told = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__") or ""
    path = PurePath(str(told).replace("\\", "/"))
    return path.name if path.suffix else None  # a console has a name without one


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_own(frame: FrameType) -> bool:
    """Whether code is the user's: neither this package's nor a library's."""
    module = str(frame.f_globals.get("__name__")).partition(".")[0]
    return module != _PACKAGE and not _is_library(frame.f_code.co_filename)


def _is_library(file: str) -> bool:
    return Path(file).absolute().is_relative_to(_LIBRARY) or any(
        Path(file).is_relative_to(folder) for folder in _SITES
    )


_LIBRARY = sysconfig.get_path("stdlib")
_SITES = (sysconfig.get_path("purelib"), *site.getsitepackages(), site.getusersitepackages())
