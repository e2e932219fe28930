"""Where a job's Python code was when it was told to end, also where it is in code that looks at no signals.

The handler of C writes the stack of the thread that takes the signal, which is the main one, before Python's own handler
is asked: so it is known even of work that never comes back to Python and has to be killed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import linecache
import os
import re
import signal
from pathlib import Path

__all__ = ["forget_stack", "keep_stack", "read_stack"]

_NAME = "stack.txt"
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)')
_HERE = os.path.dirname(os.path.abspath(__file__))
_OURS = (os.path.join(_HERE, "work.py"), os.path.join(_HERE, "runners") + os.sep)
_LIMIT = 64 * 1024  # characters that are looked at; a hundred frames are written


def keep_stack(folder: Path) -> None:
    """See that the stack is written to the job's folder when SIGTERM comes, before what happens then anyway.

    Processes that the work forks write nothing there. Work that takes the signal for itself does not either.
    """
    with contextlib.suppress(OSError):  # a full disk
        file = os.open(folder / _NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        faulthandler.register(signal.SIGTERM, file, all_threads=False, chain=True)
        kept = signal.getsignal(signal.SIGTERM)

        def leave() -> None:
            if signal.getsignal(signal.SIGTERM) is kept:
                faulthandler.unregister(signal.SIGTERM)

        os.register_at_fork(after_in_child=leave)


def read_stack(folder: Path) -> str:
    """Return where the work was, as the calls of a traceback, the outermost first; empty where that is not known."""
    try:
        with open(folder / _NAME, encoding="utf-8", errors="replace") as file:
            text = file.read(_LIMIT)
    except OSError:
        return ""
    frames: list[str] = []
    for line in text.splitlines()[1:]:
        if (found := _FRAME.fullmatch(line)) is None or found["file"].startswith(_OURS):
            break  # what follows is ours
        frames.append(f'  File "{found["file"]}", line {found["line"]}, in {found["name"]}\n')
        if source := linecache.getline(found["file"], int(found["line"])).strip():
            frames[-1] += f"    {source}\n"
    return "".join(["Traceback (most recent call last):\n", *reversed(frames)]) if frames else ""


def forget_stack(folder: Path) -> None:
    """Remove what an earlier run left."""
    (folder / _NAME).unlink(missing_ok=True)
