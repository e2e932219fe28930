"""A job's log: the first lines and the newest ones, however much is printed.

Segments named by the number of their first line, `000000000001.txt`, hold one line each as `o1732305600123 text`: the
stream (`o` or `e`), epoch milliseconds, the text. The first segment stays; of the others the newest `RING` stay, and
what falls out between is seen by the gap in the numbers. Segments are written by one process, whole lines at a time,
and read by another at any time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["LogLine", "LogPage", "LogReader", "LogWriter"]

RING = 4
LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut into several
TAIL_LINES = 20
_TAIL_LINE_LIMIT = 1000  # bytes of each line of the tail
_PAGE_BYTES = 1024 * 1024
_STREAMS = {"o": "stdout", "e": "stderr"}


class LogWriter:
    """Appends chunks of output, at the cost of a few C calls for each.

    Args:
        folder: Of the segments; made if missing.
        limit: Bytes that the log may take, about.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._segment_limit = max(limit // (RING + 1), 1)
        self._ring: deque[Path] = deque()
        self._next_seq = 1
        self._size = 0
        self._file = -1
        self._partial = {"o": b"", "e": b""}
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._last = b""
        self._open()

    @property
    def last_line(self) -> str:
        """The newest line that is not blank; an unfinished one when nothing was finished with it."""
        return self._last.decode("utf-8", "replace").strip()

    @property
    def tail(self) -> list[str]:
        """The last lines, in short."""
        return [line[:_TAIL_LINE_LIMIT].decode("utf-8", "replace") for line in self._tail]

    def feed(self, stream: str, chunk: bytes, now_ms: int) -> None:
        """Take in what was read from `stream` (`o` or `e`). A carriage return starts the line again, as on a terminal."""
        data = self._partial[stream] + chunk
        end = data.rfind(b"\n")
        if end < 0 and len(data) > LINE_LIMIT:
            end = len(data)
        complete, partial = (data[:end], data[end + 1 :]) if end >= 0 else (None, data)
        if b"\r" in data:
            complete = None if complete is None else _fold(complete)
            ended = partial.endswith(b"\r")  # perhaps half of a CRLF
            partial = _fold(partial) + (b"\r" if ended else b"")
        self._partial[stream] = partial
        if complete is not None:
            self._append(stream, complete, now_ms)
        elif partial.strip():
            self._last = partial[-_TAIL_LINE_LIMIT:]

    def close(self, now_ms: int) -> None:
        """Write what has no line end yet, and close."""
        for stream, partial in self._partial.items():
            if partial:
                self._append(stream, _fold(partial), now_ms)
        self._partial = {"o": b"", "e": b""}
        os.close(self._file)

    def _append(self, stream: str, lines: bytes, now_ms: int) -> None:
        prefix = b"%c%d " % (ord(stream), now_ms)
        body = prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n"
        if self._size and self._size + len(body) > self._segment_limit:
            self._rotate()
        _write(self._file, body)
        self._size += len(body)
        self._next_seq += lines.count(b"\n") + 1
        newest = lines.rsplit(b"\n", TAIL_LINES)[-TAIL_LINES:]
        self._tail.extend(newest)
        for line in reversed(newest):
            if line.strip():
                self._last = line[-_TAIL_LINE_LIMIT:]
                break

    def _rotate(self) -> None:
        os.close(self._file)
        self._ring.append(self._open())
        if len(self._ring) > RING:
            self._ring.popleft().unlink(missing_ok=True)

    def _open(self) -> Path:
        path = self._folder / f"{self._next_seq:012d}.txt"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = 0
        return path


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its number from 1, epoch milliseconds, `stdout` or `stderr`, the text."""

    seq: int
    time_ms: int
    stream: str
    text: str


@dataclass(slots=True)
class LogPage:
    """Consecutive lines.

    Attributes:
        lines: Oldest first.
        dropped: Lines that the size limit dropped right before the first one.
        at_end: Whether nothing follows yet.
    """

    lines: list[LogLine] = field(default_factory=list)
    dropped: int = 0
    at_end: bool = True


class LogReader:
    """Reads a log that may still be written; goes on where the last page ended without reading again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place: tuple[int, Path, int] | None = None  # next line's number, its segment, offset

    def page(self, after: int = 0, limit: int = 1000) -> LogPage:
        """Return the lines that follow line number `after`, at most `limit`, none across a gap."""
        page = LogPage()
        segments = self._segments()
        expected = after + 1
        index = max((i for i, (first, _) in enumerate(segments) if first <= expected), default=0)
        size = 0
        for first, path in segments[index:]:
            if first > expected:
                if page.lines:
                    page.at_end = False
                    return page
                page.dropped, expected = first - expected, first
            for line, place in self._lines(path, first, expected):
                if len(page.lines) >= limit or size > _PAGE_BYTES:
                    page.at_end = False
                    return page
                page.lines.append(line)
                size += len(line.text)
                expected = line.seq + 1
                self._place = (expected, path, place)
        return page

    def tail(self, count: int) -> LogPage:
        """Return the last `count` lines, fewer where the gap is nearer."""
        page = LogPage()
        for first, path in reversed(self._segments()):
            lines = [line for line, _ in self._lines(path, first, first)]
            if page.lines and lines and lines[-1].seq + 1 != page.lines[0].seq:
                page.dropped = page.lines[0].seq - lines[-1].seq - 1
                break
            page.lines[:0] = lines[max(len(lines) - (count - len(page.lines)), 0) :]
            if len(page.lines) >= count:
                break
        return page

    def _segments(self) -> list[tuple[int, Path]]:
        return sorted((int(path.stem), path) for path in self._folder.glob("*.txt"))

    def _lines(self, path: Path, first: int, wanted: int) -> Iterator[tuple[LogLine, int]]:
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
                        yield _parse(seq, raw), offset
                    seq += 1
        except FileNotFoundError:  # it fell out of the ring just now
            return


def _parse(seq: int, raw: bytes) -> LogLine:
    head, _, text = raw[:-1].decode("utf-8", "replace").partition(" ")
    return LogLine(seq, int(head[1:]), _STREAMS[head[0]], text)


def _fold(lines: bytes) -> bytes:
    if b"\r" not in lines:
        return lines
    return b"\n".join(line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines.split(b"\n"))


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
