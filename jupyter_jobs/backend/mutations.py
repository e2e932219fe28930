"""The fields of `type Mutation`."""

from __future__ import annotations

import uuid
from typing import Any

from jupyter_jobs.backend.inputs import (
    read_after,
    read_id,
    read_json,
    read_key,
    read_moment,
    read_params,
    read_rules,
    read_tags,
    read_text,
)
from jupyter_jobs.backend.queries import Info
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.repository import Body, Repository
from jupyter_jobs.backend.runner import Runner
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.limits import EVENT_LIMIT, check_event, event_size
from jupyter_jobs.jobs.model import JobKind, JobStatus, Priority

__all__ = ["Mutations"]

_REPEATED = (
    "group",
    "request",
    "name",
    "kind",
    "priority",
    "params",
    "tags",
    "submittedFrom",
    "key",
    "batch",
    "after",
    "rules",
)
"""What a retry has of the job that it repeats, besides its payload."""


class Mutations:
    """A method for each field, of its name in snake case."""

    def __init__(self, repository: Repository, runner: Runner) -> None:
        self._repository = repository
        self._runner = runner

    async def submit_job(self, _: Any, __: Info, input: dict[str, Any]) -> Body:
        """Store a job, or return the one that this submission has made before."""
        fields = {
            "id": read_id(input.get("id") or str(uuid.uuid4())),
            "group": input.get("group"),
            "request": read_text(input["request"], "request"),
            "name": input.get("name") or input["request"].strip(),
            "kind": input.get("kind") or JobKind.REQUEST.value,
            "priority": input.get("priority") or Priority.MEDIUM.value,
            "params": read_params(input.get("params")),
            "tags": read_tags(input.get("tags")),
            "submittedFrom": input.get("submittedFrom"),
            "key": read_key(input.get("key")),
            "batch": input.get("batch"),
            "after": read_after(input.get("after")),
            "rules": read_rules(input.get("rules"), self._runner.slots),
        }
        payload = input.get("payload")
        known = self._repository.get(fields["id"])
        if known is None:
            try:
                check_event(fields)
            except InvalidJob as error:
                raise Refusal("InvalidJob", str(error)) from None
            await self._runner.check({**fields, "payload": payload})
            body = self._repository.insert(fields, payload)
            if body is not None:
                self._runner.nudge()
                return body
            known = self._known(fields["id"])
        same = all(known[name] == value for name, value in fields.items())
        if same and self._repository.payload(fields["id"]) == payload:
            return known  # the same submit once more: its answer was lost
        raise Refusal(
            "ConditionalCheckFailed",
            f"There is another job with the id {fields['id']}.",
            {"id": fields["id"]},
        )

    def cancel_job(self, _: Any, __: Info, id: str) -> Body:
        """Ask for the end of a job."""
        body = self._known(id)
        if body["status"] == "QUEUED":
            return self._repository.update(id, {"status": "CANCELLED"})
        if body["status"] == "RUNNING":
            body = self._repository.update(id, {"status": "CANCELLING"})
            self._runner.kill(id)
        return body

    async def retry_job(self, _: Any, __: Info, id: str) -> Body:
        """Submit the work of a job that ended once more."""
        ended = self._known(id)
        if not (status := JobStatus(ended["status"])).is_terminal:
            raise Refusal(
                "InvalidTransition",
                f"Job {id} is {status.word}; only a job that has ended can be retried. Wait for its end, or cancel it.",
            )
        if (retry := self._repository.retry_of(id)) is not None:
            return retry
        payload = self._repository.payload(id)
        await self._runner.check({**ended, "payload": payload})
        fields = {name: ended[name] for name in _REPEATED}
        fields |= {"id": str(uuid.uuid4()), "retryOf": id, "attempt": ended["attempt"] + 1}
        if (retry := self._repository.insert(fields, payload)) is not None:
            self._runner.nudge()
            return retry
        retry = self._repository.retry_of(id)
        assert retry is not None  # another call was faster
        return retry

    def update_job(self, _: Any, info: Info, input: dict[str, Any]) -> Body:
        """Write what is told of a job."""
        changes = {name: value for name, value in input.items() if value is not None}
        id_, expected = changes.pop("id"), changes.pop("expectedVersion", None)
        if not 0 <= changes.get("progress", 0.0) <= 1:
            raise Refusal("InvalidJob", "progress must be from 0 to 1.")
        for name in ("result", "error", "metrics"):
            read_json(changes.get(name), name)
        if changes.get("total") and "done" in changes and "progress" not in changes:
            changes["progress"] = min(max(changes["done"] / changes["total"], 0.0), 1.0)
        size = event_size({**self._known(id_), **changes})
        if size > EVENT_LIMIT:
            raise Refusal(
                "PayloadTooLarge",
                f"The job would have {size:,} bytes, an event takes {EVENT_LIMIT:,}; "
                "store its result elsewhere and say where.",
                {"size": size, "limit": EVENT_LIMIT},
            )
        return self._repository.update(id_, {**changes, **(info.context or {})}, expected)

    def prune_jobs(
        self,
        _: Any,
        __: Info,
        before: str,
        group: str | None = None,
        filesOnly: bool | None = None,
    ) -> int:
        """Forget jobs that ended before a time; return how many."""
        read_moment(before, "before")
        return 0

    def _known(self, id_: str) -> Body:
        body = self._repository.get(id_)
        if body is None:
            raise Refusal("JobNotFound", f"There is no job {id_}.")
        return body
