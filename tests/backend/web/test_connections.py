from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from jupyter_jobs.backend.limits import FRAME_LIMIT
from jupyter_jobs.backend.web.connections import Lobby
from jupyter_jobs.backend.web.web_server import WebServer
from tests.support.backend import PATIENCE_S

SOON_S = 0.2
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"
MUCH = 50_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it is sent, a WebSocket with lengths; `/much` with more than buffers hold, `/early` before it is asked."""
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(str(len(text)))
        return
    if scope["path"] == "/early":
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    try:
        body = await Request(scope, receive).body()
    except ClientDisconnect:
        return
    answer = b"x" * MUCH if scope["path"] == "/much" else body
    await PlainTextResponse(answer)(scope, receive, send)


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[tuple[str, int]]:
    ready = asyncio.Event()
    server = WebServer(app, on_ready=ready.set, lobby=Lobby(**limits))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            await ready.wait()
            yield listener.getsockname()
        finally:
            server.stop()
            await serving


class Talk:
    """One connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of one answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return status, await self.reader.readexactly(length)

    async def end(self) -> bytes:
        """What comes until the server closes."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def talking(address: tuple[str, int]) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield Talk(reader, writer)
    finally:
        writer.transport.abort()


async def drip(talk: Talk, piece: bytes) -> None:
    """Send it again and again, faster than any clock, until the server is gone."""
    try:
        while True:
            await talk.say(piece)
            await asyncio.sleep(SOON_S / 10)
    except ConnectionError:
        return


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for() -> None:
    async with serving(head_s=SOON_S) as address, talking(address) as talk:
        await talk.say(b"GET / HTTP/1.1\r\nx: ")
        dripping = asyncio.create_task(drip(talk, b"y"))
        status, body = await talk.answer()
        await dripping

    (error,) = json.loads(body)["errors"]
    assert (status, error["errorType"]) == (408, "RequestTimeoutException")
    assert error["message"] == "The head of the request did not come within 0.2 s."


async def test_nor_is_a_second_one_on_a_connection_that_was_kept() -> None:
    async with serving(head_s=SOON_S) as address, talking(address) as talk:
        await talk.say(HEAD + b"body")
        first = await talk.answer()
        await talk.say(b"G")
        dripping = asyncio.create_task(drip(talk, b"E"))
        second, _ = await talk.answer()
        await dripping

    assert (first, second) == ((200, b"body"), 408)


async def test_a_body_that_comes_byte_by_byte_is_not_waited_for() -> None:
    long = HEAD.replace(b"4", b"4000000")
    async with serving(body_s=SOON_S) as address, talking(address) as talk:
        await talk.say(long)
        dripping = asyncio.create_task(drip(talk, b"y"))
        status, body = await talk.answer()
        await dripping

    assert (status, b"The body of the request" in body) == (408, True)


@pytest.mark.parametrize(
    ("sent", "status", "has_body"),
    [
        (b"\x16\x03\x01\x02\r\n\r\n", 400, True),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno\r\n", 400, True),
        (b"HEAD / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno\r\n", 400, False),
        (HEAD.replace(b"POST", b"HEAD"), 408, False),
    ],
)
async def test_what_is_no_http_is_told_so_and_nothing_more(
    caplog: pytest.LogCaptureFixture, sent: bytes, status: int, has_body: bool
) -> None:
    async with serving(body_s=SOON_S) as address, talking(address) as talk:
        await talk.say(sent)
        head, _, body = (await talk.end()).partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/json" in head.lower()
    assert bool(body) == has_body
    assert not has_body or json.loads(body)["errors"][0]["message"]
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_who_says_nothing_is_let_go() -> None:
    async with serving(head_s=SOON_S) as address, talking(address) as talk:
        assert await talk.end() == b""


async def test_who_does_not_read_the_answer_is_let_go() -> None:
    async with serving(stalled_s=SOON_S) as address, talking(address) as talk:
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of sockets
        await talk.say(HEAD.replace(b"/ ", b"/much ") + b"body")
        while not talk.writer.transport.is_closing():
            await asyncio.sleep(SOON_S)
            await drip_once(talk)
        talk.writer.transport.resume_reading()  # type: ignore[attr-defined]  # of sockets
        got = await talk.end()

    assert len(got) < MUCH


async def drip_once(talk: Talk) -> None:
    try:
        await talk.say(b"G")
    except ConnectionError:
        talk.writer.transport.abort()


async def test_the_newest_come_in_where_many_are_silent() -> None:
    async with serving(newcomers=3, grace_s=0.0, head_s=PATIENCE_S) as address:
        silent = [await asyncio.open_connection(*address) for _ in range(3)]
        async with talking(address) as talk:
            await talk.say(HEAD + b"body")
            answer = await talk.answer()
        first = await Talk(*silent[0]).end()
        async with talking(address) as talk:
            await talk.say(HEAD + b"more")
            again = await talk.answer()
        for _, writer in silent:
            writer.transport.abort()

    assert (answer, first, again) == ((200, b"body"), b"", (200, b"more"))


async def test_where_there_is_no_room_the_silent_make_some() -> None:
    async with serving(connections=2, head_s=PATIENCE_S) as address:
        silent = [await asyncio.open_connection(*address) for _ in range(2)]
        async with talking(address) as talk:
            await talk.say(HEAD + b"body")
            answer = await talk.answer()
        for _, writer in silent:
            writer.transport.abort()

    assert answer == (200, b"body")


async def test_many_who_come_at_once_are_all_let_in() -> None:
    async def ask(address: tuple[str, int]) -> tuple[int, bytes]:
        async with talking(address) as talk:
            await talk.say(HEAD + b"body")
            return await talk.answer()

    async with serving(newcomers=3) as address:
        answers = await asyncio.gather(*(ask(address) for _ in range(100)))

    assert answers == [(200, b"body")] * 100


async def test_more_connections_than_there_may_be_are_told_to_come_again() -> None:
    async with serving(connections=1) as address, talking(address) as first:
        await first.say(HEAD + b"body")
        served = await first.answer()
        async with talking(address) as second:
            head = await second.reader.readuntil(b"\r\n\r\n")
            body = json.loads(await second.end())

    assert served == (200, b"body")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 1\r\n" in head.lower()
    assert body["errors"][0]["message"].startswith("This backend has 1 connections already")


async def test_a_websocket_outlives_the_clocks_of_its_request() -> None:
    async with serving(head_s=SOON_S, body_s=SOON_S) as (host, port):
        async with connect(f"ws://{host}:{port}", proxy=None) as websocket:
            await asyncio.sleep(3 * SOON_S)
            await websocket.send("four")
            answer = await websocket.recv()

    assert answer == "4"


@pytest.mark.parametrize("parts", [1, 4])
async def test_a_message_over_the_limit_closes_a_websocket(parts: int) -> None:
    async with serving() as (host, port):
        async with connect(f"ws://{host}:{port}", proxy=None) as websocket:
            await websocket.send("x" * FRAME_LIMIT)
            fits = await websocket.recv()
            sending = asyncio.gather(
                websocket.send(["x" * (FRAME_LIMIT // parts + 1)] * parts), websocket.recv()
            )
            with pytest.raises(ConnectionClosedError) as closed:
                await sending

    assert fits == str(FRAME_LIMIT)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("what", ["POST /", "HEAD /", "POST /early"])
async def test_a_body_that_stops_to_be_http_is_refused_and_nobody_is_astonished(
    caplog: pytest.LogCaptureFixture, what: str
) -> None:
    async with serving() as address, talking(address) as talk:
        head = f"{what} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        await talk.say(head.encode() + b"no size\r\n")
        said = await talk.end()

    assert said.startswith(b"HTTP/1.1 400 ") or not said
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_rubbish_behind_a_request_that_is_being_answered_ends_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as address, talking(address) as talk:
        head = b"POST /early HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        await talk.say(head)
        await talk.reader.readuntil(b"begun")
        await talk.say(b"no size\r\n")
        await talk.end()

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_whoever_pings_without_reading_is_let_go() -> None:
    ping = b"\x89\xfd" + bytes(4) + b"x" * 125  # masked by zeros
    async with serving() as (host, port):
        async with connect(f"ws://{host}:{port}", proxy=None) as websocket:
            transport = websocket.transport
            transport.pause_reading()
            async with asyncio.timeout(PATIENCE_S):
                while not transport.is_closing():
                    transport.write(1000 * ping)
                    await asyncio.sleep(0.001)  # what was sent is on its way

    assert websocket.close_code == 1006
