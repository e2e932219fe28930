"""The API alone, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_jobs.backend.api.resolvers import Api
from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.jobs.operations import SUBMIT_JOB

__all__ = ["BareApi"]


class BareApi:
    """The API, with named requests left to others.

    Attributes:
        published: What subscribers would get to see, with the mutation's name; oldest first.
    """

    def __init__(self, folder: Path, *, slots: int = 1) -> None:
        self.repository = Repository(folder / "jobs.sqlite")
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.runner = Runner(self.repository, folder, external=True, slots=slots)
        self.api = Api(
            self.repository,
            self.runner,
            publish=lambda name, body: self.published.append((name, body)),
        )

    async def ask(self, query: str, **variables: Any) -> Any:
        """The one root field of an answer without errors."""
        answer = await self.api.execute(query, variables)
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    async def refused(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of an answer."""
        answer = await self.api.execute(query, variables)
        (error,) = answer["errors"]
        return error

    async def submit(self, **fields: Any) -> dict[str, Any]:
        return await self.ask(SUBMIT_JOB, input={"request": "r", **fields})
