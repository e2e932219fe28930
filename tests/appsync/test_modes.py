"""Each authorization mode from one end to the other: our client, real sockets, a real backend that checks."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect

from jupyter_jobs.appsync.auth import (
    AUTH_MODES,
    Attempt,
    Auth,
    Purpose,
    TokenAuth,
    TokenVerifier,
    ask,
    authorization,
)
from jupyter_jobs.appsync.auth.token import MAX_TOKEN
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import Unauthorized, WireError
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE, SUBMIT_JOB
from tests.support.backend import RunningBackend, running_backend
from tests.support.credentials import Ends, ends, signer
from tests.support.recorder import Recorder
from tests.support.server import FakeAppSync

EVENTS = ON_JOB_UPDATE["group"]


class Mode:
    """A backend that lets in those of one mode, and credentials for it."""

    def __init__(self, name: str, backend: RunningBackend) -> None:
        self.ends: Ends = ends(name)
        self.endpoint = Endpoint.parse(backend.http, backend.realtime)

    def client(self, auth: Auth) -> AppSyncClient:
        return AppSyncClient(self.endpoint, auth)


@contextmanager
def running(name: str, folder: Path) -> Iterator[Mode]:
    guests = folder / "guests.json"
    guests.write_text(json.dumps(ends(name).settings))
    with running_backend(folder, "--external", "--auth", str(guests)) as backend:
        yield Mode(name, backend)


@pytest.fixture(scope="module", params=AUTH_MODES)
def mode(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mode]:
    with running(request.param, tmp_path_factory.mktemp("backend")) as mode:
        yield mode


def follow(client: AppSyncClient, recorder: Recorder) -> None:
    client.subscribe(
        EVENTS,
        {"group": "g"},
        on_started=recorder.on_started,
        on_data=recorder.on_data,
        on_ended=recorder.on_ended,
    )


def told(recorder: Recorder) -> str:
    """The last thing that went wrong with the connection."""
    return [status.error for status in recorder.statuses if status.error][-1]


def submission() -> dict[str, Any]:
    return {"input": {"id": str(uuid.uuid4()), "request": "train", "group": "g"}}


async def test_a_mutation_and_its_event_pass_both_ends(mode: Mode) -> None:
    recorder = Recorder()
    async with mode.client(mode.ends.good) as client:
        follow(client, recorder)
        await recorder.until(lambda: recorder.started)

        submitted = await client.execute(SUBMIT_JOB, submission())
        await recorder.until(lambda: recorder.data)

    assert recorder.data[0]["data"]["onJobUpdate"]["id"] == submitted["submitJob"]["id"]


async def test_any_thread_may_ask_beside_a_busy_loop(mode: Mode) -> None:
    async with mode.client(mode.ends.good) as client:
        submitted = client.execute_sync(SUBMIT_JOB, submission())

    assert submitted["submitJob"]["status"] == "QUEUED"


async def test_the_credentials_of_somebody_else_are_refused_everywhere(mode: Mode) -> None:
    recorder = Recorder()
    async with mode.client(mode.ends.bad) as client:
        client.on_status(recorder.on_status)
        follow(client, recorder)
        await recorder.until(lambda: "auth_failed" in recorder.states)
        with pytest.raises(Unauthorized) as refusal:
            await client.execute(SUBMIT_JOB, submission())

    said = mode.ends.refusal.rstrip(".")
    assert said in told(recorder)
    assert said in str(refusal.value)
    assert recorder.started == 0


@pytest.mark.parametrize("channel", ["sub-protocol", "query", "headers"])
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
async def test_each_channel_of_the_handshake_is_read(mode: Mode, channel: str, good: bool) -> None:
    auth = mode.ends.good if good else mode.ends.bad
    shown = authorization(mode.endpoint, await ask(auth, Attempt(Purpose.CONNECT, mode.endpoint)))
    text = base64.b64encode(json.dumps(shown).encode()).decode()
    url, protocols, headers = mode.endpoint.realtime, ["graphql-ws"], {}
    if channel == "sub-protocol":
        unpadded = text.rstrip("=").replace("+", "-").replace("/", "_")
        protocols.append(f"header-{unpadded}")
    elif channel == "query":
        url += f"?header={quote(text, safe='')}&payload=e30="
    else:
        headers = {name: value for name, value in shown.items() if name != "host"}

    async with connect(url, subprotocols=protocols, additional_headers=headers) as socket:
        await socket.send('{"type":"connection_init"}')
        answer = json.loads(await socket.recv())

    assert answer["type"] == ("connection_ack" if good else "connection_error")
    if not good:
        assert mode.ends.refusal in answer["payload"]["errors"][0]["message"]


@pytest.fixture(scope="module")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mode]:
    """A backend for tokens of a key set."""
    with running("OPENID_CONNECT", tmp_path_factory.mktemp("oidc")) as mode:
        yield mode


def token(length: int = 0, **claims: Any) -> str:
    """A good token, of about this length."""
    claims = {"aud": "notebook", "groups": "", **claims}
    text = signer("oidc").token(**claims)
    while len(text) < length:
        claims["groups"] += "g" * max((length - len(text)) * 3 // 4, 1)
        text = signer("oidc").token(**claims)
    return text


async def test_an_expired_token_is_renewed_once(oidc: Mode) -> None:
    tokens = [token(exp=1), token(), token(exp=1), token()]
    recorder = Recorder()
    async with oidc.client(TokenAuth(lambda: tokens.pop(0) if tokens else token())) as client:
        submitted = await client.execute(SUBMIT_JOB, submission())
        client.on_status(recorder.on_status)
        follow(client, recorder)
        await recorder.until(lambda: recorder.started)

    assert submitted["submitJob"]["status"] == "QUEUED"
    assert "auth_failed" not in recorder.states


async def test_a_token_that_stays_expired_is_told_in_the_services_words(oidc: Mode) -> None:
    recorder = Recorder()
    async with oidc.client(TokenAuth(lambda: token(exp=1))) as client:
        client.on_status(recorder.on_status)
        with pytest.raises(Unauthorized, match="Token has expired"):
            await client.execute(SUBMIT_JOB, submission())
        follow(client, recorder)
        await recorder.until(lambda: "auth_failed" in recorder.states)

    assert "Token has expired" in told(recorder)


async def test_the_longest_token_passes_the_handshake(oidc: Mode) -> None:
    longest = token(MAX_TOKEN - 3)
    assert MAX_TOKEN - 3 <= len(longest) <= MAX_TOKEN
    recorder = Recorder()

    async with oidc.client(TokenAuth(longest)) as client:
        follow(client, recorder)
        await recorder.until(lambda: recorder.started)
        await client.execute(SUBMIT_JOB, submission())


async def test_the_longest_token_passes_a_server_whose_lines_end_at_8_kib() -> None:
    longest = "x" * MAX_TOKEN
    recorder = Recorder()
    async with FakeAppSync(verifier=TokenVerifier(longest.__eq__)) as server:
        async with AppSyncClient(server.endpoint, TokenAuth(longest)) as client:
            recorder.subscribe(client)
            await recorder.until(lambda: recorder.started)


@pytest.mark.parametrize("prefix", ["", "Bearer "])
async def test_what_the_caller_gives_is_passed_on_as_it_is(prefix: str) -> None:
    async with FakeAppSync(verifier=TokenVerifier(f"{prefix}jwt".__eq__)) as server:
        async with AppSyncClient(server.endpoint, TokenAuth(f"{prefix}jwt")) as client:
            recorder = Recorder()
            recorder.subscribe(client)
            await recorder.until(lambda: recorder.started)
            await client.execute("query Q { x }")

        assert server.posts[0].headers["authorization"] == f"{prefix}jwt"


async def test_a_provider_that_fails_is_told_with_what_to_do(oidc: Mode) -> None:
    def provider() -> str:
        raise ConnectionError("the pool does not answer; password=hunter2")

    recorder = Recorder()
    async with oidc.client(TokenAuth(provider)) as client:
        client.on_status(recorder.on_status)
        with pytest.raises(WireError) as refusal:
            await client.execute(SUBMIT_JOB, submission())
        follow(client, recorder)
        await recorder.until(lambda: any(status.error for status in recorder.statuses))

    for said in (str(refusal.value), told(recorder)):
        assert "ConnectionError: the pool does not answer; password=[hidden]" in said
        assert "auth=" in said
