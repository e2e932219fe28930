"""Clients that stop in the middle, or go on for ever: the server parts with each of them, in a time that it sets."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from jupyter_jobs.appsync.protocol.server import INIT_TIMEOUT_S
from jupyter_jobs.backend.limits import BODY_S, HEAD_S, STALLED_S
from tests.fuzz.backend import Fuzzed
from tests.fuzz.frames import upgrade

__all__ = ["STALLS", "Stall", "stall"]

SLACK_S = 10.0
"""That a busy machine may take more than a limit says."""

AT_ONCE = 20
"""Clients of each kind, all at the same time."""

_DRIP_S = 0.2
_CLOSE_S = 30.0  # that a client is given to answer a WebSocket's close
_IDLE_S = 5.0  # that uvicorn keeps a connection without a request


@dataclass(frozen=True)
class Stall:
    """A way to stop.

    Attributes:
        within: Seconds that the server sets.
        pieces: What is sent, given the host's name and the key; a pause between each.
        reads: Whether the client reads what comes back.
    """

    within: float
    pieces: Callable[[str, str], Iterable[bytes]]
    reads: bool = True


def _head(host: str, key: str, *more: str) -> bytes:
    lines = ["POST /graphql HTTP/1.1", f"Host: {host}", f"x-api-key: {key}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _ask(host: str, key: str) -> bytes:
    body = b'{"query": "{ __schema { types { name fields { name } } } }"}'
    return _head(host, key, f"Content-Length: {len(body)}") + body


STALLS: Mapping[str, Stall] = {
    "nothing": Stall(HEAD_S, lambda host, key: []),
    "half a head": Stall(HEAD_S, lambda host, key: [_head(host, key)[:30]]),
    "a head for ever": Stall(
        HEAD_S,
        lambda host, key: itertools.chain([b"POST / HTTP/1.1\r\n"], itertools.repeat(b"a: b\r\n")),
    ),
    "an answered request": Stall(_IDLE_S, lambda host, key: [_ask(host, key)]),
    "half an upgrade": Stall(HEAD_S, lambda host, key: [upgrade(host, key)[:-2]]),
    "an upgrade": Stall(INIT_TIMEOUT_S + _CLOSE_S, lambda host, key: [upgrade(host, key)]),
    "half a body": Stall(
        BODY_S, lambda host, key: [_head(host, key, "Content-Length: 1000") + b"{"]
    ),
    "a body for ever": Stall(
        BODY_S,
        lambda host, key: itertools.chain(
            [_head(host, key, "Content-Length: 60000000")], itertools.repeat(b" ")
        ),
    ),
    "chunks for ever": Stall(
        BODY_S,
        lambda host, key: itertools.chain(
            [_head(host, key, "Transfer-Encoding: chunked")], itertools.repeat(b"1\r\n \r\n")
        ),
    ),
    "no reading": Stall(
        STALLED_S + _IDLE_S,
        lambda host, key: itertools.repeat(100 * _ask(host, key), 40),
        reads=False,
    ),
}
"""What the client does before it stops -> how."""


def stall(fuzzed: Fuzzed, names: Iterable[str] = STALLS) -> None:
    """Let many clients stop at the same time.

    Raises:
        AssertionError: The server kept one of them for longer than it says, or did not answer others meanwhile.
    """
    asyncio.run(_stall(fuzzed, list(names)))


async def _stall(fuzzed: Fuzzed, names: list[str]) -> None:
    tasks = {asyncio.create_task(_one(fuzzed, STALLS[name])): name for name in names * AT_ONCE}
    pending = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, timeout=1.0)
        await asyncio.to_thread(fuzzed.ask)
    kept = {name for task, name in tasks.items() if not task.result()}
    for task, name in tasks.items():
        fuzzed.outcomes[f"stalls: {name}, {'parted' if task.result() else 'kept'}"] += 1
    assert not kept, f"the server keeps clients that send {', '.join(sorted(kept))}, and then stop"


async def _one(fuzzed: Fuzzed, stall: Stall) -> bool:
    """Stop in one way; whether the server parted in time."""
    reader, writer = await asyncio.open_connection(*fuzzed.address, limit=2**16)
    begun = time.monotonic()
    sending = asyncio.create_task(_send(writer, stall.pieces(fuzzed.host, fuzzed.backend.key)))
    try:
        async with asyncio.timeout(stall.within + SLACK_S):
            if stall.reads:
                with suppress(ConnectionError):
                    while await reader.read(2**16):
                        pass
            else:
                await _until_reset(writer, sending)
            return True
    except TimeoutError:
        return time.monotonic() - begun < stall.within
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
    async for piece in _slowly(pieces):
        writer.write(piece)
        await writer.drain()


async def _slowly(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(_DRIP_S)


async def _until_reset(writer: asyncio.StreamWriter, sending: asyncio.Task[None]) -> None:
    """Wait until the other side is gone, without reading what it says."""
    while not writer.transport.is_closing():
        with suppress(OSError):
            writer.write(
                b"\r\n"
            )  # empty lines before a request are allowed; the system tells when nobody is there
        await asyncio.sleep(1.0)
