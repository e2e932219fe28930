"""A terminal for one command: what it shows, what is typed on it, how wide it is."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.cells import cell_len

from tests.support.backend import PATIENCE_S

__all__ = ["Screen", "Terminal", "on_terminal"]

_CONTROL = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])")
_TAKE_IT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


class Screen:
    """What stands on a terminal, as far as what rich sends goes: text, line ends, cursor up, erase."""

    def __init__(self, columns: int, lines: int) -> None:
        self._columns = columns
        self._rows = [""] * lines
        self._x = self._y = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        text = self._rest + text
        while text:
            if text[0] == "\x1b":
                match = _CONTROL.match(text)
                if match is None:
                    break  # the rest of it is on its way
                self._control(match[1], match[2])
                text = text[match.end() :]
            else:
                self._put(text[0])
                text = text[1:]
        self._rest = text

    @property
    def lines(self) -> list[str]:
        return [row.rstrip() for row in self._rows if row.strip()]

    def _control(self, number: str, letter: str) -> None:
        if letter == "A":
            self._y = max(0, self._y - int(number or 1))
        elif letter == "K":
            self._rows[self._y] = ""
        elif letter == "J":
            self._rows = [""] * len(self._rows)
        elif letter == "H":
            self._x = self._y = 0

    def _put(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\n":
            self._feed_line()
        elif char >= " ":
            if cell_len(self._rows[self._y][: self._x] + char) > self._columns:
                self._x = 0
                self._feed_line()
            row = self._rows[self._y].ljust(self._x)
            self._rows[self._y] = row[: self._x] + char + row[self._x + 1 :]
            self._x += 1

    def _feed_line(self) -> None:
        if self._y == len(self._rows) - 1:
            self._rows = [*self._rows[1:], ""]
        else:
            self._y += 1


class Terminal:
    """A terminal, and the process on it.

    Attributes:
        said: All that the process has written.
        screen: What stands there.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int, columns: int) -> None:
        self.said = ""
        self.screen = Screen(columns, 24)
        self._process = process
        self._master = master

    def until(self, *wanted: str) -> list[str]:
        """Read until all of this stands there at once; the lines."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(text in "\n".join(self.screen.lines) for text in wanted):
            assert time.monotonic() < deadline, f"no {wanted!r} in {self.screen.lines!r}"
            assert self._read(), f"it ended without {wanted!r}: {self.said[-2000:]!r}"
        return self.screen.lines

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int) -> None:
        _resize(self._master, columns)
        self.screen = Screen(columns, 24)

    def exit_code(self) -> int:
        """Read to its end."""
        while self._read():
            pass
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
        assert ready, f"nothing more came after {self.said[-2000:]!r}"
        try:
            text = os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # how Linux tells the end of a terminal
            return False
        self.said += text
        self.screen.feed(text)
        return bool(text)


@contextmanager
def on_terminal(
    words: list[str], environ: Mapping[str, str], columns: int = 80
) -> Iterator[Terminal]:
    """Run the interpreter with these words on a terminal of its own."""
    master, slave = os.openpty()
    _resize(master, columns)
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_IT, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, columns)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _resize(master: int, columns: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
