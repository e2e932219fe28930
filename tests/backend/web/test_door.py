from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from jupyter_jobs.appsync.auth import ApiKeyVerifier, Guests, Purpose, TokenVerifier
from jupyter_jobs.backend.life.keys import OwnKey, RetiredKey
from jupyter_jobs.backend.limits import FAILURES, REQUESTS, REQUESTS_OF_GUESTS
from jupyter_jobs.backend.web.door import Caller, Callers, Guard, Refused
from jupyter_jobs.errors import Unauthorized

KEY = "da2-own"
OWNER = Caller(is_owner=True, is_trusted=True)
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=0"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Signatures:
    """Lets in whose body is "signed", as IAM does who signs it."""

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        if body != b"signed":
            raise Unauthorized("The signature does not match.")


def ask(
    callers: Callers,
    key: str | None = None,
    *,
    address: str = "10.0.0.1",
    body: bytes | None = b"",
    **headers: str,
) -> Caller | None:
    shown = headers if key is None else {"x-api-key": key}
    return callers.recognise(shown, Purpose.REQUEST, body, address)


def refused(call: Callable[[], object]) -> tuple[int, dict[str, Any], str | None]:
    """Status, error, and how long to wait."""
    with pytest.raises(Refused) as raised:
        call()
    response = raised.value.response
    (error,) = json.loads(bytes(response.body))["errors"]
    return response.status_code, error, response.headers.get("retry-after")


def fail(callers: Callers, count: int, **where: str) -> None:
    for _ in range(count):
        with pytest.raises(Unauthorized):
            ask(callers, "da2-wrong", **where)  # type: ignore[arg-type]  # an address


def test_who_holds_the_own_key_is_the_owner() -> None:
    callers = Callers(OwnKey(KEY), Guests(ApiKeyVerifier(["da2-guest"])))

    assert ask(callers, KEY) == OWNER
    assert ask(callers, "da2-guest") == Caller(is_owner=False, is_trusted=False)


def test_guests_are_trusted_where_their_file_says_so() -> None:
    callers = Callers(OwnKey(KEY), Guests(ApiKeyVerifier(["da2-guest"]), trusted=True))

    assert ask(callers, "da2-guest") == Caller(is_owner=False, is_trusted=True)


@pytest.mark.parametrize("guests", [None, Guests(TokenVerifier(lambda token: False))])
def test_nobody_else_is_let_in(guests: Guests | None) -> None:
    callers = Callers(OwnKey(KEY), guests)

    for key in ("", "da2-ow", "da2-own ", "DA2-OWN", "\udcff"):
        with pytest.raises(Unauthorized, match="not authorized"):
            ask(callers, key)
    with pytest.raises(Unauthorized, match="not provided"):
        ask(callers)


def test_a_signature_over_the_body_waits_for_the_body() -> None:
    callers = Callers(OwnKey(KEY), Guests(Signatures()))

    early = ask(callers, body=None, **SIGNED)
    late = ask(callers, body=b"signed", **SIGNED)

    assert (early, late) == (None, Caller(is_owner=False, is_trusted=False))
    with pytest.raises(Unauthorized, match="does not match"):
        ask(callers, body=b"other", **SIGNED)


def test_without_guests_no_body_is_waited_for() -> None:
    with pytest.raises(Unauthorized):
        ask(Callers(OwnKey(KEY)), body=None, **SIGNED)


def test_many_bad_credentials_from_an_address_have_to_wait() -> None:
    clock = Clock()
    callers = Callers(OwnKey(KEY), clock=clock)
    fail(callers, FAILURES.burst)

    status, error, wait = refused(lambda: ask(callers, "da2-wrong"))
    fail(callers, 1, address="10.0.0.2")
    clock.now += 1
    fail(callers, 1)

    assert (status, wait, error["errorType"]) == (429, "1", "TooManyRequestsException")
    assert error["message"].endswith("Wait 1 s, then try again.")


def test_a_guest_waits_for_the_failures_of_others_there_and_the_owner_does_not() -> None:
    callers = Callers(OwnKey(KEY), Guests(ApiKeyVerifier(["da2-guest"])), clock=Clock())
    fail(callers, FAILURES.burst)

    assert refused(lambda: ask(callers, "da2-guest"))[0] == 429
    assert ask(callers, "da2-guest", address="10.0.0.2") is not None
    assert ask(callers, KEY) == OWNER


def test_a_key_of_before_is_refused_without_being_counted() -> None:
    own = OwnKey(KEY)
    callers = Callers(own, clock=Clock())
    own.replace("da2-new")

    for _ in range(2 * FAILURES.burst):
        with pytest.raises(RetiredKey, match="not authorized"):
            ask(callers, KEY)
    fail(callers, 1)
    assert ask(callers, "da2-new") == OWNER


def test_guests_share_a_pace_that_leaves_the_owner_room() -> None:
    clock = Clock()
    callers = Callers(OwnKey(KEY), clock=clock)
    guest = Caller(is_owner=False, is_trusted=False)
    for _ in range(REQUESTS_OF_GUESTS.burst):
        callers.hurry(guest)

    status, error, wait = refused(lambda: callers.hurry(guest))
    callers.hurry(OWNER)

    assert (status, wait) == (429, "1")
    assert error["message"] == "Rate limit exceeded. Wait 1 s, then try again."


def test_the_owners_pace_has_an_end_too() -> None:
    callers = Callers(OwnKey(KEY), clock=Clock())
    for _ in range(REQUESTS.burst):
        callers.hurry(OWNER)

    assert refused(lambda: callers.hurry(OWNER))[0] == 429


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("lab.example.org:8443", None, 200),
        ("LAB.example.org", None, 200),
        ("10.1.2.3:8443", None, 200),
        ("localhost:8443", None, 200),
        ("lab.example.org:8443", "https://lab.example.org:8443", 200),
        ("lab.example.org:8443", "https://evil.example", 403),
        ("lab.example.org.evil.example:8443", None, 403),
        ("10.1.2.4:8443", None, 403),
        ("", None, 403),
        ("lab.example.org@evil.example", None, 403),
    ],
)
async def test_a_server_on_the_network_goes_by_the_names_it_was_given(
    host: str, origin: str | None, status: int
) -> None:
    guard = Guard(PlainTextResponse("in"), hosts=["lab.example.org", "10.1.2.3"])
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    await guard(scope, receive, send)

    assert sent[0]["status"] == status
    assert dict(sent[0]["headers"])[b"x-amzn-requestid"]
    assert status == 200 or dict(sent[0]["headers"])[b"connection"] == b"close"
