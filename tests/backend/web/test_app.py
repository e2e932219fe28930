from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp

from jupyter_jobs.appsync.auth import ApiKeyVerifier
from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.faults import Faults, FaultyApp
from jupyter_jobs.backend.limits import BODY_LIMIT, STRANGERS_BODY_LIMIT
from jupyter_jobs.backend.realtime.topics import Topics
from jupyter_jobs.backend.web.app import Backend
from tests.support.backend import RunningBackend
from tests.support.bare_api import BareApi

TYPENAME = json.dumps({"query": "{ __typename }"})


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def error(self) -> dict[str, Any]:
        (error,) = json.loads(self.body)["errors"]
        return error


def send(
    backend: RunningBackend,
    body: str | bytes = TYPENAME,
    path: str = "/graphql",
    method: str = "POST",
    **headers: str,
) -> Answer:
    address = urlsplit(backend.http)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    named = {"x-api-key": backend.key, **{n.replace("_", "-"): v for n, v in headers.items()}}
    try:
        connection.request(method, path, body, {n: v for n, v in named.items() if v})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def post(backend: RunningBackend, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    """By what our client posts with: it reads an answer that comes before all is sent."""
    named = headers or {"x-api-key": backend.key}
    return httpx.post(backend.http, content=body, headers=named, timeout=30, trust_env=False)


def test_a_query_is_answered_and_numbered(external_backend: RunningBackend) -> None:
    answer = send(external_backend)

    assert (answer.status, json.loads(answer.body)) == (200, {"data": {"__typename": "Query"}})
    assert len(answer.headers["x-amzn-RequestId"]) == 36
    assert send(external_backend).headers["x-amzn-RequestId"] != answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "Valid authorization header not provided."),
        ("da2-wrong", "You are not authorized to make this call."),
    ],
)
def test_without_the_key_nothing_is_answered(
    external_backend: RunningBackend, key: str, message: str
) -> None:
    for path, method in [("/graphql", "POST"), ("/stats", "GET")]:
        answer = send(external_backend, path=path, method=method, x_api_key=key)

        assert answer.status == 401
        assert answer.headers["x-amzn-ErrorType"] == "UnauthorizedException"
        assert answer.error == {"errorType": "UnauthorizedException", "message": message}
        assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"query": 1}',
        '{"query": "{a}", "variables": []}',
        b"\xff",
        "[" * 50_000,
        '{"query": "query($id: ID!) { getJob(id: $id) { id } }", "variables": {"id": "\\ud83d"}}',
    ],
)
def test_a_body_that_is_no_request_is_malformed(
    external_backend: RunningBackend, body: str | bytes
) -> None:
    answer = send(external_backend, body)

    assert answer.status == 400
    assert answer.error["errorType"] == "MalformedHttpRequestException"


def test_a_refused_field_is_an_error_within_a_good_answer(external_backend: RunningBackend) -> None:
    answer = send(external_backend, json.dumps({"query": 'mutation { cancelJob(id: "x") { id } }'}))

    assert answer.status == 200
    assert answer.error["errorType"] == "JobNotFound"


