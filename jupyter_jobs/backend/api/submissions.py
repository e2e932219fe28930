"""How jobs come in: checked, once by id, once by key, with what earlier jobs tell of them."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Awaitable, Mapping
from typing import Any

from jupyter_jobs.backend.api.inputs import (
    read_after,
    read_id,
    read_key,
    read_params,
    read_rules,
    read_tags,
    read_text,
)
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Body, Repository
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.limits import check_event
from jupyter_jobs.jobs.model import SUBMITTED, JobKind, JobStatus, Priority

__all__ = ["Submissions", "fingerprint"]

_WORK = ("function", "args", "shell", "path", "parameters")
"""What a payload has of the work itself; the rest is where and by what it is done."""

_AGAIN_S = 1.0  # for which jobs that were seen are taken to be there


class Submissions:
    """Makes jobs. What need not wait is done at once, so that many can be written together.

    Args:
        repository: Where they are kept.
        runner: Runs them.
    """

    def __init__(self, repository: Repository, runner: Runner) -> None:
        self._repository = repository
        self._runner = runner
        self._seen: tuple[list[str], float] = ([], 0.0)

    def submit(self, given: Mapping[str, Any]) -> Body | Awaitable[Body]:
        """Store a job, or return the one that stands for it already.

        Raises:
            Refusal: It cannot be a job, or there is another with its id or key.
        """
        fields = self._read(given)
        payload = given.get("payload")
        mark = None if fields["key"] is None else fingerprint(fields, payload)
        again = bool(given.get("again"))
        if (there := self._there(fields, payload, mark, again)) is not None:
            return there
        self._check_after(fields["after"])
        try:
            check_event(fields)
        except InvalidJob as error:
            raise Refusal("InvalidJob", str(error)) from None

        def insert() -> Body:
            body = self._insert(fields, payload, mark)
            assert body is not None
            return body

        def look_again() -> Body:
            # Somebody may have been faster while the work was checked.
            return self._there(fields, payload, mark, again) or insert()

        waiting = self._runner.check(fields, payload)
        return insert() if waiting is None else _after(waiting, look_again)

    def retry(self, id_: str) -> Body | Awaitable[Body]:
        """Store the work of a job that ended as a new job, or return the one that was.

        Raises:
            Refusal: The job is not known, is live, or could not run any more.
        """
        ended = self._repository.get(id_)
        if ended is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        if not (status := JobStatus(ended["status"])).is_terminal:
            raise Refusal(
                "InvalidTransition",
                f"Job {id_} is {status.word}; only a job that has ended can be retried. Wait for its end, or cancel it.",
            )
        if (retry := self._repository.retry_of(id_)) is not None:
            return retry
        fields = {name: ended[name] for name in SUBMITTED}
        fields |= {"id": str(uuid.uuid4()), "retryOf": id_, "attempt": ended["attempt"] + 1}
        fields["after"] = self._still_awaited(ended)
        payload = self._repository.payload(id_)
        mark = None if fields["key"] is None else fingerprint(fields, payload)

        def insert() -> Body:
            retry = self._insert(fields, payload, mark) or self._repository.retry_of(id_)
            assert retry is not None  # another call was faster
            return retry

        waiting = self._runner.check(fields, payload)
        return insert() if waiting is None else _after(waiting, insert)

    def _read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        kind = given.get("kind") or JobKind.REQUEST.value
        return {
            "id": read_id(given.get("id") or str(uuid.uuid4())),
            "group": given.get("group"),
            "request": read_text(given["request"], "request"),
            "name": given.get("name") or given["request"].strip(),
            "kind": kind,
            "priority": given.get("priority") or Priority.MEDIUM.value,
            "params": read_params(given.get("params")),
            "tags": read_tags(given.get("tags")),
            "submittedFrom": given.get("submittedFrom"),
            "key": read_key(given.get("key")),
            "batch": given.get("batch"),
            "after": read_after(given.get("after")),
            "rules": read_rules(
                given.get("rules"), None if self._is_elsewhere(kind) else self._runner.slots
            ),
        }

    def _there(
        self, fields: Mapping[str, Any], payload: str | None, mark: str | None, again: bool
    ) -> Body | None:
        """Return the job that stands for a submission already, or None."""
        known = self._repository.get(fields["id"])
        if known is not None:
            same = all(known[name] == value for name, value in fields.items())
            if same and self._repository.payload(fields["id"]) == payload:
                return known  # the same submit once more: its answer was lost
            raise Refusal(
                "ConditionalCheckFailed",
                f"There is another job with the id {fields['id']}.",
                {"id": fields["id"]},
            )
        if fields["key"] is None or again:
            return None
        found = self._repository.by_key(fields["group"], fields["key"])
        if found is None or found[0]["status"] not in ("QUEUED", "RUNNING", "SUCCEEDED"):
            return None
        body, other = found
        if mark == other:
            return body
        raise Refusal(
            "JobConflict",
            f'The key "{fields["key"]}" is that of the job {body["name"]} ({body["id"]}, '
            f"{JobStatus(body['status']).word}), whose {_difference(fields, body)}. "
            "Take another key, or submit with again=True to let the key mean the new job.",
            {"id": body["id"]},
        )

    def _insert(
        self, fields: Mapping[str, Any], payload: str | None, mark: str | None
    ) -> Body | None:
        usual = self._repository.usual(fields["group"], fields["name"])
        told = {} if usual is None else {"usual": json.dumps(usual)}
        body = self._repository.insert({**fields, **told}, payload, mark)
        if body is not None:
            self._runner.nudge()
        return body

    def _check_after(self, ids: list[str] | None) -> None:
        """See that there are all these jobs; those of a batch wait for the same ones."""
        seen, at = self._seen
        if ids is None or (ids == seen and time.monotonic() - at < _AGAIN_S):
            return
        if unknown := [id_ for id_ in ids if self._repository.get(id_) is None]:
            more = f", and {len(unknown) - 1:,} more" if unknown[1:] else ""
            raise Refusal(
                "InvalidJob",
                f"after names a job that does not exist: {unknown[0]}{more}.",
                {"unknown": unknown},
            )
        self._seen = ids, time.monotonic()

    def _still_awaited(self, ended: Body) -> list[str] | None:
        """Return which jobs a retry waits for: those that are still kept."""
        ids: list[str] = ended["after"] or []
        there = [id_ for id_ in ids if self._repository.get(id_) is not None]
        if len(there) < len(ids) and ended["startedAt"] is None:
            raise Refusal(
                "InvalidJob",
                f"Job {ended['id']} has not run, and what it waits for is not kept any more; submit the work again.",
            )
        return there or None

    def _is_elsewhere(self, kind: str) -> bool:
        return self._runner.external and kind == "REQUEST"


def fingerprint(fields: Mapping[str, Any], payload: str | None) -> str:
    """Return what is equal for equal work: its kind, words, parameters, code and arguments.

    Pickles of one function differ from kernel to kernel, so a client that knows better puts its own into the payload.
    """
    try:
        given = json.loads(payload or "{}")
        params = json.loads(fields["params"] or "null")
    except (ValueError, RecursionError):
        given = params = None
    if not isinstance(given, dict):
        given = {}
    work = given.get("fingerprint") or {name: given[name] for name in _WORK if name in given}
    text = json.dumps([fields["kind"], fields["request"], params, work], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(fields: Mapping[str, Any], other: Body) -> str:
    for name, word in (("kind", "kind is"), ("request", "request is"), ("params", "params are")):
        if fields[name] != other[name]:
            return f"{word} {str(other[name])[:80]}, not {str(fields[name])[:80]}"
    return "code or arguments are others"


async def _after(waiting: Awaitable[None], insert: Any) -> Body:
    await waiting
    body: Body = insert()
    return body
