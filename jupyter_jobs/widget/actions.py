"""What a reader can do from the panel: one function an action, and the table that names them.

Clicks arrive on the main thread or on a subshell's, whose event loop is another one. An action is a call to the server
and a function that turns the answer into what the page gets; `perform` runs it where it does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

from jupyter_jobs.errors import InvalidJob, JobsError
from jupyter_jobs.jobs import asked, bulk, calls
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.estimates import Queue
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobKind, JobStatus
from jupyter_jobs.jobs.profiles import Profile
from jupyter_jobs.widget import details as told
from jupyter_jobs.widget import repro as reproduced
from jupyter_jobs.widget.facts import Asked

__all__ = ["ACTIONS", "Action", "Exchange", "available", "perform"]

log = logging.getLogger("jupyter_jobs.widget")

Exchange = Generator[Call[Any], Any, Mapping[str, Any]]
Reply = Callable[[Mapping[str, Any]], None]

LOG_LINES = 40  # lines of a job's output beside its details


class Action(NamedTuple):
    """Something that a reader can do.

    Attributes:
        run: Takes the client and the ids of jobs, or the job to submit; yields the calls, returns what the page gets.
        needs: The operation without which the API cannot do it, if there is one.
        is_slow: Whether it does more than ask, and takes its time: it never runs on the event loop's thread.
    """

    run: Callable[[JobClient, Sequence[Any]], Exchange]
    needs: str | None = None
    is_slow: bool = False


def cancel(client: JobClient, ids: Sequence[str]) -> Exchange:
    """Ask for the end of jobs."""
    done: list[str] = []
    refused: dict[str, str] = {}
    outcomes = yield from bulk.cancel_many(ids, client.target.profile)
    for id_, outcome in zip(ids, outcomes, strict=True):
        if isinstance(outcome, JobsError):
            refused[id_] = str(outcome)
            continue
        client.store.merge(outcome)
        status = JobStatus(outcome["status"])
        if status in (JobStatus.CANCELLING, JobStatus.CANCELLED):
            done.append(id_)
        else:
            refused[id_] = f"It has ended already: {status.word}. There is nothing to cancel."
    return {"done": done, "refused": refused}


def retry(client: JobClient, ids: Sequence[str]) -> Exchange:
    """Submit the work of jobs that ended again."""
    retries: dict[str, str] = {}
    refused: dict[str, str] = {}
    outcomes = yield from bulk.retry_many(ids, client.target.profile)
    for id_, outcome in zip(ids, outcomes, strict=True):
        if isinstance(outcome, JobsError):
            refused[id_] = str(outcome)
        else:
            client.store.merge(outcome)
            retries[id_] = outcome["id"]
    return {"done": list(retries), "refused": refused, "retries": retries}


def details(client: JobClient, ids: Sequence[str]) -> Exchange:
    """Tell all about one job, with its last lines; of an API that cannot be asked, what its events have told."""
    profile = client.target.profile
    handle = yield from _one(client, ids, anew=profile.has("getJob"))
    is_queued = handle.status is JobStatus.QUEUED
    lines: list[Mapping[str, Any]] = []
    files: list[Mapping[str, Any]] = []
    queue = None
    if not is_queued and profile.has("jobLogs"):
        lines = (yield calls.logs(handle.id, tail=LOG_LINES))["lines"] or []
    if not is_queued and profile.has("jobFiles"):
        files = yield asked.files(handle.id)
    if is_queued and profile.has("jobQueue"):
        queue = yield asked.queue(handle.id)
    place = queue and Queue(queue["ahead"], queue["seconds"])
    known = Asked([line["text"] for line in lines], files, place)
    return told.details(client.store, handle.record, known)


def submit(client: JobClient, jobs: Sequence[Any]) -> Exchange:
    """Submit a request by name, as the panel's form has it: `request`, `priority`, `params`."""
    [job] = jobs if len(jobs) == 1 else [None]
    if not isinstance(job, Mapping) or not isinstance(job.get("request"), str):
        raise InvalidJob(
            "this takes one job: the name of its request, its priority, its parameters"
        )
    options = {name: job[name] for name in ("priority", "params") if job.get(name) is not None}
    handle = yield from client.submitting(job["request"], (), options)
    return {"id": handle.id}


