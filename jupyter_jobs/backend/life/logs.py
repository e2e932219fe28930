"""The backend's log: one JSON object an event in `backend.log`, which is rotated, and lines for people on a terminal.

Both are redacted, and no text that is logged can steer the terminal or begin a line of its own.

    {"time": "2026-11-23T09:00:00.123Z", "level": "warning", "event": "…", "job": "3fa8…", "logger": "…", "error": "…"}

`job` is there where the message speaks of one, `error` where there is a traceback.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from jupyter_jobs._redact import redact

__all__ = ["LOG_BYTES", "LOG_FILES", "Event", "last_warnings", "logging_to"]

LOG_BYTES = 5_000_000
"""Size at which `backend.log` becomes `backend.log.1`."""

LOG_FILES = 4
"""How many of those before are kept beside it."""

_CONVERSION = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])")
_TAIL_BYTES = 256 * 1024  # of the log that are looked at for its last warnings

Event = dict[str, Any]


@contextmanager
def logging_to(folder: Path, *, quiet: bool) -> Iterator[None]:
    """Log to `backend.log` in a folder for a block, and to the standard error too unless quiet."""
    file = _PrivateFile(folder / "backend.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    file.setFormatter(_AsJson())
    handlers: list[logging.Handler] = [file]
    if not quiet:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setFormatter(_AsText("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    # uvicorn tells of each connection with its whole URL, and some clients put their key there.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def last_warnings(path: Path, count: int) -> list[Event]:
    """Return the newest warnings and errors of a log, oldest first; none if it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    found: list[Event] = []
    for line in reversed(lines):
        if len(found) == count:
            break
        try:
            event = json.loads(line)
        except ValueError:  # the end of one that was cut off, or a line of an earlier release
            continue
        if isinstance(event, dict) and event.get("level") in ("warning", "error", "critical"):
            found.append(event)
    return found[::-1]


class _PrivateFile(RotatingFileHandler):
    """A log that only its owner can read; a disk that is full or has no handle left costs lines, and nothing else."""

    _lost = 0

    def _open(self) -> IO[Any]:  # type: ignore[override]  # typeshed has TextIOWrapper, which `open` with an opener returns
        return open(
            self.baseFilename,
            "a",
            encoding="utf-8",
            opener=lambda path, flags: os.open(path, flags, 0o600),
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and before it how many could not be written."""
        if self._lost:
            lost, self._lost = self._lost, 0
            told = "%d lines of this log could not be written"
            before = self._lost
            super().emit(
                logging.LogRecord(__name__, logging.WARNING, __file__, 0, told, (lost,), None)
            )
            if self._lost > before:
                self._lost = lost
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Count a line that could not be written."""
        self._lost += 1


class _AsText(logging.Formatter):
    """A line for people; whatever is not to be seen is escaped, line ends of a message too."""

    def format(self, record: logging.LogRecord) -> str:
        told, record.exc_text = record.exc_text, None  # another handler's, and not escaped
        try:
            return super().format(record)
        finally:
            record.exc_text = told

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _visible(record.message)
        return redact(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return _text_of(super().formatException(ei))


class _AsJson(logging.Formatter):
    """A JSON object on a line; JSON's own escapes keep control characters out."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event: Event = {
            "time": f"{at}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": redact(record.getMessage()),
        }
        if (job := _job_of(record)) is not None:
            event["job"] = redact(job)
        event["logger"] = record.name
        if record.exc_info and record.exc_info[0] is not None:
            event["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(event)


def _job_of(record: logging.LogRecord) -> str | None:
    """Return the id of the job that a message speaks of: what stands for the `%s` after the word."""
    if not isinstance(record.msg, str) or not isinstance(record.args, tuple):
        return None
    place = 0
    for match in _CONVERSION.finditer(record.msg):
        if match[1] == "%":
            continue
        if record.msg[: match.start()].endswith("job ") and place < len(record.args):
            return str(record.args[place])
        place += 1
    return None


def _visible(text: str) -> str:
    """Return a text on one line, with whatever steers a terminal or a reading direction as its escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _text_of(traceback: str) -> str:
    return redact("\n".join(_visible(line) for line in traceback.split("\n")))
