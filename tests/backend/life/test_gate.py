import asyncio
import json

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from jupyter_jobs.backend.life.gate import Gate


class Visitor:
    """Somebody who asks the gate for a path; what it was sent."""

    def __init__(self, gate: Gate, path: str = "/graphql", type: str = "http") -> None:
        self.sent: list[Message] = []
        scope = {"type": type, "path": path, "method": "GET", "headers": [], "query_string": b""}
        scope["extensions"] = {"websocket.http.response": {}}
        self.task = asyncio.create_task(gate(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@pytest.fixture
def door() -> asyncio.Event:
    """Opens for those who are inside to be answered."""
    return asyncio.Event()


@pytest.fixture
def gate(door: asyncio.Event) -> Gate:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await door.wait()
        await PlainTextResponse("the application")(scope, receive, send)

    gate = Gate()
    assert gate.around(app) is gate
    return gate


async def test_who_is_inside_is_counted_and_never_idle(gate: Gate, door: asyncio.Event) -> None:
    visitors = [Visitor(gate), Visitor(gate, type="websocket")]
    await asyncio.sleep(0)
    inside, idle = gate.inside, gate.idle_s()
    door.set()
    await asyncio.gather(*(visitor.task for visitor in visitors))

    assert (inside, idle) == (2, 0.0)
    assert gate.inside == 0
    assert visitors[0].status == 200
    await asyncio.sleep(0.02)
    assert 0 < gate.idle_s() < 60


async def test_one_that_fails_is_not_inside_any_more() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    gate = Gate()
    gate.around(app)
    visitor = Visitor(gate)
    with pytest.raises(ValueError):  # noqa: PT011  the application's own
        await visitor.task

    assert gate.inside == 0


@pytest.mark.parametrize("type", ["http", "websocket"])
async def test_once_it_is_shut_nobody_comes_in_and_who_is_inside_is_answered(
    gate: Gate, door: asyncio.Event, type: str
) -> None:
    early = Visitor(gate)
    await asyncio.sleep(0)
    gate.shut()
    late = Visitor(gate, type=type)
    await late.task
    door.set()
    await early.task

    assert late.status == 503
    body = json.loads(late.sent[-1]["body"] or late.sent[-2]["body"])
    assert "the next one answers" in body["errors"][0]["message"]
    assert early.status == 200


async def test_what_goes_on_elsewhere_counts_as_somebody(gate: Gate) -> None:
    await asyncio.sleep(0.05)
    before = gate.idle_s()

    gate.touch()

    assert gate.idle_s() < before
