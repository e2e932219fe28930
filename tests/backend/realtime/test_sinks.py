from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trustme
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from jupyter_jobs.backend.realtime import sinks
from jupyter_jobs.backend.realtime.outbox import Sink
from jupyter_jobs.backend.realtime.sinks import EXTENSION, AsgiSink, DirectSink, sink_of
from jupyter_jobs.backend.web.web_server import WebServer

MORE_THAN_BUFFERS = 64 * 2**20  # bytes that no kernel keeps for one connection


@asynccontextmanager
async def written_to(
    act: Callable[[Sink], Awaitable[object]], *, direct: bool = True, tls: bool = False
) -> AsyncIterator[ClientConnection]:
    """A client of a server that does this to it and then listens."""
    spoken, trusted = contexts() if tls else (None, None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not direct:
            scope["extensions"].pop(EXTENSION)
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        sink = sink_of(websocket)
        assert isinstance(sink, DirectSink if direct else AsgiSink)
        await act(sink)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sink.release()

    ready = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        speaks = (listener, spoken) if spoken else None
        server = WebServer(app, on_ready=ready.set, tls=speaks)
        serving = asyncio.create_task(server.serve([listener]))
        await ready.wait()
        try:
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{listener.getsockname()[1]}"
            options: Any = {"proxy": None, "compression": None, "max_size": None, "ssl": trusted}
            async with connect(url, **options) as client:
                yield client
        finally:
            server.stop()
            await serving


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of this machine speaks TLS by, and what trusts it."""
    authority = trustme.CA()
    spoken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(spoken)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    return spoken, trusted


async def heard(client: ClientConnection) -> tuple[list[str | bytes], int, str]:
    """All frames until the close, and the close."""
    frames = []
    with suppress(ConnectionClosedError):  # by any code but the good ones
        async for frame in client:
            frames.append(frame)
    assert client.close_code is not None
    return frames, client.close_code, client.close_reason or ""


async def written(sink: Sink) -> None:
    """Wait until the sink takes more."""
    room = asyncio.Event()
    sink.on_writable = room.set
    if not sink.is_writable:
        await room.wait()


@pytest.mark.parametrize("direct", [True, False])
async def test_frames_of_every_size_arrive_in_their_order_and_then_the_close(direct: bool) -> None:
    sent = ["a" * size for size in (0, 1, 125, 126, 65_535, 65_536, 300_000)]

    async def act(sink: Sink) -> None:
        sink.write(sent[:3])
        await written(sink)
        sink.write(sent[3:])
        await written(sink)
        sink.close(1013, "go away")

    async with written_to(act, direct=direct) as client:
        assert await heard(client) == (sent, 1013, "go away")


@pytest.mark.parametrize(
    "how", [{"direct": True}, {"direct": False}, {"tls": True}], ids=["direct", "asgi", "tls"]
)
async def test_a_sink_whose_client_does_not_read_takes_no_more_until_it_does(
    how: dict[str, bool],
) -> None:
    frame = "x" * 2**20
    full = asyncio.Event()
    total = 0

    async def act(sink: Sink) -> None:
        nonlocal total
        while sink.is_writable and total < MORE_THAN_BUFFERS:
            sink.write([frame])
            total += len(frame)
            for _ in range(20):  # an ASGI server takes its time
                await asyncio.sleep(0)
        assert not sink.is_writable
        full.set()
        await written(sink)
        sink.close(1000, "")

    async with written_to(act, **how) as client:
        client.transport.pause_reading()
        await full.wait()
        client.transport.resume_reading()
        frames, code, _ = await heard(client)

    assert (sum(map(len, frames)), code) == (total, 1000)


async def test_a_client_that_does_not_read_its_close_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sinks, "LAST_WORD_S", 0.01)
    gone = asyncio.Event()

    async def act(sink: Sink) -> None:
        while sink.is_writable:
            sink.write(["x" * 2**20])
        sink.close(1013, "go away")
        assert isinstance(sink, DirectSink)
        lost = sink._connection.connection_lost
        sink._connection.connection_lost = lambda exc: (lost(exc), gone.set())  # type: ignore[method-assign,assignment,func-returns-value]  # nothing else tells

    async with written_to(act) as client:
        client.transport.pause_reading()
        await gone.wait()
        client.transport.abort()


@pytest.mark.parametrize("direct", [True, False])
async def test_what_is_written_after_the_end_goes_nowhere(direct: bool) -> None:
    done: asyncio.Queue[Any] = asyncio.Queue()

    async def act(sink: Sink) -> None:
        sink.close(1000, "the end")
        await asyncio.sleep(0)
        sink.write(["more"])
        sink.close(1013, "again")
        done.put_nowait(None)

    async with written_to(act, direct=direct) as client:
        await done.get()
        assert await heard(client) == ([], 1000, "the end")


async def test_a_client_that_went_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    went, done = asyncio.Event(), asyncio.Event()

    async def act(sink: Sink) -> None:
        await went.wait()
        sink.write(["a"])
        await asyncio.sleep(0.01)
        sink.write(["b"])
        done.set()

    async with written_to(act, direct=False) as client:
        client.transport.abort()
        went.set()
        await done.wait()

    assert [r for r in caplog.records if r.levelname not in ("DEBUG", "INFO")] == []
