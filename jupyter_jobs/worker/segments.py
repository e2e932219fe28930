"""A file of numbered lines that may grow for ever and takes a bounded place: its first lines and the newest ones.

Segments named by the number of their first line, `000000000001.txt`, hold one line each. The first segment stays; of
the others the newest `RING` stay, and what falls out between is seen by the gap in the numbers. Segments are written
by one process at a time, whole lines at once, and read by others at any time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["RING", "Lines", "SegmentReader", "SegmentWriter"]

RING = 4
_PAGE_BYTES = 1024 * 1024


class SegmentWriter:
    """Appends lines; goes on where an earlier writer of the folder has ended.

    What cannot be written is lost, and whoever writes goes on: the disk is full, or there are no file handles.

    Args:
        folder: Of the segments; made if missing.
        limit: Bytes that they may take, about.
        describe_loss: Makes a line, with its end, of the bytes that were lost before it; without it nothing tells of them
            but the gap in the numbers.
    """

    def __init__(
        self, folder: Path, limit: int, describe_loss: Callable[[int], bytes] | None = None
    ) -> None:
        self._folder = folder
        self._segment_limit = max(limit // (RING + 1), 1)
        self._describe_loss = describe_loss
        self._ring: deque[Path] = deque()
        self._next_seq = 1
        self._file, self._size = -1, 0
        self._lost = 0  # bytes
        self._broken = True
        with suppress(OSError):
            self._begin()

    def append(self, lines: bytes, count: int, worth: int | None = None) -> None:
        """Write `count` lines, each with its end; they come into one segment, or into the gap where the disk is full.

        Args:
            lines: The lines.
            count: How many they are.
            worth: The bytes that are lost with them, if not all that they have here.
        """
        told = 0
        data = lines
        if self._lost and self._describe_loss is not None:
            data, told = self._describe_loss(self._lost) + lines, 1
        try:
            if self._file < 0:
                self._begin()
            if self._broken or (self._size and self._size + len(data) > self._segment_limit):
                self._rotate(data)
            else:
                self._write(data)
            self._next_seq += told
            self._lost = 0
        except OSError:
            self._broken = True
            self._lost += len(lines) if worth is None else worth
        self._next_seq += count

    def close(self) -> None:
        """Close the segment that is written to. Called again, it tells of what was lost, if there is room by then."""
        if self._lost and self._describe_loss is not None:
            self.append(b"", 0)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> None:
        """Go on with the newest segment, or with the first one."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        segments = _segments(self._folder)
        self._ring = deque(path for _, path in segments[1:])
        if segments:
            self._next_seq = max(self._next_seq, _mend(*segments[-1]))
            self._open(segments[-1][1])
        else:
            self._open(self._newest())
        self._broken = bool(segments) and self._lost > 0  # its numbers go on behind the gap

    def _rotate(self, lines: bytes) -> None:
        """Begin a new segment, if there is room for its first lines."""
        before, path = (self._file, self._size), self._newest()
        self._open(path)
        try:
            self._write(lines)
        except OSError:
            os.close(self._file)
            self._file, self._size = before
            path.unlink(missing_ok=True)
            raise
        os.close(before[0])
        self._broken = False
        self._ring.append(path)
        if len(self._ring) > RING:
            self._ring.popleft().unlink(missing_ok=True)

    def _write(self, lines: bytes) -> None:
        """Write all or nothing."""
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(lines)

    def _newest(self) -> Path:
        return self._folder / f"{self._next_seq:012d}.txt"

    def _open(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size


@dataclass(slots=True)
class Lines:
    """Consecutive lines.

    Attributes:
        lines: Number and text of each, without its end, oldest first.
        dropped: Lines that the size limit dropped right before the first one.
        at_end: Whether nothing follows yet.
    """

    lines: list[tuple[int, bytes]] = field(default_factory=list)
    dropped: int = 0
    at_end: bool = True


class SegmentReader:
    """Reads lines that may still be written; goes on where the last page ended without reading again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place: tuple[int, Path, int] | None = None  # next line's number, its segment, offset

    def page(self, after: int, limit: int) -> Lines:
        """Return the lines that follow line number `after`, at most `limit`, none across a gap."""
        page = Lines()
        segments = _segments(self._folder)
        expected = after + 1
        index = max((i for i, (first, _) in enumerate(segments) if first <= expected), default=0)
        size = 0
        for first, path in segments[index:]:
            if first > expected:
                if page.lines:
                    page.at_end = False
                    return page
                page.dropped, expected = first - expected, first
            for seq, line, place in self._read(path, first, expected):
                if len(page.lines) >= limit or size > _PAGE_BYTES:
                    page.at_end = False
                    return page
                page.lines.append((seq, line))
                size += len(line)
                expected = seq + 1
                self._place = (expected, path, place)
        return page

    def tail(self, count: int) -> Lines:
        """Return the last `count` lines, fewer where the gap is nearer."""
        page = Lines()
        for first, path in reversed(_segments(self._folder)):
            lines = [(seq, line) for seq, line, _ in self._read(path, first, first)]
            if page.lines and lines and lines[-1][0] + 1 != page.lines[0][0]:
                page.dropped = page.lines[0][0] - lines[-1][0] - 1
                break
            page.lines[:0] = lines[max(len(lines) - (count - len(page.lines)), 0) :]
            if len(page.lines) >= count:
                break
        return page

    def newest_first(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield the lines of each segment, the newest segment first."""
        for first, path in reversed(_segments(self._folder)):
            yield [(seq, line) for seq, line, _ in self._read(path, first, first)]

    def _read(self, path: Path, first: int, wanted: int) -> Iterator[tuple[int, bytes, int]]:
        """Yield the lines of a segment from number `wanted` on, each with the offset that follows it."""
        seq, offset = first, 0
        if self._place is not None and self._place[:2] == (wanted, path):
            seq, offset = wanted, self._place[2]
        try:
            with path.open("rb") as file:
                file.seek(offset)
                for raw in file:
                    if not raw.endswith(b"\n"):  # still being written
                        return
                    offset += len(raw)
                    if seq >= wanted:
                        yield seq, raw[:-1], offset
                    seq += 1
        except FileNotFoundError:  # it fell out of the ring just now
            return


def _segments(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in folder.glob("*.txt"))


def _mend(first: int, path: Path) -> int:
    """Cut off a line that was not written to its end, and return the number of the line that comes next."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    return first + data.count(b"\n")
