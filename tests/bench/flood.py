"""A peer that sends ready-made frames as fast as a socket takes them: `python -m tests.bench.flood`.

Prints its port. Each connection that starts a subscription gets all frames once: `FRAMES` updates of `JOBS` jobs.
"""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

FRAMES = 40_000
JOBS = 1_000
SLICE = 64 * 1024  # bytes a write


def frame_text(id_: str, number: int) -> str:
    """One `data` frame: a whole job, as the backend publishes it."""
    version, job = divmod(number, JOBS)
    body = {
        "id": f"6f1c0000-0000-4000-8000-{job:012d}",
        "group": "bench",
        "name": "Process data",
        "kind": "REQUEST",
        "request": "Process data",
        "params": '{"rows": 1000}',
        "priority": "MEDIUM",
        "status": "RUNNING",
        "progress": number / FRAMES,
        "done": float(number),
        "total": float(FRAMES),
        "message": f"row {number}",
        "result": None,
        "resultSize": None,
        "error": None,
        "version": version + 1,
        "createdAt": "2026-11-22T10:00:00.000Z",
        "startedAt": "2026-11-22T10:00:01.000Z",
        "finishedAt": None,
        "updatedAt": "2026-11-22T10:00:02.000Z",
    }
    payload = {"data": {"onJobUpdate": body}}
    return json.dumps({"id": id_, "type": "data", "payload": payload}, separators=(",", ":"))


async def flood(websocket: ServerConnection) -> None:
    await websocket.recv()
    await websocket.send('{"type":"connection_ack","payload":{"connectionTimeoutMs":300000}}')
    id_ = json.loads(await websocket.recv())["id"]
    frames = [
        Frame(Opcode.TEXT, frame_text(id_, n).encode()).serialize(mask=False) for n in range(FRAMES)
    ]
    await websocket.send(json.dumps({"id": id_, "type": "start_ack"}))
    raw = memoryview(b"".join(frames))
    for start in range(0, len(raw), SLICE):
        websocket.transport.write(raw[start : start + SLICE])
        # The transport tells nobody but websockets when it has room.
        while websocket.transport.get_write_buffer_size() > 2 * SLICE:  # noqa: ASYNC110  see above
            await asyncio.sleep(0)
    await websocket.wait_closed()


async def main() -> None:
    async with serve(
        flood, "127.0.0.1", 0, subprotocols=["graphql-ws"], compression=None
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