def again(client: JobClient, ids: Sequence[str]) -> Exchange:
    """Submit anew what was not, since its key has a job already."""
    body = yield client.again(_only(ids))
    return {"id": client.adopt(body).id}


def repro(client: JobClient, ids: Sequence[str]) -> Exchange:
    """Write a cell that does the work of one job here."""
    target = client.target
    job = (yield from _one(client, ids)).record
    payload = None
    if job.kind is not JobKind.FUNCTION and target.profile.has("jobPayload"):
        payload = yield calls.payload(job.id)
    return {"code": reproduced.cell(job, payload, is_here=target.endpoint.is_loopback)}


def reconnect(client: JobClient, _: Sequence[str]) -> Exchange:
    """Connect now rather than after the back-off."""
    client.reconnect()
    yield from ()
    return {}


ACTIONS: Mapping[str, Action] = {
    "cancel": Action(cancel, needs="cancelJob"),
    "retry": Action(retry, needs="retryJob"),
    "details": Action(details),
    "repro": Action(repro),
    "again": Action(again),
    "submit": Action(submit),
    "reconnect": Action(reconnect),
}
"""Name in the page's message -> what it does."""


def available(profile: Profile) -> list[str]:
    """Return what a page can offer for an API of this kind; "follow" is to follow a job's log."""
    needed = {name: action.needs for name, action in ACTIONS.items()} | {"follow": "jobLogs"}
    return [name for name, needs in needed.items() if needs is None or profile.has(needs)]


def perform(
    client: JobClient,
    name: str,
    ids: Sequence[Any],
    reply: Reply,
    *,
    actions: Mapping[str, Action] = ACTIONS,
) -> None:
    """Run one action and reply; never raises.

    On the thread of the client's event loop the request is awaited there, so that a slow answer does not hold the
    kernel; on any other thread it is made at once, since that loop may be blocked by a cell.

    Args:
        client: Whose jobs.
        name: Of the action.
        ids: Of the jobs that it is about; the job itself where it is to be submitted.
        reply: Takes what the page is answered.
        actions: Those that there are, by name.
    """
    action = actions.get(name)
    if action is None:
        reply({"ok": False, "error": f"this kernel knows no action {name!r}; reload the page"})
    elif threading.get_ident() == client.thread_id:
        client.spawn(_perform(client, action, ids, reply), name=f"jupyter-jobs {name}")
    else:
        with _Replying(reply) as answer:
            answer.data = client.api.drive_sync(action.run(client, ids))


async def _perform(client: JobClient, action: Action, ids: Sequence[Any], reply: Reply) -> None:
    with _Replying(reply) as answer:
        exchange = action.run(client, ids)
        if action.is_slow:
            answer.data = await asyncio.to_thread(client.api.drive_sync, exchange)
        else:
            answer.data = await client.api.drive(exchange)


def _one(
    client: JobClient, ids: Sequence[str], *, anew: bool = False
) -> Generator[Call[Any], Any, JobHandle[Any]]:
    """Return the one job that an action is about, as it is known or, if wanted, as it is now."""
    id_ = _only(ids)
    handle = None if anew else client.known(id_)
    return handle or client.found(id_, (yield calls.get(id_)))


def _only(ids: Sequence[str]) -> str:
    if len(ids) != 1:
        raise InvalidJob(f"this is about one job, not {len(ids)}: choose one")
    return ids[0]


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
            self._reply({"ok": False, "error": f"this failed in the kernel, try it again: {error}"})
        elif isinstance(error, KeyboardInterrupt):
            self._reply({"ok": False, "error": "the kernel was interrupted; try it again"})
        return isinstance(error, Exception)
