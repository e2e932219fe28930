"""What a stream of output would show on a terminal, line by line: colours are kept, all other control is carried out.

Carriage returns, backspaces, erasing and moving within the line overwrite what is there. Bars that are drawn below each
other (tqdm, rich) move up and down: as soon as a stream does that, so many lines are held back as it moves over, until
it has not done so for a while. Everything else that a terminal can do is dropped.
"""

from __future__ import annotations

import re

__all__ = ["LINE_LIMIT", "Screen", "fold", "plain"]

LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut into several
_HELD_LIMIT = 30  # lines that may be drawn over
_HELD_FOR_MS = 2000
_REDRAWN_LIMIT = 32  # times that a line is drawn over, looked at when it is coloured too
_PEN_LIMIT = 64  # characters of colours that are added to each other without a reset
_CONTROL = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\n")
_VERTICAL = re.compile(rb"(\n|\x1b\[\d*[ABEF])")
_BEGUN = re.compile(rb"\x1b(?:\[\d*)?$")  # perhaps the first half of a movement
_SGR = re.compile(rb"\x1b\[[0-9;:]*m")
_ESCAPE = (
    r"\x1b\[(?P<of>[0-?]*)[ -/]*(?P<do>[@-~])"  # ECMA-48, 5.4: a control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # a title, a link, a string of some device
    r"|\x1b[ -/]*[0-~]?"
)
_TOKEN = re.compile(rf"{_ESCAPE}|[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\x08\x0a-\x1f\x7f]+")
_PLAIN = re.compile(rf"{_ESCAPE}|[\x00-\x08\x0a-\x1f\x7f]")
_HORIZONTAL = re.compile(rb"[\r\x08]|\x1b\[[0-9]*[CDGK]")


class Screen:
    """The lines of one stream that are not finished."""

    def __init__(self) -> None:
        self._rows: list[bytes | None] = [b""]  # as they came; None was finished earlier
        self._row = 0
        self._held = 0
        self._moved_at = 0
        self._begun = b""

    def feed(self, data: bytes, now_ms: int) -> bytes | None:
        """Take in what was read; return the lines that are finished, joined, or None."""
        data, self._begun = self._begun + data, b""
        if self._held and now_ms - self._moved_at > _HELD_FOR_MS:
            self._held = 0
        if len(self._rows) == 1:
            whole = ((self._rows[0] or b"") + data).replace(b"\r\n", b"\n")
            if _is_simple(whole):
                return self._cut(whole)
        return self._draw(data, now_ms)

    def finish(self) -> bytes | None:
        """Return what is left, and begin anew."""
        rows = self.rows
        self._rows, self._row, self._held, self._begun = [b""], 0, 0, b""
        return b"\n".join(rows) if rows else None

    @property
    def rows(self) -> list[bytes]:
        """The lines that are not finished, as they look now."""
        return [line for row in self._rows if row and (line := fold(row))]

    def _cut(self, whole: bytes) -> bytes | None:
        end = whole.rfind(b"\n")
        if end >= 0:
            self._rows[0] = whole[end + 1 :]
            return whole[:end]
        end = _whole_characters(whole) if len(whole) > LINE_LIMIT else 0
        self._rows[0] = whole[end:]
        return whole[:end] if end else None

    def _draw(self, data: bytes, now_ms: int) -> bytes | None:
        if begun := _BEGUN.search(data):
            data, self._begun = data[: begun.start()], begun[0]
        finished: list[bytes] = []
        for token in _VERTICAL.split(data):
            if token == b"\n":
                self._row += 1
                if self._row == len(self._rows):
                    self._rows.append(b"")
                    self._let_go(finished)
                else:
                    self._write(b"\r", finished)
            elif token[:1] == b"\x1b" and _VERTICAL.fullmatch(token):
                self._move(token, now_ms)
            elif token:
                self._write(token, finished)
        return b"\n".join(finished) if finished else None

    def _write(self, data: bytes, finished: list[bytes]) -> None:
        row = (self._rows[self._row] or b"") + data
        if len(row) > LINE_LIMIT // 8 and b"\r" in row:
            start = row.rindex(b"\r")
            row = fold(row[:start]) + row[start:]
        if len(row) > LINE_LIMIT:
            end = _whole_characters(row)
            finished.append(fold(row[:end]))
            row = row[end:]
        self._rows[self._row] = row

    def _move(self, token: bytes, now_ms: int) -> None:
        count = min(max(int(token[2:-1] or 1), 1), _HELD_LIMIT)
        if token[-1:] in b"AF":
            self._held, self._moved_at = max(self._held, count), now_ms
            missing = max(count - self._row, 0)
            self._rows[:0] = [None] * missing
            self._row += missing - count
        else:
            self._row = min(self._row + count, len(self._rows) - 1)
        # Whoever moves goes to the beginning of the line too, before (rich) or after (tqdm).
        self._rows[self._row] = (self._rows[self._row] or b"") + b"\r"

    def _let_go(self, finished: list[bytes]) -> None:
        while len(self._rows) - 1 > self._held:
            row = self._rows.pop(0)
            self._row -= 1
            if row is not None:
                finished.append(fold(row))


