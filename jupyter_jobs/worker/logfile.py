"""A job's log: the first lines and the newest ones, however much is printed.

The segments hold one line each as `o1732305600123 text`: the stream (`o` or `e`), epoch milliseconds, the text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_jobs.worker.segments import Lines, SegmentReader, SegmentWriter
from jupyter_jobs.worker.terminal import Screen, plain

__all__ = ["LogLine", "LogPage", "LogReader", "LogWriter"]

TAIL_LINES = 20
_TAIL_LINE_LIMIT = 1000  # characters of each line of the tail
_JOB = b"::job "
_STREAMS = {"o": "stdout", "e": "stderr"}


class LogWriter:
    """Appends chunks of output, at the cost of a few C calls for each.

    What a full disk does not take is lost, and a line says how much that was as soon as there is room for it.

    Args:
        folder: Of the segments; made if missing. A later writer goes on with the numbers.
        limit: Bytes that the log may take, about.
        take: Called with what follows `::job ` on a line of stdout; tells whether it was for it. If so the line is not
            kept.
    """

    def __init__(
        self, folder: Path, limit: int, take: Callable[[bytes], bool] = lambda said: False
    ) -> None:
        self._segments = SegmentWriter(folder, limit, self._describe_loss)
        self._take = take
        self._now_ms = 0
        self._screens = {"o": Screen(), "e": Screen()}
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._unread = 0

    @property
    def tail(self) -> list[str]:
        """The last lines, in short and without colours."""
        return [_in_short(line) for line in self._tail]

    def news(self) -> list[str]:
        """Return the newest lines since this was called last, and those that are not finished, all without colours."""
        unread, self._unread = min(self._unread, len(self._tail)), 0
        rows = [row for screen in self._screens.values() for row in screen.rows]
        unfinished = [_in_short(row) for row in rows if not row.startswith(_JOB)]
        return self.tail[len(self._tail) - unread :] + [row for row in unfinished if row.strip()]

    def feed(self, stream: str, chunk: bytes, now_ms: int) -> None:
        """Take in what was read from `stream` (`o` or `e`)."""
        lines = self._screens[stream].feed(chunk, now_ms)
        if lines is not None:
            self._append(stream, lines, now_ms)

    def close(self, now_ms: int) -> None:
        """Write what has no line end yet, and close. Called again, it tells of what was lost, if there is room by then."""
        for stream, screen in self._screens.items():
            lines = screen.finish()
            if lines is not None:
                self._append(stream, lines, now_ms)
        self._segments.close()

    def _append(self, stream: str, lines: bytes, now_ms: int) -> None:
        if stream == "o" and _JOB in lines:
            kept = [line for line in lines.split(b"\n") if not self._is_taken(line)]
            if not kept:
                return
            lines = b"\n".join(kept)
        self._now_ms = now_ms
        prefix = b"%c%d " % (ord(stream), now_ms)
        count = lines.count(b"\n") + 1
        written = prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n"
        self._segments.append(written, count, len(lines) + 1)
        self._tail.extend(lines.rsplit(b"\n", TAIL_LINES)[-TAIL_LINES:])
        self._unread += count

    def _describe_loss(self, size: int) -> bytes:
        text = f"--- {size:,} bytes of output could not be written here: the disk was full ---"
        return b"e%d %s\n" % (self._now_ms, text.encode())

    def _is_taken(self, line: bytes) -> bool:
        return line.startswith(_JOB) and self._take(line[len(_JOB) :])


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


def _in_short(line: bytes) -> str:
    return plain(line.decode("utf-8", "replace"))[:_TAIL_LINE_LIMIT]
