"""The recorded states of the panel in `tests/wire/panel-*.json`, which the page's tests and its demo show.

python -m tests.support.panels      # write them anew, after a change of what the page is told
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.columns import decode
from jupyter_jobs.widget.details import details, error_details
from jupyter_jobs.widget.facts import Asked
from jupyter_jobs.widget.panel_state import ROW_FIELDS, PanelState, summary

__all__ = ["FOLDER", "again", "failures"]

Recorded = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "wire"
NOW = 1_795_356_310_000
BACKEND = "this machine"
LIVE = {"state": "connected", "detail": "", "retryAt": None, "attempt": 0, "asOf": NOW}
ACTIONS = ("cancel", "retry", "details", "repro", "again", "submit", "reconnect", "follow")


def recorded(
    about: str,
    bodies: Sequence[Mapping[str, Any]],
    opened: Mapping[str, Any],
    *,
    connection: Mapping[str, Any] = LIVE,
    is_silent: bool = False,
) -> Recorded:
    """What a page is told of these jobs, the most urgent one first; to a page without a kernel only the summary."""
    store = JobStore()
    state = PanelState(store)
    store.observe(state.touch)
    for body in reversed(bodies):
        store.merge(body)
    snapshot = state.snapshot(
        connection, BACKEND, NOW, actions=ACTIONS, requests=["Clean data", "Process data"]
    )
    assert not state.has_more
    made = {
        "about": about,
        "summary": summary(store, connection, BACKEND, NOW),
        "messages": [] if is_silent else [snapshot],
        "details": dict(opened),
    }
    return json.loads(json.dumps(made))


def again(file: Recorded) -> Recorded:
    """Make a recorded state from the jobs that it shows."""
    connection = file["summary"]["connection"]
    if file["messages"]:
        rows = decode(ROW_FIELDS, file["messages"][0]["rows"])
        connection = file["messages"][0]["connection"]
    else:
        rows = file["summary"]["rows"]
    bodies = [_body(row, file["details"].get(row["id"])) for row in rows]
    opened = {
        id_: {**each, "error": each["error"] and error_details(each["error"])}
        for id_, each in file["details"].items()
    }
    return recorded(
        file["about"],
        bodies,
        opened,
        connection=connection,
        is_silent=not file["messages"],
    )


def failures() -> Recorded:
    """A sweep of 100 jobs of which 37 failed alike, and four in other ways."""
    bad = {
        n: f"bad day '2026-{n % 5 + 13}-{n:02}': month must be in 1..12" for n in range(1, 75, 2)
    }
    bodies, opened = [], {}
    for n in range(100):
        id_ = f"{0x5EED0000 + n:08x}-7c41-4f0e-9a52-{n * 7919:012x}"
        start = NOW - 600_000 + n * 4_000
        status, error = "SUCCEEDED", None
        if n in bad:
            status, error = "FAILED", {"type": "ValueError", "message": bad[n]}
        elif n == 80:
            status = "LOST"
            error = {"type": "Lost", "message": "the process that watched over it was killed"}
        elif n in (82, 90):
            status, error = "TIMED_OUT", {"type": "TimedOut", "message": "no end after 10m00s"}
        elif n == 86:
            status, error = "FAILED", {"type": "MemoryError", "message": ""}
        end = start + 3_000 + n * 17 % 2_000
        body = {
            "id": id_,
            "version": 4,
            "name": "clean",
            "kind": "FUNCTION",
            "request": f"clean('raw/{n:03}.csv', strict=True)",
            "status": status,
            "priority": "MEDIUM",
            "progress": 1.0 if error is None else 0.3,
            "done": 10 if error is None else 3,
            "total": 10,
            "message": None if error else f"{n * 37 % 400:,} rows",
            "error": error and json.dumps(error),
            "tags": ["sweep-7", "raw" if n % 4 else "slow disk"],
            "attempt": 2 if n == 94 else 1,
            "createdAt": _iso(NOW - 610_000),
            "startedAt": _iso(start),
            "finishedAt": _iso(end),
        }
        bodies.append(body)
        if n in (1, 3, 80, 82, 86, 94):
            opened[id_] = _details(body, error)
    return recorded("A sweep of 100 jobs: 37 failed alike, four in other ways.", bodies, opened)


def _details(body: Mapping[str, Any], error: Mapping[str, Any] | None) -> dict[str, Any]:
    start, end = _ms(body["startedAt"]), _ms(body["finishedAt"])
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "/srv/plants/clean.py", line 58, in clean\n'
        "    days = [parse_day(name) for name in names]\n"
        '  File "/srv/plants/clean.py", line 41, in parse_day\n'
        "    return datetime.fromisoformat(text)\n"
    )
    if error and body["status"] == "FAILED":
        last = f"{error['type']}: {error['message']}\n"
        error = {**error, "traceback": traceback + last}
    whole = {
        **body,
        "group": "train-5eed0123",
        "submittedFrom": "train.ipynb, cell 5",
        "result": None if error else '{"rows": 212, "bad": 0}',
        "error": error and json.dumps(error),
    }
    store = JobStore()
    store.merge(whole)
    job = store.get(body["id"])
    assert job is not None
    log = ["reading", "strict: on", f"{body['done']} of {body['total']} parts"]
    told = details(store, job, Asked(log))
    if body["attempt"] > 1:
        first = {"id": "5eed0f5e-7c41-4f0e-9a52-000000abcdef", "attempt": 1, "status": "FAILED"}
        times = {"startedAt": start - 90_000, "finishedAt": end - 90_000}
        told["attempts"].insert(0, {**first, **times, "error": "ValueError: bad day '2026-13-01'"})
    return told


def _body(row: Mapping[str, Any], details: Mapping[str, Any] | None) -> dict[str, Any]:
    """A job that has this row."""
    error = details["error"] if details else None
    if error is None and row["error"] is not None:
        kind, colon, message = row["error"].partition(": ")
        error = {"type": kind, "message": message} if colon else {"message": row["error"]}
    times = {name: _iso(row[name]) for name in ("createdAt", "startedAt", "finishedAt")}
    return {**row, **times, "version": 1, "error": error and json.dumps(error)}


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def main() -> None:
    files = {path: again(json.loads(path.read_text())) for path in FOLDER.glob("panel-*.json")}
    files[FOLDER / "panel-failures.json"] = failures()
    for path, file in sorted(files.items()):
        path.write_text(json.dumps(file, indent=2, ensure_ascii=False) + "\n")
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