def test_a_body_over_the_limit_is_refused(external_backend: RunningBackend) -> None:
    pieces = iter([b" " * 2**20] * (BODY_LIMIT // 2**20 + 1))  # nobody tells how long it is

    told = post(external_backend, b" " * (BODY_LIMIT + 1))
    streamed = post(external_backend, pieces)

    for answer in (told, streamed):
        assert answer.status_code == 413
        assert f"{BODY_LIMIT:,}" in answer.json()["errors"][0]["message"]


def test_what_a_stranger_sends_is_not_kept(external_backend: RunningBackend) -> None:
    large = b" " * (STRANGERS_BODY_LIMIT - 1)

    answer = send(external_backend, large, x_api_key="da2-wrong")

    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert answer.error["message"] == "You are not authorized to make this call."


@pytest.mark.parametrize("depth", [40, 900])
def test_variables_that_nest_too_deep_are_refused(
    external_backend: RunningBackend, depth: int
) -> None:
    variables = '{"a":' * depth + "1" + "}" * depth

    answer = send(external_backend, f'{{"query": "{{ __typename }}", "variables": {variables}}}')

    assert (answer.status, answer.error["errorType"]) == (400, "MalformedHttpRequestException")
    assert depth > 500 or "deeper than 32" in answer.error["message"]


@pytest.mark.parametrize("query", ["{a" * 20_000, "{ listJobs { " + "a" * 50_000])
def test_a_document_that_is_too_much_is_refused(
    external_backend: RunningBackend, query: str
) -> None:
    answer = send(external_backend, json.dumps({"query": query}))

    assert answer.status == 200
    assert answer.error["errorType"] == "BadRequestException"


def test_ping_is_healthy_for_everybody(external_backend: RunningBackend) -> None:
    answer = send(external_backend, path="/ping", method="GET", x_api_key="")

    assert (answer.status, answer.body) == (200, b"healthy")
    assert answer.headers["x-amzn-RequestId"]


def test_stats_count(external_backend: RunningBackend) -> None:
    stats = external_backend.stats()

    assert stats["pid"] > 0
    assert {"connections", "subscriptions", "droppedEvents", "jobs"} <= stats.keys()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "localhost.",
        "0.0.0.0",
        "[::1",
        "::1]",
        "[evil]",
    ],
)
def test_a_host_that_is_not_loopback_is_refused(
    external_backend: RunningBackend, host: str
) -> None:
    for path, method in [("/graphql", "POST"), ("/ping", "GET")]:
        answer = send(external_backend, path=path, method=method, Host=host or " ")

        assert answer.status in (400, 403)  # the HTTP library itself refuses some


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1234", "127.0.0.1", "[::1]:8000", "127.1.2.3"]
)
def test_loopback_by_any_of_its_names_is_let_in(
    external_backend: RunningBackend, host: str
) -> None:
    assert send(external_backend, Host=host).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://[::1",
        "http://[evil]",
    ],
)
def test_a_page_of_another_origin_is_refused(external_backend: RunningBackend, origin: str) -> None:
    answer = send(external_backend, Origin=origin)

    assert (answer.status, answer.error["errorType"]) == (403, "ForbiddenException")


def test_its_own_origin_is_let_in(external_backend: RunningBackend) -> None:
    origin = external_backend.http.removesuffix("/graphql")

    assert send(external_backend, Origin=origin).status == 200


def test_unknown_paths_and_methods_are_numbered_too(external_backend: RunningBackend) -> None:
    for path, method, status in [("/", "GET", 404), ("/graphql", "GET", 405)]:
        answer = send(external_backend, path=path, method=method)

        assert answer.status == status
        assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize("path", ["/graphql", "/key"])
@pytest.mark.parametrize("faulty", [False, True])
async def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_failure(
    faulty: bool, path: str, tmp_path: Path
) -> None:
    topics, verifier = Topics(build()), ApiKeyVerifier(["da2-k"])

    def around(app: ASGIApp) -> ASGIApp:
        return FaultyApp(app, Faults(), verifier, lambda scope: None)

    bare = BareApi(tmp_path)
    bare.repository.close()  # for nothing reaches it
    backend = Backend(bare.api, topics, verifier, around=around if faulty else None)
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    scope |= {"headers": [(b"host", b"localhost"), (b"x-api-key", b"da2-k")]}
    arriving = [
        {"type": "http.request", "body": b'{"query":', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return arriving.pop(0)

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200

    await backend.app(scope, receive, send)

    assert arriving == []


def test_a_character_in_two_halves_is_one(external_backend: RunningBackend) -> None:
    body = '{"query": "query($id: ID!) { getJob(id: $id) { id } }", "variables": {"id": "\\ud83d\\ude00"}}'

    answer = send(external_backend, body)

    assert (answer.status, json.loads(answer.body)) == (200, {"data": {"getJob": None}})
