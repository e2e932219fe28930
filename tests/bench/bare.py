"""What the backend is compared with: `python -m tests.bench.bare`. Prints its three ports.

The first is a starlette application that reads a body and answers as many bytes as a path names, and keeps WebSockets
open. The second is websockets' own server; a line on a connection of the third port is broadcast to all of its clients.
"""

from __future__ import annotations

import asyncio
import json
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.server import ServerConnection, broadcast, serve

LINE_LIMIT = 2**20

clients: set[ServerConnection] = set()


async def echo(request: Request) -> JSONResponse:
    """Read JSON, and answer JSON of the size that is asked for."""
    await request.json()
    return JSONResponse("x" * (request.path_params["size"] - 2))


async def keep(websocket: WebSocket) -> None:
    """Acknowledge, and listen for as long as the client stays."""
    await websocket.accept("graphql-ws")
    async for frame in websocket.iter_json():
        if frame["type"] == "start":
            await websocket.send_json({"id": frame["id"], "type": "start_ack"})


async def join(websocket: ServerConnection) -> None:
    """Acknowledge a start, and be told all that is broadcast."""
    await websocket.recv()
    id_ = json.loads(await websocket.recv())["id"]
    clients.add(websocket)
    await websocket.send(json.dumps({"id": id_, "type": "start_ack"}))
    await websocket.wait_closed()
    clients.discard(websocket)


async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Broadcast each line."""
    while line := await reader.readline():
        broadcast(clients, line.decode().rstrip())
    writer.close()


async def main() -> None:
    routes = [Route("/{size:int}", echo, methods=["POST"]), WebSocketRoute("/", keep)]
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    # Named as TCP, or asyncio leaves Nagle's algorithm on.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    async with serve(
        join, "127.0.0.1", 0, subprotocols=["graphql-ws"], compression=None, ping_interval=None
    ) as sockets:
        telling = await asyncio.start_server(tell, "127.0.0.1", 0, limit=LINE_LIMIT)
        ports = [s.getsockname()[1] for s in (listener, *sockets.sockets, *telling.sockets)]
        print(json.dumps(ports), flush=True)
        await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    asyncio.run(main())
