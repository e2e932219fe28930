from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from jupyter_jobs.backend.web.web_server import WebServer
from tests.support.backend import PATIENCE_S

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[tuple[WebServer, str]]:
    """The server of an application, and its URL."""
    ready = asyncio.Event()
    server = WebServer(app, on_ready=ready.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            await ready.wait()
            yield server, f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            await serving


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    await WebSocket(scope, receive, send).send_denial_response(JSONResponse({"no": 1}, 401))


async def give_up(scope: Scope, receive: Receive, send: Send) -> None:
    pass


@pytest.mark.parametrize(
    ("app", "status", "complaints"),
    [(deny, 401, []), (give_up, 500, ["ASGI callable returned without completing handshake."])],
)
async def test_only_an_upgrade_that_was_not_answered_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture, app: ASGIApp, status: int, complaints: list[str]
) -> None:
    async with serving(app) as (_, url):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)

    assert refused.value.response.status_code == status
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == complaints


async def test_the_connection_that_something_came_on_can_be_had() -> None:
    found: list[asyncio.Transport | None] = []
    look: Callable[[Scope], asyncio.Transport | None]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(look(scope))
        found.append(look({**scope, "client": ("127.0.0.1", 1)}))
        found.append(look({**scope, "client": None}))
        await deny(scope, receive, send)

    async with serving(app) as (server, url):
        look = server.transport
        with pytest.raises(InvalidStatus):
            await connect(url, proxy=None)

    transport, *none = found
    assert isinstance(transport, asyncio.Transport)
    assert none == [None, None]


async def test_what_is_no_text_right_before_a_close_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upgraded = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        upgraded.set()
        async for _ in websocket.iter_text():
            pass

    async with serving(app) as (_, url), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        await upgraded.wait()
        writer.write(b"\x81\x81\0\0\0\0\xff" + b"\x88\x80\0\0\0\0")
        said = await reader.read()
        writer.close()

    assert said[:1] == b"\x88"
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_an_answer_is_dated() -> None:
    async with serving(PlainTextResponse("hello")) as (_, url):
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url.replace("ws:", "http:"))

    assert parsedate_to_datetime(answer.headers["date"]).tzinfo is not None


async def test_a_server_that_nobody_asks_sleeps() -> None:
    loop = asyncio.get_running_loop()
    async with serving(deny):
        waits = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]  # nothing else tells

    assert waits == []


@pytest.mark.parametrize("turns", range(1, 6))
async def test_who_comes_in_the_moment_of_the_end_is_sent_away(turns: int) -> None:
    gc.disable()  # which would end what was dropped
    try:
        async with serving(deny) as (_, url):
            newcomer = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
            for _ in range(turns):
                await asyncio.sleep(0)
    finally:
        gc.enable()

    with newcomer:
        newcomer.settimeout(PATIENCE_S)
        assert newcomer.recv(1) == b""
