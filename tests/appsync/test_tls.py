"""A private authority and a proxy, both for HTTPS and for the WebSocket, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from jupyter_jobs.appsync import tls
from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.realtime import open_websocket
from jupyter_jobs.errors import ConfigurationError, ConnectionLost
from tests.support.recorder import Recorder
from tests.support.server import KEY, FakeAppSync

HOST = "api.example.test"
TIMING = Timing(close_s=0.2, linger_s=0.05)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*tls.CA_VARIABLES, "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that no system knows."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its certificate, in a file."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


class Front:
    """TLS before a server, and the proxy that leads to it.

    Attributes:
        url: Of the proxy.
        asked: The targets that the proxy was asked for.
    """

    def __init__(self, server: FakeAppSync, trusted: ssl.SSLContext) -> None:
        self.asked: list[str] = []
        self._server = server
        self._trusted = trusted
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Front]:
        tls_server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._trusted)
        proxy = await asyncio.start_server(self._proxy, "127.0.0.1", 0)
        self.port = tls_server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            tls_server.close()
            proxy.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        target = self._server.endpoint.http if head.startswith(b"POST") else None
        url = target or self._server.endpoint.realtime
        await self._join(reader, writer, int(url.split(":")[2].split("/")[0]), head)

    async def _proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self._join(reader, writer, self.port, b"")

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, head: bytes
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        onward, back = await asyncio.open_connection("127.0.0.1", port)
        back.write(head)
        try:
            await asyncio.gather(self._pipe(reader, back), self._pipe(onward, writer))
        except asyncio.CancelledError:
            pass  # asyncio's streams complain about a handler that was cancelled
        finally:
            back.transport.abort()
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        writer.close()


@pytest.fixture
async def front(authority: trustme.CA) -> AsyncIterator[Front]:
    """An API behind TLS and a proxy."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, "localhost", "127.0.0.1").configure_cert(context)
    async with FakeAppSync() as server, Front(server, context).running() as front:
        yield front


def remote(ca: str | None = None) -> Endpoint:
    return Endpoint.parse(f"https://{HOST}/graphql", ca=ca)


async def use(endpoint: Endpoint) -> None:
    """Make a request and subscribe."""
    recorder = Recorder()
    async with AppSyncClient(endpoint, ApiKeyAuth(KEY), timing=TIMING) as client:
        assert await client.execute("query { x }", idempotent=True) == {"ok": True}
        recorder.subscribe(client)
        await recorder.until(lambda: recorder.started)


async def test_requests_and_events_go_by_the_proxy_of_the_environment(
    front: Front, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", front.url)

    await use(remote(ca))

    assert front.asked == [f"{HOST}:443", f"{HOST}:443"]


async def test_no_proxy_is_honoured(front: Front, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", front.url)
    monkeypatch.setenv("NO_PROXY", HOST)

    with pytest.raises(ConnectionLost, match=HOST):
        await open_websocket(remote(ca), {"x-api-key": KEY}, TIMING)

    assert front.asked == []


async def test_this_machine_is_never_asked_for_by_a_proxy(
    front: Front, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", front.url)

    await use(Endpoint.parse(f"https://127.0.0.1:{front.port}/graphql", ca=ca))

    assert front.asked == []


@pytest.mark.parametrize("name", tls.CA_VARIABLES)
async def test_a_private_authority_can_be_named_by_the_environment(
    front: Front, ca: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", front.url)
    monkeypatch.setenv(name, ca)

    await use(remote())


async def test_an_unknown_authority_is_refused_with_what_to_do(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", front.url)

    with pytest.raises(ConnectionLost, match=r"ca= or JUPYTER_JOBS_CA_BUNDLE"):
        await open_websocket(remote(), {"x-api-key": KEY}, TIMING)


def test_an_endpoint_without_tls_needs_no_certificates() -> None:
    assert tls.context(Endpoint.parse("http://127.0.0.1:1/graphql")) is None


def test_a_private_authority_is_trusted_beside_those_of_the_system(ca: str) -> None:
    plain, private = tls.context(remote()), tls.context(remote(ca))

    assert plain is not None
    assert private is not None
    assert len(private.get_ca_certs()) == len(plain.get_ca_certs()) + 1
    assert private.verify_mode is ssl.CERT_REQUIRED


def test_the_argument_comes_before_the_environment(
    ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tls.CA_VARIABLES[0], "/nowhere.pem")

    assert tls.context(remote(ca)) is not None


def test_a_system_without_certificates_has_those_of_certifi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)

    context = tls.context(remote())

    assert context is not None
    assert len(context.get_ca_certs()) > 10


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), ("hello", "holds no certificate")]
)
def test_a_file_that_is_no_bundle_is_named(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=rf"^ca: .*ca\.pem {reason}"):
        tls.context(remote(str(path)))
