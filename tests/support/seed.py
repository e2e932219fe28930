"""A backend of another kind: it takes jobs, pushes their updates, and can be asked for nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

from graphql import build_schema, graphql_sync, parse, validate
from websockets.protocol import State

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.protocol import Start
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.target import Target
from tests.support.server import KEY, Answer, FakeAppSync, Peer, Posted

__all__ = ["SCHEMA", "SeedBackend"]

SCHEMA = """
enum JobPriority { HIGH MEDIUM LOW }
type Job { id: ID!  status: String!  result: String  createdAt: String  updatedAt: String }
input SubmitJobInput { request: String!  priority: JobPriority }
type Query { version: String }
type Mutation { submitJob(input: SubmitJobInput!): Job }
type Subscription { onJobUpdate(id: ID!): Job }
"""


class SeedBackend(FakeAppSync):
    """Its jobs do what a test says.

    Attributes:
        submitted: The input of each submission, oldest first; the jobs are named `job-1`, `job-2`, …
        jobs: The jobs as they are, by id.
    """

    def __init__(self, **machine: Any) -> None:
        super().__init__(**machine)
        self.submitted: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.on_start = self._subscribe
        self._schema = build_schema(SCHEMA)
        self._seconds = itertools.count(1)

    @property
    def target(self) -> Target:
        """The backend as a client is told of it."""
        return Target(self.endpoint, ApiKeyAuth(KEY), profile=PROFILES["seed"])

    @property
    def subscribed(self) -> list[str]:
        """The jobs that have a live subscription, once for each."""
        return [id_ for peer in self._connected() for id_ in self._filters(peer).values()]

    async def update(self, id_: str, status: str, result: Any = None) -> None:
        """Change a job and push it to those who subscribe to it."""
        job = self.jobs[id_]
        job |= {"status": status, "updatedAt": self._now()}
        job |= {} if result is None else {"result": json.dumps(result)}
        await self.push(job)

    async def push(self, job: dict[str, Any]) -> None:
        """Push what a test makes of a job."""
        for peer in self._connected():
            for operation, id_ in self._filters(peer).items():
                if id_ == job["id"]:
                    peer.machine.publish(operation, {"data": {"onJobUpdate": dict(job)}})
            await peer.flush()

    def respond(self, posted: Posted) -> Answer:
        result = graphql_sync(
            self._schema,
            posted.body["query"],
            {"submitJob": self._submit},
            variable_values=posted.body["variables"],
        )
        errors = [{"message": error.message} for error in result.errors or ()]
        return Answer({"data": result.data} | ({"errors": errors} if errors else {}))

    def _submit(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        self.submitted.append(input)
        id_, now = f"job-{len(self.submitted)}", self._now()
        self.jobs[id_] = {
            "id": id_,
            "status": "PENDING",
            "result": None,
            "createdAt": now,
            "updatedAt": now,
        }
        return self.jobs[id_]

    def _subscribe(self, peer: Peer, start: Start) -> None:
        query = json.loads(start.data)
        if errors := validate(self._schema, parse(query["query"])):
            peer.machine.refuse(start.id, [{"message": error.message} for error in errors])
        else:
            peer.machine.accept(start.id)

    def _connected(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.websocket.state is State.OPEN]

    def _filters(self, peer: Peer) -> dict[str, str]:
        """Which job each live operation of a socket is about."""
        asked = {start.id: json.loads(start.data)["variables"]["id"] for start in peer.starts}
        return {operation: asked[operation] for operation in peer.machine.subscriptions}

    def _now(self) -> str:
        minutes, seconds = divmod(next(self._seconds), 60)
        return f"2026-11-22T{10 + minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000Z"
