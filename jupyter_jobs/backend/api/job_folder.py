"""What a job has left in its folder, as the schema tells it: output, series, files, result."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.worker.logfile import LogLine, LogReader
from jupyter_jobs.worker.metrics import MetricPoint, MetricsReader
from jupyter_jobs.worker.outcome import read_json

__all__ = ["FILES_LIMIT", "INLINE_LIMIT", "JobFolder"]

FILES_LIMIT = 1000
INLINE_LIMIT = 8 * 1024 * 1024  # bytes of a result that travel; more are left where they are


class JobFolder:
    """The folder of one job; what is not there yet, or not any more, is empty. Its methods read from the disk.

    Args:
        path: Of the folder.
        body: The job, as it was before anything is read: of one that had ended nothing more is written.
    """

    def __init__(self, path: Path, body: Mapping[str, Any]) -> None:
        self._path = path
        self._body = body
        self._ended = JobStatus(body["status"]).is_terminal

    def log(
        self, *, after: int | None, since: datetime | None, tail: int | None, limit: int
    ) -> dict[str, Any]:
        """Return lines of its output as a `LogPage` of the schema."""
        reader = LogReader(self._path / "log")
        since_ms = None if since is None else int(since.timestamp() * 1000)
        if tail is not None and after is None:
            page = reader.tail(min(tail, limit), since_ms)
        else:
            page = reader.page(after or 0, limit, since_ms)
        return {
            "lines": [_log_line(line) for line in page.lines],
            "ended": self._ended and page.at_end,
            "dropped": page.dropped,
        }

    def metrics(self, *, after: int | None, limit: int) -> dict[str, Any]:
        """Return points of what it measures as a `MetricPage` of the schema."""
        page = MetricsReader(self._path / "metrics").page(after or 0, limit)
        return {
            "points": [_metric_point(point) for point in page.points],
            "ended": self._ended and page.at_end,
            "dropped": page.dropped,
        }

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

    def result(self, *, may_stay: bool) -> dict[str, Any] | None:
        """Return what it came to as a `JobResult` of the schema, or None if it has come to nothing.

        Args:
            may_stay: Whether a large one may be told by its path.

        Raises:
            Refusal: `ResultExpired`: there was a result, and its files were pruned.
        """
        body = self._body
        if body["status"] == "FAILED":
            told = json.loads(body["error"] or "null")
            loadable = isinstance(told, dict) and bool(told.get("loadable"))
            return self._pickle("error.pickle", "exception", may_stay, was_there=loadable)
        if body["status"] != "SUCCEEDED":
            return None
        text = body["result"]
        large = text is None and body["resultSize"] is not None
        outcome = read_json(self._path / "outcome.json") if large else None
        in_json = outcome is not None and "result" in outcome
        pickled = self._pickle("result.pickle", "pickle", may_stay, was_there=large and not in_json)
        if pickled is not None:
            return pickled
        if outcome is not None and in_json:
            text = json.dumps(outcome["result"])
        return {"encoding": "json", "data": base64.b64encode((text or "null").encode()).decode()}

    def _pickle(
        self, name: str, encoding: str, may_stay: bool, *, was_there: bool
    ) -> dict[str, Any] | None:
        path = self._path / name
        with suppress(FileNotFoundError):
            if may_stay and path.stat().st_size > INLINE_LIMIT:
                return {"encoding": encoding, "path": str(path)}
            return {"encoding": encoding, "data": base64.b64encode(path.read_bytes()).decode()}
        if was_there:
            raise Refusal(
                "ResultExpired",
                f"The result of job {self._body['id']} is not kept any more: its files were pruned.",
            )
        return None


def _log_line(line: LogLine) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "time": _iso(line.time_ms / 1000),
        "stream": line.stream,
        "text": line.text,
    }


def _metric_point(point: MetricPoint) -> dict[str, Any]:
    return {
        "seq": point.seq,
        "time": _iso(point.time_ms / 1000),
        "step": point.step,
        "values": json.dumps(point.values),
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
