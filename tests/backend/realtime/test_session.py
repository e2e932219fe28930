from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from gql import Client, gql
from gql.transport.appsync_auth import AppSyncApiKeyAuthentication
from gql.transport.appsync_websockets import AppSyncWebsocketsTransport
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from jupyter_jobs.appsync.auth import ApiKeyVerifier
from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.realtime import session
from jupyter_jobs.backend.realtime.outbox import Room
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.operations import CANCEL_JOB, ON_JOB_UPDATE, SUBMIT_JOB
from tests.support.backend import PATIENCE_S, RunningBackend, running_backend

EVENTS = "subscription { onJobUpdate { id status version } }"


def authorization(backend: RunningBackend, key: str | None = None) -> dict[str, str]:
    return {"host": urlsplit(backend.http).netloc, "x-api-key": key or backend.key}


def header(backend: RunningBackend, key: str | None = None) -> str:
    text = json.dumps(authorization(backend, key)).encode()
    return "header-" + base64.urlsafe_b64encode(text).decode().rstrip("=")


class Peer:
    """A client that writes its frames by hand."""

    def __init__(self, backend: RunningBackend, socket: ClientConnection) -> None:
        self.backend, self.socket = backend, socket

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        """The next frame that is no keep-alive."""
        async with asyncio.timeout(30):
            while (frame := json.loads(await self.socket.recv()))["type"] == "ka":
                pass
        return frame

    async def start(
        self, id_: str = "s", query: str = EVENTS, key: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        data = json.dumps({"query": query, "variables": variables})
        extensions = {"authorization": authorization(self.backend, key)}
        await self.send(id=id_, type="start", payload={"data": data, "extensions": extensions})
        return await self.receive()


@asynccontextmanager
async def connected(
    backend: RunningBackend, path: str = "/graphql/realtime"
) -> AsyncIterator[Peer]:
    url = backend.realtime.removesuffix("/graphql/realtime") + path
    protocols: Any = ["graphql-ws", header(backend)]
    async with connect(url, subprotocols=protocols, proxy=None) as socket:
        peer = Peer(backend, socket)
        await peer.send(type="connection_init")
        assert (await peer.receive())["type"] == "connection_ack"
        yield peer


async def execute(backend: RunningBackend, query: str, **variables: Any) -> dict[str, Any]:
    answer = await asyncio.to_thread(backend.execute, query, variables)
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def subscribed(backend: RunningBackend) -> None:
    """Wait until somebody has subscribed; only the server can tell."""
    while (await asyncio.to_thread(backend.stats))["subscriptions"] == 0:  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/graphql", "/graphql/realtime"])
async def test_both_addresses_acknowledge_and_keep_alive(
    external_backend: RunningBackend, path: str
) -> None:
    url = external_backend.realtime.removesuffix("/graphql/realtime") + path
    protocols: Any = ["graphql-ws", header(external_backend)]
    async with connect(url, subprotocols=protocols, proxy=None) as socket:
        await socket.send('{"type": "connection_init"}')
        ack, alive = json.loads(await socket.recv()), json.loads(await socket.recv())

    assert socket.subprotocol == "graphql-ws"
    assert ack == {"type": "connection_ack", "payload": {"connectionTimeoutMs": 300_000}}
    assert alive == {"type": "ka"}


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
async def test_the_key_may_come_in_the_query_or_in_plain_headers(
    external_backend: RunningBackend, alphabet: Any
) -> None:
    text = alphabet(json.dumps(authorization(external_backend)).encode()).decode()
    ways: list[tuple[str, dict[str, str]]] = [
        (f"?header={quote(text, safe='')}&payload=e30=", {}),
        ("", {"x-api-key": external_backend.key}),
    ]
    for query, headers in ways:
        async with connect(
            external_backend.realtime + query,
            subprotocols=["graphql-ws"],  # type: ignore[list-item]  # a NewType of str
            additional_headers=headers,
            proxy=None,
        ) as socket:
            await socket.send('{"type": "connection_init"}')
            assert json.loads(await socket.recv())["type"] == "connection_ack"


async def test_without_credentials_the_upgrade_is_refused(external_backend: RunningBackend) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(external_backend.realtime, subprotocols=["graphql-ws"], proxy=None)  # type: ignore[list-item]  # a NewType of str

    response = caught.value.response
    assert response.status_code == 401
    assert response.headers["x-amzn-ErrorType"] == "UnauthorizedException"
    assert response.headers["x-amzn-RequestId"]


async def test_bad_credentials_are_upgraded_refused_and_closed(
    external_backend: RunningBackend,
) -> None:
    protocols: Any = ["graphql-ws", header(external_backend, "da2-wrong")]
    async with connect(external_backend.realtime, subprotocols=protocols, proxy=None) as socket:
        frames = [json.loads(text) async for text in socket]

    assert frames == [
        {
            "type": "connection_error",
            "payload": {
                "errors": [
                    {
                        "errorType": "UnauthorizedException",
                        "message": "You are not authorized to make this call.",
                        "errorCode": 401,
                    }
                ]
            },
        }
    ]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_a_page_of_another_origin_gets_no_socket(
    external_backend: RunningBackend, headers: dict[str, str]
) -> None:
    protocols: Any = ["graphql-ws", header(external_backend)]
    with pytest.raises(InvalidStatus) as caught:
        await connect(
            external_backend.realtime,
            subprotocols=protocols,
            additional_headers=headers,
            proxy=None,
        )

    assert caught.value.response.status_code == 403


async def test_another_protocol_is_refused(external_backend: RunningBackend) -> None:
    protocols: Any = ["graphql-transport-ws", header(external_backend)]
    with pytest.raises(InvalidStatus) as caught:
        await connect(external_backend.realtime, subprotocols=protocols, proxy=None)

    assert caught.value.response.status_code == 400


async def test_a_subscriber_sees_a_job_from_submission_to_end(
    external_backend: RunningBackend,
) -> None:
    async with connected(external_backend) as peer:
        assert await peer.start(query=ON_JOB_UPDATE["id"], id="followed") == {
            "type": "start_ack",
            "id": "s",
        }
        submitted = await execute(
            external_backend, SUBMIT_JOB, input={"id": "followed", "request": "r"}
        )
        await execute(external_backend, SUBMIT_JOB, input={"id": "other", "request": "r"})
        cancelled = await execute(external_backend, CANCEL_JOB, id="followed")
        frames = [await peer.receive(), await peer.receive()]

    assert [frame["payload"]["data"]["onJobUpdate"] for frame in frames] == [submitted, cancelled]
    assert {frame["id"] for frame in frames} == {"s"}


async def test_a_stopped_subscription_is_completed_and_hears_no_more(
    external_backend: RunningBackend,
) -> None:
    async with connected(external_backend) as peer:
        await peer.start("one")
        await peer.start("two")
        await peer.send(type="stop", id="one")
        assert await peer.receive() == {"type": "complete", "id": "one"}

        await execute(external_backend, SUBMIT_JOB, input={"request": "r"})

        assert (await peer.receive())["id"] == "two"
        assert external_backend.stats()["subscriptions"] == 1


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("subscription { onNothing { id } }", {"message": "Validation error: "}),
        ("{ __typename }", {"errorType": "UnsupportedOperation"}),
    ],
)
async def test_a_refused_start_leaves_the_others_alone(
    external_backend: RunningBackend, query: str, error: dict[str, str]
) -> None:
    async with connected(external_backend) as peer:
        await peer.start("good")
        refused = await peer.start("bad", query)
        await execute(external_backend, SUBMIT_JOB, input={"request": "r"})
        event = await peer.receive()

    assert (refused["type"], refused["id"], event["id"]) == ("error", "bad", "good")
    for name, text in error.items():
        assert refused["payload"]["errors"][0][name].startswith(text)


