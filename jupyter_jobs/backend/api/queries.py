"""The fields of `type Query`."""

from __future__ import annotations

import asyncio
from typing import Any

from graphql import GraphQLResolveInfo

from jupyter_jobs.backend.api.answers import selected_fields
from jupyter_jobs.backend.api.inputs import read_limit, read_moment
from jupyter_jobs.backend.api.job_folder import JobFolder
from jupyter_jobs.backend.api.rights import check_job
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Body, Repository

__all__ = ["Info", "Queries"]

PAGE_LIMIT = 1000  # jobs a page
LOG_PAGE_LIMIT = 10_000  # lines, or points, a page

Info = GraphQLResolveInfo[Any]


class Queries:
    """A method for each field, of its name in snake case."""

    def __init__(self, repository: Repository, runner: Runner) -> None:
        self._repository = repository
        self._runner = runner

    def get_job(self, _: Any, __: Info, id: str) -> Body | None:
        """Return a job, or None."""
        return self._repository.get(id)

    def list_jobs(
        self,
        _: Any,
        __: Info,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        since: str | None = None,
        limit: int | None = None,
        nextToken: str | None = None,
    ) -> dict[str, Any]:
        """Return a `JobPage`."""
        limit = read_limit(limit, 100, PAGE_LIMIT)
        items, token = self._repository.page(
            group, status, limit, nextToken, name=name, tag=tag, since=since
        )
        return {"items": items, "nextToken": token}

    async def job_logs(
        self,
        _: Any,
        __: Info,
        id: str,
        after: int | None = None,
        since: str | None = None,
        tail: int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return a `LogPage`."""
        return await asyncio.to_thread(
            self._folder(id).log,
            after=after,
            since=None if since is None else read_moment(since, "since"),
            tail=tail,
            limit=min(LOG_PAGE_LIMIT, limit if limit is not None else LOG_PAGE_LIMIT),
        )

    async def job_metrics(
        self, _: Any, __: Info, id: str, after: int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return a `MetricPage`."""
        limit = read_limit(limit, LOG_PAGE_LIMIT, LOG_PAGE_LIMIT)
        return await asyncio.to_thread(self._folder(id).metrics, after=after, limit=limit)

    async def job_files(self, _: Any, __: Info, id: str) -> list[dict[str, Any]]:
        """Return `JobFile`s."""
        return await asyncio.to_thread(self._folder(id).files)

    def job_queue(self, _: Any, __: Info, id: str) -> dict[str, Any] | None:
        """Return a `QueuePlace`, or None."""
        self._repository.known(id)
        return self._runner.queue_place(id)

    async def job_result(self, _: Any, info: Info, id: str) -> dict[str, Any] | None:
        """Return a `JobResult`, or None. A path is told to those who ask for one."""
        selected = info.field_nodes[0].selection_set
        names = dict(selected_fields(selected, info.fragments)).values() if selected else ()
        return await asyncio.to_thread(self._folder(id).result, may_stay="path" in names)

    def job_payload(self, _: Any, info: Info, id: str) -> str | None:
        """Return what a job was submitted with, or None."""
        body = self._repository.known(id)
        if not info.context.owner:
            check_job(body, "read the work of")
        return self._repository.payload(id)

    def _folder(self, id_: str) -> JobFolder:
        body = self._repository.known(id_)
        return JobFolder(self._runner.folder / "jobs" / id_, body)
