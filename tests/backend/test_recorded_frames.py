"""The embedded backend sends what AppSync was seen to send: the same keys, and values of the same kinds."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from jupyter_jobs.jobs.operations import ON_JOB_UPDATE, SUBMIT_JOB
from tests.support.backend import RunningBackend, running_backend
from tests.support.recorded import FROM_SERVER, name

SUBMIT_WITHOUT_ID = (
    "mutation ($input: SubmitJobInput!) { submitJob(input: $input) { group status version } }"
)
NEEDS_A_VARIABLE = "subscription ($id: ID!) { onJobUpdate(id: $id) { id } }"
OTHER_KEY = "da2-zyxwvutsrqponmlkjihgfedcba"


class Wire:
    """A client of few words."""

    def __init__(self, backend: RunningBackend, socket: ClientConnection) -> None:
        self.backend, self.socket = backend, socket

    async def send(self, **frame: Any) -> dict[str, Any]:
        """Send a frame; the next one that comes back and is no keep-alive."""
        await self.socket.send(json.dumps(frame))
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (frame := json.loads(await self.socket.recv()))["type"] == "ka":
                pass
        return frame  # type: ignore[no-any-return]  # JSON

    async def start(
        self,
        id_: str = "s",
        *,
        query: str = ON_JOB_UPDATE["group"],
        key: str = "",
        data: Any = None,
    ) -> dict[str, Any]:
        text = json.dumps({"query": query, "variables": {"group": "seen"}})
        extensions = {"authorization": authorization(self.backend, key)}
        payload = {"data": data or text, "extensions": extensions}
        return await self.send(id=id_, type="start", payload=payload)


def authorization(backend: RunningBackend, key: str) -> dict[str, str]:
    return {"host": backend.http.split("/")[2], "x-api-key": key or backend.key}


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend with room for two subscriptions, that can be told to throttle."""
    folder = tmp_path_factory.mktemp("recorded")
    plan = folder / "faults.json"
    plan.write_text("{}")
    options = ("--external", "--max-subscriptions", "2", "--faults", str(plan))
    with running_backend(folder / "data", *options) as running:
        yield running


@asynccontextmanager
async def socket_to(backend: RunningBackend, key: str = "") -> AsyncIterator[Wire]:
    shown = json.dumps(authorization(backend, key)).encode()
    header = "header-" + base64.urlsafe_b64encode(shown).decode().rstrip("=")
    protocols: Any = ["graphql-ws", header]
    async with connect(backend.realtime, subprotocols=protocols, proxy=None) as socket:
        yield Wire(backend, socket)


@asynccontextmanager
async def opened(backend: RunningBackend) -> AsyncIterator[Wire]:
    async with socket_to(backend) as wire:
        assert (await wire.send(type="connection_init"))["type"] == "connection_ack"
        yield wire


async def submit(backend: RunningBackend, document: str) -> None:
    body = {"request": "work", "group": "seen"}
    await asyncio.to_thread(backend.execute, document, {"input": body})


async def first_frame(backend: RunningBackend) -> dict[str, Any]:
    async with socket_to(backend) as wire:
        return await wire.send(type="connection_init")


async def second_frame(backend: RunningBackend) -> dict[str, Any]:
    async with opened(backend) as wire:
        return json.loads(await wire.socket.recv())  # type: ignore[no-any-return]  # JSON


async def bad_key(backend: RunningBackend) -> dict[str, Any]:
    async with socket_to(backend, OTHER_KEY) as wire:
        return await wire.send(type="connection_init")


async def started(backend: RunningBackend) -> dict[str, Any]:
    async with opened(backend) as wire:
        return await wire.start()


async def stopped(backend: RunningBackend) -> dict[str, Any]:
    async with opened(backend) as wire:
        await wire.start()
        return await wire.send(id="s", type="stop")


async def event(backend: RunningBackend, document: str = SUBMIT_JOB) -> dict[str, Any]:
    async with opened(backend) as wire:
        await wire.start()
        await submit(backend, document)
        return await wire.hear()


async def event_without_id(backend: RunningBackend) -> dict[str, Any]:
    return await event(backend, SUBMIT_WITHOUT_ID)


async def over_the_limit(backend: RunningBackend) -> dict[str, Any]:
    async with opened(backend) as wire:
        await wire.start("one")
        await wire.start("two")
        return await wire.start("three")


async def same_id(backend: RunningBackend) -> dict[str, Any]:
    async with opened(backend) as wire:
        await wire.start("one")
        return await wire.start("one")


async def start_with(backend: RunningBackend, **options: Any) -> dict[str, Any]:
    async with opened(backend) as wire:
        return await wire.start(**options)


async def throttled(backend: RunningBackend) -> dict[str, Any]:
    plan = json.dumps({"rules": [{"fault": "throttle", "count": 1}]}).encode()
    await asyncio.to_thread(backend.request, "/faults", plan)
    async with opened(backend) as wire:
        return await wire.start()


SCENES: dict[str, Callable[[RunningBackend], Awaitable[dict[str, Any]]]] = {
    "opening, first frame": first_frame,
    "opening, second frame": second_frame,
    "opening with a bad key": bad_key,
    "answer to start": started,
    "answer to stop": stopped,
    "event": event,
    "event without the id": event_without_id,
    "start over the limit": over_the_limit,
    "start with an id that is live": same_id,
    "start with a bad key": lambda backend: start_with(backend, key=OTHER_KEY),
    "start of no field": lambda backend: start_with(backend, query="subscription { nothing }"),
    "start without a variable": lambda backend: start_with(backend, query=NEEDS_A_VARIABLE),
    "start with an object for data": lambda backend: start_with(backend, data={"query": "x"}),
    "start when throttled": throttled,
}


def shape(value: Any) -> Any:
    """What two frames of one kind have in common: keys and kinds of values, of a list its first element's."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value)


def without_schema(frame: dict[str, Any]) -> dict[str, Any]:
    """The frame with one name for the root field of an event, and nothing of what a subscriber selected."""
    data = frame.get("payload", {}).get("data")
    if data is None:
        return frame
    (body,) = data.values()
    return {**frame, "payload": {**frame["payload"], "data": {"root": body and {}}}}


@pytest.mark.parametrize("seen", [seen for seen in FROM_SERVER if "backend" in seen], ids=name)
async def test_the_backend_sends_a_frame_of_the_same_shape(
    backend: RunningBackend, seen: dict[str, Any]
) -> None:
    ours = await SCENES[seen["backend"]](backend)

    assert shape(without_schema(ours)) == shape(without_schema(seen["wire"]))
    assert ours["type"] == seen["wire"]["type"]


def test_every_frame_of_the_server_has_a_scene_or_a_reason() -> None:
    lost = [name(seen) for seen in FROM_SERVER if ("backend" in seen) == ("backend_never" in seen)]
    scenes = {seen["backend"] for seen in FROM_SERVER if "backend" in seen}

    assert lost == []
    assert scenes == set(SCENES)