async def test_each_start_shows_its_own_key(external_backend: RunningBackend) -> None:
    async with connected(external_backend) as peer:
        refused = await peer.start(key="da2-wrong")

    assert refused["payload"]["errors"][0]["errorType"] == "UnauthorizedException"


async def test_the_hundred_and_first_subscription_is_refused(
    external_backend: RunningBackend,
) -> None:
    async with connected(external_backend) as peer:
        answers = [(await peer.start(f"s{number}"))["type"] for number in range(100)]
        last = await peer.start("last")

    assert set(answers) == {"start_ack"}
    assert last["payload"]["errors"]["errorType"] == "MaxSubscriptionsReachedError"


async def test_a_client_that_goes_leaves_nothing_behind(own_backend: RunningBackend) -> None:
    async with connected(own_backend) as peer:
        await peer.start()
        during = await asyncio.to_thread(own_backend.stats)
        peer.socket.transport.abort()
    async with connected(own_backend) as peer:
        await peer.start()
        after = await asyncio.to_thread(own_backend.stats)

    assert (during["connections"], during["subscriptions"]) == (1, 1)
    assert (after["connections"], after["subscriptions"]) == (1, 1)


async def test_a_binary_frame_is_no_reason_to_fail(external_backend: RunningBackend) -> None:
    async with connected(external_backend) as peer:
        await peer.socket.send(b"\xff\x00")

        assert (await peer.receive())["payload"]["errors"][0]["errorType"] == "UnsupportedOperation"
        assert (await peer.start())["type"] == "start_ack"


