"""What the measurements share: a bare client to compare with, a peer that floods, a line of the table."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from jupyter_jobs.jobs.operations import ON_JOB_UPDATE

__all__ = [
    "bare_socket",
    "bare_start",
    "bare_subscription",
    "flooding",
    "header",
    "quantile",
    "report",
]


def header() -> None:
    print(f"{'':46}{'ours':>13}{'baseline':>13}{'ratio':>8}", flush=True)


def report(what: str, ours: float, baseline: float, unit: str) -> None:
    print(
        f"{what:46}{ours:>9.4g} {unit:<3}{baseline:>9.4g} {unit:<3}{ours / baseline:>8.2f}",
        flush=True,
    )


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def authorization(http: str, key: str) -> dict[str, str]:
    return {"host": httpx.URL(http).netloc.decode(), "x-api-key": key}


@contextlib.asynccontextmanager
async def bare_socket(url: str, http: str, key: str) -> AsyncIterator[ClientConnection]:
    """A socket after its connection_ack."""
    shown = json.dumps(authorization(http, key)).encode()
    offered = base64.urlsafe_b64encode(shown).decode().rstrip("=")
    protocols: Any = ["graphql-ws", f"header-{offered}"]
    async with connect(
        url, subprotocols=protocols, compression=None, max_queue=None, proxy=None
    ) as websocket:
        await websocket.send('{"type":"connection_init"}')
        while json.loads(await websocket.recv())["type"] != "connection_ack":
            pass
        yield websocket


def bare_start(id_: str, http: str, key: str, **scope: str) -> str:
    """A start frame for jobs of a group or for one id."""
    (by,) = scope
    data = json.dumps({"query": ON_JOB_UPDATE[by], "variables": scope})
    payload = {"data": data, "extensions": {"authorization": authorization(http, key)}}
    return json.dumps({"id": id_, "type": "start", "payload": payload})


@contextlib.asynccontextmanager
async def bare_subscription(
    url: str, http: str, key: str, group: str
) -> AsyncIterator[ClientConnection]:
    """A socket with one live subscription."""
    async with bare_socket(url, http, key) as websocket:
        await websocket.send(bare_start("bare", http, key, group=group))
        while json.loads(await websocket.recv())["type"] != "start_ack":
            pass
        yield websocket


@contextlib.contextmanager
def flooding() -> Iterator[int]:
    """A peer that sends ready-made frames; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.flood"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
