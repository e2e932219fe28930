"""Reads the journal of a database by itself: SQLite deletes one whose file is empty, and drops what follows a fault.

It is a header and frames, each a page and what is said of it, summed up from the first frame to the last; a frame that
ends a transaction says how many pages there are then (https://sqlite.org/fileformat.html, 4.1 to 4.3).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Journal"]

_HEADER, _FRAME = 32, 24  # bytes
_MAGIC = 0x377F0682  # and one more where sums are of big-endian numbers
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal holds.

    Attributes:
        size: Bytes of a page.
        pages: The newest of each number that a whole transaction wrote.
        length: Pages of the database after the last of them.
        is_damaged: Whether whole transactions follow one that is not.
    """

    size: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)
    length: int = 0
    is_damaged: bool = False

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal; what is none, or is not there, is empty."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return cls()
        if len(data) < _HEADER:
            return cls()
        magic, _, size, _, salt_1, salt_2, sum_1, sum_2 = struct.unpack(">8I", data[:_HEADER])
        size = 65536 if size == 1 else size
        order = ">" if magic & 1 else "<"
        sums = _sum(data[:24], (0, 0), order)
        if magic & ~1 != _MAGIC or sums != (sum_1, sum_2) or not 512 <= size <= 65536:
            return cls(is_damaged=any(data))
        pages: dict[int, bytes] = {}
        pending: dict[int, bytes] = {}
        length, is_whole = 0, True
        for start in range(_HEADER, len(data) - size - _FRAME + 1, size + _FRAME):
            number, committed, *rest = struct.unpack(">6I", data[start : start + _FRAME])
            if rest[:2] != [salt_1, salt_2]:  # of an earlier round
                break
            if is_whole:
                page = data[start + _FRAME : start + _FRAME + size]
                sums = _sum(page, _sum(data[start : start + 8], sums, order), order)
                is_whole = sums == (rest[2], rest[3]) and number > 0
            if not is_whole:
                if committed:
                    return cls(size, pages, length, is_damaged=True)
                continue
            pending[number] = page
            if committed:
                pages |= pending
                pending, length = {}, committed
        return cls(size, pages, length)

    def replay(self, path: Path) -> None:
        """Write the pages into a database file, made if it is missing."""
        if not self.pages:
            return
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            for number, page in self.pages.items():
                file.seek((number - 1) * self.size)
                file.write(page)
            file.truncate(max(self.length * self.size, file.seek(0, 2)))


def _sum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    for one, two in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
