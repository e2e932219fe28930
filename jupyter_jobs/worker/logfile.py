"""A job's log: the first lines and the newest ones, however much is printed.

The segments hold one line each as `o1732305600123 text`: the stream (`o` or `e`), epoch milliseconds, the text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_jobs.worker.segments import Lines, SegmentReader, SegmentWriter

__all__ = ["LogLine", "LogPage", "LogReader", "LogWriter"]

LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut into several
TAIL_LINES = 20
_TAIL_LINE_LIMIT = 1000  # bytes of each line of the tail
_STREAMS = {"o": "stdout", "e": "stderr"}


class LogWriter:
    """Appends chunks of output, at the cost of a few C calls for each.

    Args:
        folder: Of the segments; made if missing. A later writer goes on with the numbers.
        limit: Bytes that the log may take, about.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._segments = SegmentWriter(folder, limit)
        self._partial = {"o": b"", "e": b""}
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._unread = 0

    @property
    def tail(self) -> list[str]:
        """The last lines, in short."""
        return [line[:_TAIL_LINE_LIMIT].decode("utf-8", "replace") for line in self._tail]

    def news(self) -> list[str]:
        """Return the newest lines since this was called last, and those that have no end yet."""
        lines = [*self.tail[len(self._tail) - min(self._unread, len(self._tail)) :]]
        self._unread = 0
        return lines + [
            partial[-_TAIL_LINE_LIMIT:].decode("utf-8", "replace").strip()
            for partial in self._partial.values()
            if partial.strip()
        ]

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

    def close(self, now_ms: int) -> None:
        """Write what has no line end yet, and close."""
        for stream, partial in self._partial.items():
            if partial:
                self._append(stream, _fold(partial), now_ms)
        self._partial = {"o": b"", "e": b""}
        self._segments.close()

    def _append(self, stream: str, lines: bytes, now_ms: int) -> None:
        prefix = b"%c%d " % (ord(stream), now_ms)
        count = lines.count(b"\n") + 1
        self._segments.append(prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n", count)
        self._tail.extend(lines.rsplit(b"\n", TAIL_LINES)[-TAIL_LINES:])
        self._unread += count


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
        self._segments = SegmentReader(folder)

    def page(self, after: int = 0, limit: int = 1000, since: int | None = None) -> LogPage:
        """Return the lines that follow line number `after`, at most `limit`, none across a gap.

        Args:
            after: Number of a line, 0 for the beginning.
            limit: Lines to return.
            since: Epoch milliseconds; lines of earlier times are passed over.
        """
        if since is not None:
            after = max(after, self._last_before(since))
        return _page(self._segments.page(after, limit))

    def tail(self, count: int, since: int | None = None) -> LogPage:
        """Return the last `count` lines, fewer where the gap or `since` (epoch milliseconds) is nearer."""
        page = _page(self._segments.tail(count))
        if since is not None and any(line.time_ms < since for line in page.lines):
            page.lines = [line for line in page.lines if line.time_ms >= since]
            page.dropped = 0
        return page

    def _last_before(self, since: int) -> int:
        """Return the number of the last line that is older, 0 if there is none; times go up with the numbers."""
        for lines in self._segments.newest_first():
            if lines and _time_of(lines[0][1]) < since:
                return lines[bisect_left(lines, since, key=lambda line: _time_of(line[1])) - 1][0]
        return 0


def _page(read: Lines) -> LogPage:
    return LogPage([_parse(seq, line) for seq, line in read.lines], read.dropped, read.at_end)


def _parse(seq: int, raw: bytes) -> LogLine:
    head, _, text = raw.decode("utf-8", "replace").partition(" ")
    return LogLine(seq, int(head[1:]), _STREAMS[head[0]], text)


def _time_of(raw: bytes) -> int:
    return int(raw[1 : raw.index(b" ")])


def _fold(lines: bytes) -> bytes:
    if b"\r" not in lines:
        return lines
    return b"\n".join(line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines.split(b"\n"))
