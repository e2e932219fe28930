"""A backend on the network: with TLS, under its names, for those whom it knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from jupyter_jobs import Command
from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.errors import ConnectionLost, Unauthorized
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.embedded import EmbeddedBackend, runtime_file
from jupyter_jobs.jobs.target import Target, find_target
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend
from tests.support.following import until

GUEST = "da2-guest-of-the-test"
ANY = "0.0.0.0"  # binds more than loopback: that is what is tried here


@dataclass
class Network:
    """A backend at every address, whose certificate is for `localhost`."""

    backend: RunningBackend
    ca: Path

    @property
    def port(self) -> int:
        port = urlsplit(self.backend.http).port
        assert port is not None
        return port

    def target(self, key: str = KEY) -> Target:
        return find_target(self.backend.http, ApiKeyAuth(key), ca=self.ca)

    def get(self, host: str) -> httpx.Response:
        """`/ping` under a name."""
        url = f"https://localhost:{self.port}/ping"
        trusted = ssl.create_default_context(cafile=self.ca)
        return httpx.get(url, headers={"host": host}, verify=trusted, trust_env=False)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "lab.pem")
    issued.private_key_pem.write_to_path(folder / "lab.key")
    (folder / "lab.key").chmod(0o600)
    (folder / "guests.json").write_text(json.dumps({"api_keys": [GUEST]}))
    options = ["--host", ANY, "--tls-cert", f"{folder / 'lab.pem'}"]
    options += ["--tls-key", f"{folder / 'lab.key'}", "--auth", f"{folder / 'guests.json'}"]
    options += ["--allow-host", "localhost", "--allow-host", "lab.example.org"]
    with running_backend(folder / "data", *options) as running:
        yield Network(running, folder / "ca.pem")


@pytest.mark.parametrize("key", [KEY, GUEST], ids=["owner", "guest"])
async def test_jobs_go_over_tls_by_request_and_by_socket(network: Network, key: str) -> None:
    assert network.backend.http.startswith("https://localhost:")
    assert network.backend.realtime.startswith("wss://localhost:")

    async with JobClient(network.target(key), group=key) as client:
        client.start()
        await until(client, lambda: client.connection.state == "connected")
        job = await client.submit("Process data", params={"rows": 1})
        await until(client, lambda: job.status.is_terminal)

    assert job.status == "SUCCEEDED"


async def test_without_the_authority_there_is_no_connection(network: Network) -> None:
    async with JobClient(find_target(network.backend.http, ApiKeyAuth(KEY))) as client:
        with pytest.raises(ConnectionLost, match=r"name its PEM file with ca="):
            await client.submit("Process data")


async def test_a_stranger_stays_outside(network: Network) -> None:
    target = network.target("da2-wrong")
    wire = AppSyncClient(target.endpoint, target.auth)
    with pytest.raises(Unauthorized):
        await wire.execute("{ __typename }")
    await wire.aclose()


def test_nothing_is_said_without_tls(network: Network) -> None:
    with socket.create_connection(("127.0.0.1", network.port), timeout=PATIENCE_S) as plain:
        plain.sendall(b"GET /ping HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"healthy" not in plain.recv(1000)


def test_old_tls_is_refused(network: Network) -> None:
    context = ssl.create_default_context(cafile=network.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", network.port), timeout=PATIENCE_S) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    ("host", "status"),
    [("lab.example.org", 200), ("localhost:1", 200), ("evil.example", 403), ("10.0.0.1", 403)],
)
def test_it_answers_to_its_own_names(network: Network, host: str, status: int) -> None:
    assert network.get(host).status_code == status


async def test_the_users_own_processes_come_on_loopback(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = network.backend.data_dir
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(folder))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    told = EmbeddedBackend.read(runtime_file(folder))

    async with JobClient(find_target()) as client:
        client.start()
        job = await client.submit(Command(["true"]))
        await job

    assert told is not None
    assert told.http.startswith("http://127.0.0.1:")
    assert urlsplit(told.http).port != network.port


def test_a_handshake_that_is_not_finished_holds_nobody_up(network: Network) -> None:
    silent = [socket.create_connection(("127.0.0.1", network.port)) for _ in range(20)]

    assert network.get("localhost").text == "healthy"
    for each in silent:
        each.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--host", ANY], "refusing to listen on 0.0.0.0 without TLS"),
        (["--host", ANY, "--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["--allow-host", "x"], "--allow-host is for a backend on the network"),
    ],
)
def test_what_would_be_open_does_not_start(tmp_path: Path, options: list[str], why: str) -> None:
    command = [sys.executable, "-m", "jupyter_jobs.cli", "serve", "--data-dir", str(tmp_path)]

    ran = subprocess.run([*command, *options], capture_output=True, text=True, env=dict(os.environ))

    assert (ran.returncode, ran.stdout) == (1, "")
    assert why in ran.stderr


def test_its_port_is_at_the_addresses_of_the_machine(network: Network) -> None:
    async def ask() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.2", network.port)
        del reader
        name: str = writer.get_extra_info("peername")[0]
        writer.transport.abort()
        return name

    assert asyncio.run(ask()) == "127.0.0.2"  # bound to 127.0.0.1 alone, nobody would answer there
