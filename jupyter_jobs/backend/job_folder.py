"""What a job has left in its folder, as the schema tells it: output, series, files, result."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from jupyter_jobs.worker.logfile import LogLine, LogReader
from jupyter_jobs.worker.outcome import read_json

__all__ = ["FILES_LIMIT", "INLINE_LIMIT", "JobFolder"]

FILES_LIMIT = 1000
INLINE_LIMIT = 8 * 1024 * 1024  # bytes of a result that travel; more are left where they are


class JobFolder:
    """The folder of one job; what is not there yet, or not any more, is empty. Its methods read from the disk.

    Args:
        path: Of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is written into it."""
        return (self._path / "outcome.json").exists()

    def log(
        self, *, after: int | None, since: datetime | None, tail: int | None, limit: int
    ) -> dict[str, Any]:
        """Return lines of its output as a `LogPage` of the schema."""
        reader = LogReader(self._path / "log")
        ended = self.has_ended  # before reading: nothing follows if it was there
        if tail is not None and after is None:
            page = reader.tail(min(tail, limit))
        else:
            page = reader.page(after or 0, limit)
        return {
            "lines": [_log_line(line) for line in page.lines],
            "ended": ended and page.at_end,
            "dropped": page.dropped,
        }

    def metrics(self, *, after: int | None, limit: int) -> dict[str, Any]:
        """Return points of what it measures as a `MetricPage` of the schema."""
        return {"points": [], "ended": self.has_ended, "dropped": 0}

    def files(self) -> list[dict[str, Any]]:
        """Return the files that it keeps, as `JobFile`s of the schema; links are left out, wherever they lead."""
        root = self._path / "files"
        if root.is_symlink():
            return []
        return [
            {
                "name": path.relative_to(root).as_posix(),
                "size": told.st_size,
                "modifiedAt": _iso(told.st_mtime),
                "path": str(path),
            }
            for path, told in islice(_regular_files(root), FILES_LIMIT)
        ]

    def result(self, body: dict[str, Any], *, may_stay: bool) -> dict[str, Any] | None:
        """Return what it came to as a `JobResult` of the schema, or None if it has come to nothing.

        Args:
            body: The job.
            may_stay: Whether a large one may be told by its path.
        """
        if body["status"] == "FAILED":
            return self._pickle("error.pickle", "exception", may_stay)
        if body["status"] != "SUCCEEDED":
            return None
        if (pickled := self._pickle("result.pickle", "pickle", may_stay)) is not None:
            return pickled
        text = body["result"]
        if text is None and body["resultSize"] is not None:
            text = json.dumps((read_json(self._path / "outcome.json") or {}).get("result"))
        return {"encoding": "json", "data": base64.b64encode((text or "null").encode()).decode()}

    def _pickle(self, name: str, encoding: str, may_stay: bool) -> dict[str, Any] | None:
        path = self._path / name
        with suppress(FileNotFoundError):
            if may_stay and path.stat().st_size > INLINE_LIMIT:
                return {"encoding": encoding, "path": str(path)}
            return {"encoding": encoding, "data": base64.b64encode(path.read_bytes()).decode()}
        return None


def _log_line(line: LogLine) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "time": _iso(line.time_ms / 1000),
        "stream": line.stream,
        "text": line.text,
    }


def _regular_files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files below a folder, by name; one that vanishes meanwhile is none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            told = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(told.st_mode):
                yield from _regular_files(Path(entry.path))
            elif stat.S_ISREG(told.st_mode):
                yield Path(entry.path), told


def _iso(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
