"""What a notebook shows of an error that was raised in a job's process: the reader's lines, then the job's own.

The traceback travels as text. Its frames are shown as IPython shows frames: with the lines around the one that
failed, taken from the file where it is here, and with the number of the cell for code that was typed. A file that
was changed since is not shown: the line that the job saw counts.
"""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.errors import JobUnsuccessful
from jupyter_jobs.errors.shown import readers_view

__all__ = ["LOG_NOTE", "TRACEBACK_NOTE", "RemoteFrame", "Shown", "remote_frames", "show_with"]

TRACEBACK_NOTE = "In the job:\n"
LOG_NOTE = "Last lines it printed:\n"

AROUND = 2  # lines of source before and after the one that failed
DETAILED = 8  # frames that are shown with those, the ones nearest to the error
LOG_LINES = 5  # lines of its output beside a traceback; all that came where there is none

_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+)(?:, in (?P<name>.+))?')
_LIBRARY = re.compile(r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|^<frozen")
_POINTERS = re.compile(r"[\s~^]*")


@dataclass
class RemoteFrame:
    """One call in a job, or what its traceback says between two.

    Attributes:
        file: As the traceback names it; empty for what is no call.
        line: Of the file.
        name: The function.
        source: The line as the job saw it, or what stands between two calls.
    """

    file: str = ""
    line: int = 0
    name: str = ""
    source: list[str] = field(default_factory=list)


def remote_frames(traceback: str) -> list[RemoteFrame]:
    """Return the calls of a traceback as Python writes them, without the sentence at its end.

    What stands between the calls is kept: "During handling of …". A text of another form is one frame without a file.
    """
    found: list[RemoteFrame] = []
    for line in traceback.rstrip().splitlines():
        if match := _FRAME.fullmatch(line):
            found.append(RemoteFrame(match["file"], int(match["line"]), match["name"] or ""))
        elif found and found[-1].file and line.startswith("    "):
            if not _POINTERS.fullmatch(line):
                found[-1].source.append(line.strip())
        elif found and not found[-1].file:
            found[-1].source.append(line)
        else:
            found.append(RemoteFrame(source=[line]))
    if any(frame.file for frame in found):
        while not found[-1].file:
            found.pop()
        if found[0].source[:1] == ["Traceback (most recent call last):"]:
            found.pop(0)
    return found


@dataclass(eq=False)
class Shown:
    """What IPython calls to show an error, in place of its own way; see `show_with`.

    Attributes:
        error: Which is shown.
        failed: What is known of it.
    """

    error: BaseException
    failed: JobUnsuccessful

    def __call__(self) -> list[str]:
        """Return the lines."""
        return readers_view(self.error, self._inside, hidden=(TRACEBACK_NOTE, LOG_NOTE))

    def _inside(self, shell: Any) -> list[str]:
        paint = _plain if str(shell.colors).lower() == "nocolor" else _coloured
        lines = []
        if self.failed.traceback:
            lines.append(paint(f"In the job {self.failed.name}:", _HEAD))
            lines += _calls(redact(self.failed.traceback), _cells(shell), paint)
        log = self.failed.log_tail[-LOG_LINES:] if lines else self.failed.log_tail
        if log:
            lines.append(paint(LOG_NOTE.rstrip(), _HEAD))
            lines.append(redact("\n".join(f"  {line}" for line in log)) + "\n")
        return lines


def show_with(error: BaseException, failed: JobUnsuccessful) -> None:
    """Have IPython show an error with what is known of its job. One without a place for that is shown as any other."""
    if hasattr(error, "__dict__"):
        error.__dict__["_render_traceback_"] = Shown(error, failed)


def _calls(
    traceback: str, cell: Callable[[str], str | None], paint: Callable[[str, str], str]
) -> Iterator[str]:
    frames = remote_frames(traceback)
    for number, frame in enumerate(frames):
        if not frame.file:
            yield "\n".join(frame.source) + "\n"
            continue
        typed = cell(frame.file)
        where = f"{typed}, line {frame.line}" if typed else f"File {_home(frame.file)}:{frame.line}"
        head = paint(where, _PLACE) + (f", in {paint(frame.name, _NAME)}" if frame.name else "")
        is_near = number >= len(frames) - DETAILED and not _LIBRARY.search(frame.file)
        yield "\n".join([head, *_source(frame, AROUND if is_near else 0, paint)]) + "\n"


def _source(frame: RemoteFrame, around: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Yield the lines around the one that failed, from the file if that is here and as it was."""
    lines = linecache.getlines(frame.file)
    here = lines[frame.line - 1].strip() if 0 < frame.line <= len(lines) else None
    if here is None or (frame.source and frame.source[0] != here):
        lines = [""] * (frame.line - 1) + frame.source[:1]
        around = 0
    for number in range(frame.line - around, frame.line + around + 1):
        if 0 < number <= len(lines):
            text = lines[number - 1].rstrip()
            if number == frame.line:
                yield paint(f"{'-' * (5 - len(str(number)))}> {number} ", _PLACE) + text
            else:
                yield f"{number:7} {text}"


def _cells(shell: Any) -> Callable[[str], str | None]:
    """Return what tells the name of the cell that a file stands for, `Cell In[3]`; None for any other file."""
    format_name = getattr(shell.compile, "format_code_name", lambda _: None)

    def cell(file: str) -> str | None:
        told: Sequence[str] | None = format_name(file)
        return None if told is None or told[0] != "Cell" else " ".join(told)

    return cell


def _home(file: str) -> str:
    home = os.path.expanduser("~")
    return "~" + file[len(home) :] if file.startswith(home + os.sep) else file


_HEAD, _PLACE, _NAME = "1", "32", "36"  # ANSI: bold, green, cyan


def _coloured(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _plain(text: str, _: str) -> str:
    return text
