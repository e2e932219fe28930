"""The fields of `type Mutation`."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

from jupyter_jobs.backend.api.inputs import read_json
from jupyter_jobs.backend.api.measuring import Measuring
from jupyter_jobs.backend.api.queries import Info
from jupyter_jobs.backend.api.rights import check_job, check_owner, named_only
from jupyter_jobs.backend.api.submissions import Submissions
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Body, Repository
from jupyter_jobs.backend.storage.retention import Retention
from jupyter_jobs.jobs.limits import EVENT_LIMIT, event_size
from jupyter_jobs.jobs.model import JobStatus

__all__ = ["Mutations"]


class Mutations:
    """A method for each field, of its name in snake case."""

    def __init__(self, repository: Repository, runner: Runner) -> None:
        self._repository = repository
        self._runner = runner
        self._retention = Retention(repository, runner.folder)
        self._submissions = Submissions(repository, runner)
        self._measuring = Measuring(runner.folder)

    def submit_job(self, _: Any, info: Info, input: dict[str, Any]) -> Body | Awaitable[Body]:
        """Store a job, or return the one that stands for it already."""
        return self._submissions.submit(input if info.context.owner else named_only(input))

    def retry_job(self, _: Any, info: Info, id: str) -> Body | Awaitable[Body]:
        """Submit the work of a job that ended once more."""
        if not info.context.owner:
            check_job(self._repository.known(id), "retry")
        return self._submissions.retry(id)

    def cancel_job(self, _: Any, info: Info, id: str) -> Body:
        """Ask for the end of a job."""
        body = self._repository.known(id)
        if not info.context.owner:
            check_job(body, "cancel")
        # One that has a process already and is not said to run yet must stay live until that process is gone: else
        # nobody would end it if this backend were killed now.
        if body["status"] == "QUEUED" and id not in self._runner.processes:
            return self._repository.update(id, {"status": "CANCELLED"})
        if body["status"] in ("QUEUED", "RUNNING"):
            body = self._repository.update(id, {"status": "CANCELLING"})
            self._runner.kill(id)
        return body

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
        body = self._repository.known(id_)
        if not info.context.owner:
            check_job(body, "report on")
        point = None
        if "metrics" in changes:
            point = self._measuring.read(body, json.loads(changes["metrics"]))
            changes["metrics"] = point.in_short
        changes |= info.context.inside
        size = event_size({**body, **changes})
        if size > EVENT_LIMIT:
            raise Refusal(
                "PayloadTooLarge",
                f"The job would have {size:,} bytes, an event takes {EVENT_LIMIT:,}; "
                "store its result elsewhere and say where.",
                {"size": size, "limit": EVENT_LIMIT},
            )
        body = self._repository.change(body, changes, expected)
        if point is not None:
            self._measuring.keep(point)
        if JobStatus(body["status"]).is_terminal:
            self._measuring.end(id_)
        return body

    async def prune_jobs(
        self,
        _: Any,
        info: Info,
        before: str,
        group: str | None = None,
        filesOnly: bool | None = None,
    ) -> int:
        """Forget jobs that ended before a time; return how many."""
        if not info.context.owner:
            check_owner("forget jobs")
        return await self._retention.prune(before, group, files_only=bool(filesOnly))
