"""What a job's runs are bound by, and what is said of a run that failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from jupyter_jobs.backend.storage.rows import Body
from jupyter_jobs.jobs.model import JobStatus, reason_of

__all__ = [
    "BACKOFF_LIMIT_S",
    "Rules",
    "describe_dependency",
    "describe_error",
    "end_of",
    "in_short",
    "run_of",
]

BACKOFF_S = 1.0
BACKOFF_LIMIT_S = 300.0
_LINE_LIMIT = 120  # characters

_WORDS = {
    "FAILED": "failed",
    "TIMED_OUT": "timed out",
    "LOST": "was lost",
    "CANCELLED": "was cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a job, those that are not set by their default.

    Attributes:
        queue_timeout: Seconds that it waits for a free place; None for as long as it takes.
        retries: Runs after the first.
        backoff: Seconds between the first run and the second, doubled each time.
        cpus: What it takes of the machine.
    """

    queue_timeout: float | None = None
    retries: int = 0
    backoff: float = BACKOFF_S
    cpus: int = 1

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read them from a job."""
        told = json.loads(body["rules"] or "{}")
        names = {
            "queueTimeout": "queue_timeout",
            "retries": "retries",
            "backoff": "backoff",
            "cpus": "cpus",
        }
        return cls(**{names[name]: value for name, value in told.items() if name in names})

    def delay(self, run: int) -> float | None:
        """Return the seconds between a run that failed and the next; None if it was the last."""
        if run > self.retries:
            return None
        return min(self.backoff * 2.0 ** min(run - 1, 64), BACKOFF_LIMIT_S)


def run_of(body: Body) -> int:
    """Return the number of a job's present run, or of its next one if it waits."""
    return len(json.loads(body["history"] or "[]")) + 1


def describe_error(error: Mapping[str, Any] | None) -> str:
    """Return an error as a line: `ValueError: bad day`."""
    line = " ".join(reason_of(error).encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LINE_LIMIT else line[: _LINE_LIMIT - 1] + "…"


def describe_dependency(body: Body) -> str | None:
    """Return why a job that has ended fails those that wait for it; None if it succeeded.

    Of a job that was itself failed by another, the first cause is told.
    """
    status = JobStatus(body["status"])
    if status is JobStatus.SUCCEEDED:
        return None
    error = json.loads(body["error"] or "null") or {}
    if not isinstance(error, dict):  # a worker of somebody else's may say no more than a sentence
        error = {"message": error}
    if error.get("type") == "DependencyFailed":
        return str(error["message"])
    known = status is JobStatus.FAILED  # of the others, the word says what the type would
    reason = describe_error(error if known else {"message": error.get("message")})
    name = body["name"] or body["request"] or body["id"]
    return f"{name} {_WORDS[status]}" + (f": {reason}" if reason else "")


def end_of(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job has of its outcome."""
    changes: dict[str, Any] = {"status": outcome["status"]}
    for name in ("result", "error"):
        if outcome.get(name) is not None:
            changes[name] = json.dumps(outcome[name])
    if "resultSize" in outcome:
        changes["resultSize"] = outcome["resultSize"]
    return changes


def in_short(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the end of a job without what no event can carry; the result stays in `outcome.json`."""
    short = {name: value for name, value in changes.items() if name not in ("result", "error")}
    if "result" in changes:
        short["resultSize"] = len(changes["result"])
    if "error" in changes:
        error = json.loads(changes["error"])
        short["error"] = json.dumps(
            {**error, "message": error["message"][:500], "traceback": "", "log": []}
        )
    return short
