"""gql, which knows nothing of us, as a client of the embedded backend: in every authorization mode that it has."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.credentials import Credentials
from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.appsync_auth import (
    AppSyncApiKeyAuthentication,
    AppSyncAuthentication,
    AppSyncIAMAuthentication,
    AppSyncJWTAuthentication,
)
from gql.transport.appsync_websockets import AppSyncWebsocketsTransport
from gql.transport.exceptions import TransportQueryError, TransportServerError

from jupyter_jobs.jobs.operations import GET_JOB, ON_JOB_UPDATE, SUBMIT_JOB
from tests.support.backend import RunningBackend, running_backend
from tests.support.credentials import (
    ACCESS_KEY,
    API_KEY,
    ISSUER,
    LAMBDA_TOKEN,
    REGION,
    SECRET_KEY,
    SESSION_TOKEN,
    key_set,
    signer,
)

MakeAuth = Callable[[str], AppSyncAuthentication]


def api_key(key: str) -> MakeAuth:
    return lambda host: AppSyncApiKeyAuthentication(host, key)


def token(text: str) -> MakeAuth:
    return lambda host: AppSyncJWTAuthentication(host, text)


def iam(secret: str, session: str | None = SESSION_TOKEN) -> MakeAuth:
    credentials = Credentials(ACCESS_KEY, secret, session)
    return lambda host: AppSyncIAMAuthentication(host, REGION, credentials=credentials)


@dataclass(frozen=True)
class Mode:
    """Credentials that are good, and some that are not."""

    good: MakeAuth
    bad: MakeAuth


MODES = {
    "API key": Mode(api_key(API_KEY), api_key("da2-zyxwvutsrqponmlkjihgfedcba")),
    "user pool": Mode(token(signer("pool", "RS256").token()), token(signer("pool").token())),
    "OpenID Connect": Mode(
        token(signer("oidc").token()), token(signer("oidc").token(iss="https://else.where"))
    ),
    "Lambda": Mode(token(LAMBDA_TOKEN), token("let-me-out")),
    "IAM": Mode(iam(SECRET_KEY), iam("another-secret")),
}


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend that lets in all of them."""
    folder = tmp_path_factory.mktemp("peers")
    auth = folder / "auth.json"
    auth.write_text(
        json.dumps(
            {
                "api_keys": [API_KEY],
                "jwks": key_set(signer("pool", "RS256"), signer("oidc")),
                "issuer": ISSUER,
                "tokens": "tests.support.credentials:is_good",
                "iam": {ACCESS_KEY: [SECRET_KEY, SESSION_TOKEN]},
                "region": REGION,
            }
        )
    )
    with running_backend(folder / "data", "--external", "--auth", str(auth)) as running:
        yield running


def http(backend: RunningBackend, make: MakeAuth) -> Client:
    return Client(transport=AIOHTTPTransport(backend.http, auth=make(host(backend))))


def realtime(backend: RunningBackend, make: MakeAuth) -> Client:
    url = backend.http.replace("http://", "ws://")
    transport = AppSyncWebsocketsTransport(url, auth=make(host(backend)))
    return Client(transport=transport)


def host(backend: RunningBackend) -> str:
    return backend.http.split("/")[2]


def submit(group: str) -> GraphQLRequest:
    body = {"id": str(uuid.uuid4()), "request": "work", "group": group, "params": '{"a": "ä\\""}'}
    return GraphQLRequest(SUBMIT_JOB, variable_values={"input": body})


def updates(group: str) -> GraphQLRequest:
    return GraphQLRequest(ON_JOB_UPDATE["group"], variable_values={"group": group})


@pytest.mark.parametrize("name", MODES)
async def test_events_of_its_mutations_arrive(backend: RunningBackend, name: str) -> None:
    make, group = MODES[name].good, f"events of {name}"
    submitted: dict[str, object] = {}

    async with http(backend, make) as poster, realtime(backend, make) as listener:

        async def first() -> dict[str, object]:
            async for event in listener.subscribe(updates(group)):
                return event["onJobUpdate"]
            raise AssertionError("the subscription ended")

        arriving = asyncio.ensure_future(first())
        while not arriving.done():  # gql does not tell when a subscription is live
            job = (await poster.execute(submit(group)))["submitJob"]
            submitted[job["id"]] = job

        event = await arriving
        assert event == submitted[event["id"]]
        asked = GraphQLRequest(GET_JOB, variable_values={"id": event["id"]})
        assert (await poster.execute(asked))["getJob"] == event


@pytest.mark.parametrize("name", MODES)
async def test_wrong_credentials_are_refused_for_a_socket(
    backend: RunningBackend, name: str
) -> None:
    with pytest.raises(TransportServerError, match="UnauthorizedException"):
        async with realtime(backend, MODES[name].bad):
            pass


@pytest.mark.parametrize("name", MODES)
async def test_wrong_credentials_are_refused_for_a_request(
    backend: RunningBackend, name: str
) -> None:
    async with http(backend, MODES[name].bad) as poster:
        with pytest.raises(TransportQueryError, match="UnauthorizedException"):
            await poster.execute(submit("refused"))


async def test_credentials_for_the_socket_are_not_enough_for_a_start(
    backend: RunningBackend,
) -> None:
    listener = realtime(backend, MODES["API key"].good)
    async with listener as session:
        listener.transport.auth = MODES["API key"].bad(host(backend))

        with pytest.raises(TransportQueryError, match="not authorized"):
            async for _ in session.subscribe(updates("refused")):
                pass


async def test_what_the_schema_has_not_is_refused_in_gqls_terms(backend: RunningBackend) -> None:
    make = MODES["API key"].good
    async with http(backend, make) as poster, realtime(backend, make) as listener:
        with pytest.raises(TransportQueryError, match="Validation error"):
            await poster.execute(GraphQLRequest("query { nothing }"))
        with pytest.raises(TransportQueryError, match="Validation error"):
            async for _ in listener.subscribe(GraphQLRequest("subscription { nothing }")):
                pass


async def test_many_subscriptions_share_its_socket(backend: RunningBackend) -> None:
    make = MODES["API key"].good
    async with http(backend, make) as poster, realtime(backend, make) as listener:

        async def first(group: str) -> str:
            async for event in listener.subscribe(updates(group)):
                return event["onJobUpdate"]["group"]
            raise AssertionError("the subscription ended")

        groups = [f"many {n}" for n in range(5)]
        arriving = [asyncio.ensure_future(first(group)) for group in groups]
        while not all(one.done() for one in arriving):
            await asyncio.gather(*(poster.execute(submit(group)) for group in groups))

        assert [await one for one in arriving] == groups