def plain(text: str) -> str:
    """Return text without colours and other control."""
    return _PLAIN.sub("", text) if not text.isprintable() else text


def fold(row: bytes) -> bytes:
    """Return how a line looks in the end: its characters with their colours, nothing else."""
    row = row.rstrip(b"\r")  # over which nothing was drawn
    if len(row.translate(None, _CONTROL)) == len(row):
        return row
    if not _HORIZONTAL.search(row):
        text = row.decode("utf-8", "replace")
        return _TOKEN.sub(_kept, text).encode()
    parts = row.decode("utf-8", "replace").split("\r")
    if b"\x1b" in row or b"\b" in row:
        return _drawn("\r".join(parts[-_REDRAWN_LIMIT:])).encode()
    text = parts.pop()
    for part in reversed(parts):
        if len(part) > len(text):
            text += part[len(text) :]
    return plain(text).rstrip(" ").encode()


def _kept(found: re.Match[str]) -> str:
    if found["do"] == "m" or (found[0][0] >= " " and found[0] != "\x7f"):
        return found[0]
    return "\t" if found[0] == "\t" else ""


def _drawn(text: str) -> str:
    letters: list[str] = []
    pens: list[str] = []
    column, pen = 0, ""
    for token in _TOKEN.finditer(text):
        word, do = token[0], token["do"]
        if (word[0] >= " " and word != "\x7f") or word[0] == "\t":
            gap = column - len(letters)
            letters += " " * gap
            pens += [""] * gap
            letters[column : column + len(word)] = word
            pens[column : column + len(word)] = [pen] * len(word)
            column += len(word)
        elif word == "\r":
            column = 0
        elif word == "\b":
            column = max(column - 1, 0)
        elif do == "m":
            begun = "" if token["of"].startswith(("0;", ";")) or len(pen) > _PEN_LIMIT else pen
            pen = begun + word if token["of"].strip("0;") else ""
        elif do is not None and do in "CDGK":
            count = int(token["of"]) if token["of"].isdecimal() else 0
            if do == "K":
                _erase(letters, pens, column, count)
            else:
                step = max(count, 1)
                column = {"C": column + step, "D": column - step, "G": step - 1}[do]
                column = min(max(column, 0), 2000)
    return _rendered(letters, pens).rstrip(" ")


def _erase(letters: list[str], pens: list[str], column: int, how: int) -> None:
    """Erase to the end of the line, up to the place (1), or all of it (2)."""
    if how == 0:
        del letters[column:], pens[column:]
    elif how == 1:
        end = min(column + 1, len(letters))
        letters[:end], pens[:end] = " " * end, [""] * end
    else:
        del letters[:], pens[:]


def _rendered(letters: list[str], pens: list[str]) -> str:
    shown, present = [], ""
    for letter, pen in zip(letters, pens, strict=True):
        if pen != present:
            shown.append(("\x1b[0m" if present else "") + pen)
            present = pen
        shown.append(letter)
    return "".join(shown) + ("\x1b[0m" if present else "")


def _is_simple(data: bytes) -> bool:
    """Whether there is nothing but text and colours, and no half of an escape at the end."""
    if len(data.translate(None, _CONTROL)) == len(data):
        return True
    if b"\r" in data or b"\b" in data:
        return False
    rest = _SGR.sub(b"", data)
    return len(rest.translate(None, _CONTROL)) == len(rest)


def _whole_characters(data: bytes) -> int:
    """Return where to cut, so that no character and no escape is cut in two."""
    end = len(data)
    for back in range(1, min(4, end) + 1):
        if data[-back] >= 0xC0:
            end -= back
            break
        if data[-back] < 0x80:
            break
    escape = data.rfind(b"\x1b", max(end - 32, 1))
    return escape if escape > 0 and not _SGR.match(data, escape) else end
