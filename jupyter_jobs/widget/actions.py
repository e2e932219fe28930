"""What a reader can do from the panel: one function an action, and the table that names them.

Clicks arrive on the main thread or on a subshell's, whose event loop is another one. An action is a call to the server
and a function that turns the answer into what the page gets; `perform` runs it where it does no harm.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any

from jupyter_jobs._redact import redact
from jupyter_jobs.errors import JobsError
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.widget.panel_state import epoch_ms

__all__ = ["ACTIONS", "Action", "perform"]

log = logging.getLogger("jupyter_jobs.widget")

Action = Callable[[JobClient, str], Generator[Call[Any], Any, Mapping[str, Any]]]
Reply = Callable[[Mapping[str, Any]], None]

LOG_LINES = 40  # lines of a job's output beside its details
LOGS_PANE = 2000  # lines in the log pane
_PREVIEW = 500  # characters of parameters and result
_TRACEBACK = 20_000


def cancel(client: JobClient, job_id: str) -> Generator[Call[Any], Any, Mapping[str, Any]]:
    """Ask for the job's end."""
    client.adopt((yield calls.cancel(job_id)))
    return {}


def details(client: JobClient, job_id: str) -> Generator[Call[Any], Any, Mapping[str, Any]]:
    """Tell all about one job, with its last lines; of an API that cannot be asked, what its events have told."""
    profile = client.target.profile
    handle = None if profile.has("getJob") else client.known(job_id)
    if handle is None:
        handle = client.found(job_id, (yield calls.get(job_id)))
    lines: list[Mapping[str, Any]] = []
    if profile.has("jobLogs"):
        lines = (yield calls.logs(job_id, tail=LOG_LINES))["lines"] or []
    return {**_details(handle.record), "log": [line["text"] for line in lines]}


def logs(client: JobClient, job_id: str) -> Generator[Call[Any], Any, Mapping[str, Any]]:
    """Tell what a job has printed."""
    page = yield calls.logs(job_id, tail=LOGS_PANE)
    return {"lines": page["lines"] or [], "ended": bool(page["ended"])}


def reconnect(client: JobClient, _: str) -> Generator[Call[Any], Any, Mapping[str, Any]]:
    """Connect now rather than after the back-off."""
    client.reconnect()
    yield from ()
    return {}


ACTIONS: Mapping[str, Action] = {
    "cancel": cancel,
    "details": details,
    "logs": logs,
    "reconnect": reconnect,
}
"""Name in the page's message -> what it does."""


def perform(client: JobClient, name: str, job_id: str, reply: Reply) -> None:
    """Run one action and reply; never raises.

    On the thread of the client's event loop the request is awaited there, so that a slow answer does not hold the
    kernel; on any other thread it is made at once, since that loop may be blocked by a cell.
    """
    action = ACTIONS.get(name)
    if action is None:
        reply({"ok": False, "error": f"this kernel knows no action {name!r}; reload the page"})
        return
    if threading.get_ident() == client.thread_id:
        client.spawn(_perform(client, action, job_id, reply), name=f"jupyter-jobs {name}")
        return
    with _Replying(reply) as answer:
        answer.data = client.api.drive_sync(action(client, job_id))


async def _perform(client: JobClient, action: Action, job_id: str, reply: Reply) -> None:
    with _Replying(reply) as answer:
        answer.data = await client.api.drive(action(client, job_id))


class _Replying:
    """Replies with `data` or with what went wrong."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.data: Mapping[str, Any] = {}

    def __enter__(self) -> _Replying:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is None:
            self._reply({"ok": True, "data": self.data})
        elif isinstance(error, JobsError):
            self._reply({"ok": False, "error": str(error)})
        elif isinstance(error, Exception):
            log.error("an action of the panel failed", exc_info=error)
            self._reply({"ok": False, "error": f"{type(error).__name__}: {error}"})
        return isinstance(error, Exception)


def _details(job: Job) -> dict[str, Any]:
    error = job.error or {}
    return {
        "request": job.request,
        "kind": job.kind,
        "priority": job.priority,
        "group": job.group,
        "params": _preview(job.params),
        "result": f"{job.result_size:,} bytes, by job.result()"
        if job.result_size is not None
        else _preview(job.result),
        "error": {
            "type": error.get("type"),
            "message": error.get("message"),
            "traceback": str(error.get("traceback") or "")[-_TRACEBACK:] or None,
            "exitCode": error.get("exitCode"),
            "signal": error.get("signal"),
        }
        if error
        else None,
        "version": job.version,
        "createdAt": epoch_ms(job.created_at),
        "startedAt": epoch_ms(job.started_at),
        "finishedAt": epoch_ms(job.finished_at),
    }


def _preview(value: Any) -> str | None:
    if value is None:
        return None
    text = redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"
