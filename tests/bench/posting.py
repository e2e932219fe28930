"""Mutations, as cheap to send as they can be: what they cost is the server's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from jupyter_jobs.jobs.operations import SUBMIT_JOB, UPDATE_JOB
from tests.support.backend import KEY

__all__ = ["Poster", "posters", "request", "submission", "update"]


class Poster:
    """One kept connection that posts what is ready made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, request: bytes) -> bytes:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return await self._reader.readexactly(size)

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def posters(port: int, count: int) -> AsyncIterator[list[Poster]]:
    opened = [Poster(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    try:
        yield opened
    finally:
        for poster in opened:
            poster.close()


def request(path: str, body: Mapping[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-length: {len(content)}"
    return head.encode() + b"\r\n\r\n" + content


def update(number: int) -> dict[str, Any]:
    told = {"status": "RUNNING", "progress": 0.5, "message": "step 500 of 1000"}
    return {"query": UPDATE_JOB, "variables": {"input": {"id": f"job-{number}", **told}}}


def submission(number: int) -> dict[str, Any]:
    asked = {"id": f"new-{number}", "request": "work", "group": "bench"}
    return {"query": SUBMIT_JOB, "variables": {"input": asked}}