async def test_gqls_own_appsync_client_is_served(backend: RunningBackend) -> None:
    host = urlsplit(backend.http).netloc
    transport = AppSyncWebsocketsTransport(
        url=backend.realtime.removesuffix("/realtime"),
        auth=AppSyncApiKeyAuthentication(host=host, api_key=backend.key),
    )
    statuses: list[str] = []
    submission = {"id": "for-gql", "request": "Process data", "params": '{"seconds": 0, "rows": 3}'}
    async with asyncio.timeout(30), Client(transport=transport) as client:
        events = client.subscribe(
            gql('subscription { onJobUpdate(id: "for-gql") { id status result } }')
        )
        waiting = asyncio.ensure_future(anext(events))
        await subscribed(backend)  # it keeps start_ack to itself
        await execute(backend, SUBMIT_JOB, input=submission)
        event = await waiting
        while event["onJobUpdate"]["status"] != "SUCCEEDED":
            statuses.append(event["onJobUpdate"]["status"])
            event = await anext(events)
        await events.aclose()

    assert statuses[:2] == ["QUEUED", "RUNNING"]
    assert json.loads(event["onJobUpdate"]["result"]) == {"rows": 3, "total": 3}


async def test_a_client_that_does_not_read_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "CLOSING_S", 0.05)
    topics = Topics(build())
    topics.room = Room(frames=3)
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    live = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if live.is_set():
            await asyncio.Event().wait()
        elif "start_ack" in message.get("text", ""):
            live.set()

    start = {"query": EVENTS, "variables": {}}
    payload = {"data": json.dumps(start), "extensions": {"authorization": {"x-api-key": "da2-k"}}}
    texts = [{"type": "connection_init"}, {"type": "start", "id": "s", "payload": payload}]
    scope = {"type": "websocket", "subprotocols": ["graphql-ws"], "query_string": b""}
    headers = [(b"x-api-key", b"da2-k"), (b"user-agent", b"odd\nagent")]
    scope |= {"headers": headers, "path": "/graphql", "client": ("127.0.0.1", 4711)}
    websocket = WebSocket(scope, frames.get, send)
    served = asyncio.ensure_future(
        session.Session(
            websocket,
            topics=topics,
            verifier=ApiKeyVerifier(["da2-k"]),
            timing=session.Timing(),
        ).run()
    )
    frames.put_nowait({"type": "websocket.connect"})
    for text in texts:
        frames.put_nowait({"type": "websocket.receive", "text": json.dumps(text)})
    await live.wait()
    for _ in range(6):
        topics.publish("submitJob", {"id": "job", "status": "QUEUED", "version": 1})
        await asyncio.sleep(0)
    await served

    assert (len(topics), topics.cut, topics.room.waiting) == (0, 1, 0)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "reads too slowly: 4 frames of " in line
    assert "waited for 127.0.0.1:4711, 'odd\\nagent', on 1 subscriptions" in line


@pytest.fixture(scope="module")
def strict_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    limits = ["--keep-alive", "0.05", "--connection-timeout", "7"]
    limits += ["--max-subscriptions", "1", "--max-age", "0.5"]
    with running_backend(tmp_path_factory.mktemp("strict"), "--external", *limits) as running:
        yield running


async def test_the_limits_are_those_that_it_was_started_with(
    strict_backend: RunningBackend,
) -> None:
    heard: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(
            strict_backend.realtime, subprotocols=["graphql-ws", header(strict_backend)], proxy=None
        ) as socket,
    ):
        peer = Peer(strict_backend, socket)
        await peer.send(type="connection_init")
        heard.append(json.loads(await socket.recv()))
        first, second = await peer.start("first"), await peer.start("second")
        heard += [json.loads(text) async for text in socket]  # until the backend closes it

    assert heard[0]["payload"] == {"connectionTimeoutMs": 7000}
    assert (first["type"], second["type"]) == ("start_ack", "error")
    assert second["payload"]["errors"]["message"] == "Max number of 1 subscriptions reached"
    assert [frame["type"] for frame in heard[1:]] == ["ka"] * len(heard[1:]) != []


@pytest.mark.parametrize(
    "limit", ["keep_alive_s", "connection_timeout_ms", "max_age_s", "max_subscriptions"]
)
def test_a_limit_that_nothing_could_keep_is_refused(limit: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{limit} must be more than 0"):
        session.Timing(**{limit: 0})
