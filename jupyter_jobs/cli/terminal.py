"""What goes out: text that cannot steer the terminal, JSON with the schema's names, and one sentence for an error.

A job's texts are anybody's: whatever would move the cursor, set a title or turn the reading direction is taken out.
"""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.model import WIRE_NAMES, Job

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "as_json",
    "coloured",
    "complain",
    "console",
    "is_live",
    "one_line",
    "plain",
    "print_json",
    "width",
]

# CSI sequences, strings with their terminators (OSC, DCS, …), and two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_RESET = "\x1b[0m"


def plain(text: str) -> str:
    """Return a text without escape sequences and without characters that are not to be seen; lines and tabs stay."""
    text = _ESCAPES.sub("", text)
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


def one_line(text: str) -> str:
    """Return the same on one line."""
    return " ".join(plain(text.replace("\r", "\n")).split())


def coloured(text: str) -> str:
    """Return a line with its colours and nothing else that steers; they end with it."""
    parts = _COLOUR.split(text)
    colours = _COLOUR.findall(text)
    shown = plain(parts[0]) + "".join(
        colour + plain(part) for colour, part in zip(colours, parts[1:], strict=True)
    )
    return shown + _RESET if colours else shown


def is_live(stream: Any = None) -> bool:
    """Whether somebody looks at a terminal that can be drawn on."""
    stream = sys.stdout if stream is None else stream
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Return the columns of the terminal; None where the output goes elsewhere, and lines may be of any length."""
    if "COLUMNS" in os.environ or is_live():
        return console().width
    return None


def console() -> Console:
    """Return the terminal; without colours, and nothing bold or dim, where `NO_COLOR` is set or nobody looks."""
    from rich.console import Console

    system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(color_system=system, highlight=False, markup=False, emoji=False, soft_wrap=True)


def as_json(job: Job) -> dict[str, Any]:
    """Return a job with the names of the schema, and values in place of JSON in strings."""
    return {wire: getattr(job, name) for name, wire in WIRE_NAMES.items()}


def print_json(value: Job | Mapping[str, Any] | Iterable[Any] | None) -> None:
    """Print one JSON document on a line of its own, at once: a reader of a stream waits for it."""
    print(json.dumps(value, default=_value), flush=True)


def _value(value: Any) -> Any:
    if isinstance(value, Job):
        return as_json(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)


def complain(error: BaseException | str) -> None:
    """Tell what is wrong, on the standard error."""
    print(f"jupyter-jobs: {redact(plain(str(error)))}", file=sys.stderr, flush=True)
