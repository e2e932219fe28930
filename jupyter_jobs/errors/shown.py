"""How a notebook shows an error of this package, or one that it raises for another process."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["readers_view"]

_HEADS = 2  # parts that IPython begins with: a line, and the error's name


def readers_view(
    error: BaseException,
    inside: Callable[[Any], list[str]] = lambda shell: [],
    *,
    hidden: tuple[str, ...] = (),
) -> list[str]:
    """Return what IPython shows of an error: the reader's own lines and the sentence, which says what happened.

    This package's lines, and what lies below them, are of use to those who mend it: `%xmode Verbose` shows all.

    Args:
        error: Which was raised.
        inside: Takes the shell; returns what to say before the sentence.
        hidden: How the notes begin that `inside` says in another way.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    formatter = shell.InteractiveTB
    if formatter.mode == "Verbose":
        return list(formatter.structured_traceback(type(error), error, error.__traceback__))
    in_full = formatter.mode == "Context"
    chain = error.__cause__, error.__suppress_context__
    notes = getattr(error, "__notes__", None)
    error.__cause__ = None
    try:
        if notes is not None and in_full:
            error.__notes__ = [note for note in notes if not note.startswith(hidden)]
        seen = _before_ours(error.__traceback__)
        shown = list(formatter.structured_traceback(type(error), error, seen))
        if in_full and (said := inside(shell)):
            sentence = len(formatter.structured_traceback(type(error), error, None)) - _HEADS
            shown[len(shown) - sentence : len(shown) - sentence] = said
        return shown
    finally:
        error.__cause__, error.__suppress_context__ = chain
        if notes is not None:
            error.__notes__ = notes


def _before_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Return the frames that led into this package."""
    package = __name__.partition(".")[0]
    if traceback is None:
        return None
    if str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0] == package:
        return None
    below = _before_ours(traceback.tb_next)
    return TracebackType(below, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
