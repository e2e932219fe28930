"""The calls of a traceback, as Python writes them and as IPython does. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

__all__ = ["Frame", "frames"]

# `File "/a/clean.py", line 41, in parse`, `File ~/clean.py:41, in parse(text)`, `Cell In[3], line 2`
_FRAME = re.compile(
    r'\s*(?:File "?|(?=Cell In))(?P<file>.+?)"?(?:, line |:)(?P<line>\d+)(?:, in (?P<name>.+))?'
)
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|Python\d+[/\\]Lib[/\\]"
    r"|^<frozen|[/\\]jupyter_jobs[/\\]"
)
_CELL = re.compile(r"^<|[/\\]ipykernel_\d+[/\\]")
_ANEW = re.compile(r"(?:Traceback|During|The above)\b")
_POINTER = re.compile(r"-+> ?\d+ ")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Frame:
    """One call.

    Attributes:
        file: As the traceback names it.
        line: The number of the line.
        name: The function, as the traceback writes it; empty when it does not.
        source: The line of source, when the traceback has it.
    """

    file: str
    line: str
    name: str
    source: str = ""

    @property
    def is_library(self) -> bool:
        """Whether the code is none of the user's."""
        return _LIBRARY.search(self.file) is not None

    @property
    def is_cell(self) -> bool:
        """Whether the code was typed, and stands in no file that lasts."""
        return _CELL.search(self.file) is not None

    @property
    def place(self) -> str:
        """The file's name and the line: `clean.py:41`."""
        file = "cell" if self.is_cell else PurePosixPath(self.file.replace("\\", "/")).name
        return f"{file}:{self.line}"


def frames(traceback: str) -> list[Frame]:
    """Return the calls of the last error in a traceback, the one nearest to the error first."""
    found: list[Frame] = []
    for line in _ESCAPE.sub("", traceback).splitlines():
        if match := _FRAME.match(line):
            found.append(Frame(match["file"], match["line"], match["name"] or ""))
        elif _ANEW.match(line):
            found.clear()
        # IPython shows lines around the one that it points at.
        elif found and (line.startswith("-") or (line.startswith(" ") and not found[-1].source)):
            found[-1] = replace(found[-1], source=_POINTER.sub("", line).strip())
    return found[::-1]
