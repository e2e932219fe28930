"""One exchange over a bare socket: what is sent in which pieces, how the client leaves, and what came back."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

__all__ = ["BOUND_S", "Exchange", "Outcome", "Unending", "carry_out", "receive"]

BOUND_S = 15.0
"""That the server may take to part with a client that has said all."""

_CHUNK = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")

Ending = Literal["half-close", "close", "reset"]


class Unending(AssertionError):
    """The server did not part with a client that has said all."""


@dataclass(frozen=True)
class Exchange:
    """What a client does with one connection.

    Attributes:
        pieces: What it sends, each piece by itself.
        pause: Seconds between them.
        ending: How it leaves.
    """

    pieces: tuple[bytes, ...]
    pause: float = 0.0
    ending: Ending = "half-close"

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        received: All bytes.
        told: What that was, in a word: the status of each answer, `silence`, or `other`.
    """

    received: bytes

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(self.received)]

    @property
    def told(self) -> str:
        """What that was, in a word."""
        if not self.received:
            return "silence"
        return " ".join(sorted({str(status) for status in self.statuses})) or "other"


def carry_out(
    address: tuple[str, int], exchange: Exchange, meanwhile: Callable[[], object]
) -> Outcome:
    """Carry out an exchange.

    Args:
        address: The server's.
        exchange: What to do.
        meanwhile: Is called when all has been sent; when it returns, what the server has to say is read.

    Raises:
        Unending: The server did not part within `BOUND_S`, though the client had left its side.
    """
    with socket.create_connection(address, BOUND_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        with suppress(ConnectionError):
            received += _send(client, exchange)
        meanwhile()
        received += receive(client, 0.0)
        with suppress(OSError):  # the server may have gone already
            if exchange.ending == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return Outcome(received)
            if exchange.ending == "close":
                return Outcome(received)
            client.shutdown(socket.SHUT_WR)
        return Outcome(received + _rest(client))


def receive(client: socket.socket, patience_s: float) -> bytes:
    """Return what is there, and what comes before nothing has come for a while."""
    received = bytearray()
    client.settimeout(patience_s)
    with suppress(TimeoutError, BlockingIOError, ConnectionError):
        while chunk := client.recv(_CHUNK):
            received += chunk
    client.settimeout(BOUND_S)
    return bytes(received)


def _send(client: socket.socket, exchange: Exchange) -> bytes:
    """Send the pieces; what comes back meanwhile is read, or the server would wait for that."""
    received = b""
    for number, piece in enumerate(exchange.pieces):
        if number and exchange.pause:
            time.sleep(exchange.pause)
        for part in _parts(piece):
            client.sendall(part)
            received += receive(client, 0.0) if len(piece) > _CHUNK else b""
    return received


def _parts(piece: bytes) -> Iterable[bytes]:
    return (piece[at : at + _CHUNK] for at in range(0, len(piece), _CHUNK))


def _rest(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received, due = bytearray(), time.monotonic() + BOUND_S
    try:
        while chunk := client.recv(_CHUNK):
            received += chunk
            if time.monotonic() > due:
                raise Unending(f"the server still talks after {BOUND_S:g} s")
    except TimeoutError:
        raise Unending(f"the server did not close within {BOUND_S:g} s") from None
    except ConnectionError:
        pass
    return bytes(received)
