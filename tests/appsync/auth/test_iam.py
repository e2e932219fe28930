from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.appsync.auth import (
    Attempt,
    IamAuth,
    IamVerifier,
    Purpose,
    ask,
    ask_sync,
    authorization,
    same_credentials,
)
from jupyter_jobs.appsync.auth.token import TokenAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, Unauthorized

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "example1234567890000.appsync-api.us-east-1.amazonaws.com"
DEFAULT = Endpoint.parse(f"https://{HOST}/graphql")
CUSTOM = Endpoint.parse("https://api.example.com/graphql")
START = (
    '{"query":"subscription S($id: ID!) { onJobUpdate(id: $id) { id status version } }",'
    '"variables":{"id":"job-1"}}'
)
BODIES = {Purpose.CONNECT: "{}", Purpose.START: START, Purpose.REQUEST: START}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
MISMATCH = "The request signature we calculated does not match the signature you provided"

# Made by botocore and, independently, by hand from the rules of Signature Version 4, 2026-11.
VECTORS = [
    (Purpose.CONNECT, None, "94d3aaceb75f82be56d85e190d39c5f1cfc1154f06dcd12ad3211ffbfe3f35af"),
    (
        Purpose.CONNECT,
        "SESSIONTOKEN",
        "da7825845de928e7a191295378f28e167cedce0cf19beb95aded7f1ec4a51c73",
    ),
    (Purpose.START, None, "e5814d71bc3be218d58baf36c7c4fc05e512d87864983f85872a3d56d78926a1"),
    (
        Purpose.START,
        "SESSIONTOKEN",
        "e00914d86b3ef4a45ce447f7b6c92d151b73a7d434d3c2acf0a1c4916a50a899",
    ),
    (Purpose.REQUEST, None, "1d85ff1609b6b7e8b62228003dd6d16f3dca1adc032cd42d67ac0a33512169f8"),
]
vectors = pytest.mark.parametrize(("purpose", "token", "signature"), VECTORS)


def clock() -> float:
    return NOW


def signer(token: str | None = None, **options: Any) -> IamAuth:
    return IamAuth(credentials=(KEY, SECRET, token), **{"clock": clock, **options})


def verifier(token: str | None = None, now: float = NOW) -> IamVerifier:
    secret = (SECRET, token) if token else SECRET
    return IamVerifier({KEY: secret}, region="us-east-1", clock=lambda: now)


def shown(
    auth: IamAuth, purpose: Purpose = Purpose.START, endpoint: Endpoint = DEFAULT
) -> dict[str, str]:
    """What a server reads of a signature."""
    headers = ask_sync(auth, Attempt(purpose, endpoint, BODIES[purpose]))
    return {name.lower(): value for name, value in authorization(endpoint, headers).items()}


def signed(signature: str, purpose: Purpose, token: str | None) -> dict[str, str]:
    """What a signature is shown with, written out."""
    headers = {
        "accept": "application/json, text/javascript",
        "content-encoding": "amz-1.0",
        "content-type": "application/json; charset=UTF-8",
    }
    if purpose is Purpose.REQUEST:
        headers = {"content-type": "application/json"}
    headers |= {"host": HOST, "x-amz-date": "20260102T030405Z"}
    if token:
        headers["x-amz-security-token"] = token
    scope = "20260102/us-east-1/appsync/aws4_request"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )
    return headers


@vectors
def test_the_signer_makes_the_known_signatures(
    purpose: Purpose, token: str | None, signature: str
) -> None:
    assert shown(signer(token), purpose) == signed(signature, purpose, token)


@vectors
def test_the_verifier_accepts_the_known_signatures(
    purpose: Purpose, token: str | None, signature: str
) -> None:
    verifier(token).verify(signed(signature, purpose, token), purpose, BODIES[purpose].encode())


@given(st.text(), st.sampled_from(Purpose), st.sampled_from([None, "SESSION+TOKEN/=="]))
def test_both_ends_agree_on_any_body_and_on_no_other(
    text: str, purpose: Purpose, token: str | None
) -> None:
    body = text.encode(errors="replace")
    attempt = Attempt(purpose, DEFAULT, body.decode())
    headers = {"host": HOST} | {k.lower(): v for k, v in ask_sync(signer(token), attempt).items()}

    verifier(token).verify(headers, purpose, body)
    with pytest.raises(Unauthorized, match=MISMATCH):
        verifier(token).verify(headers, purpose, body + b" ")


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    with pytest.raises(Unauthorized, match=MISMATCH):
        verifier().verify(shown(signer(), Purpose.CONNECT), Purpose.START, b"{}")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://example1234567890000.appsync-api.us-gov-west-1.amazonaws.com/graphql", None),
        ("https://example1234567890000.appsync-api.cn-north-1.amazonaws.com.cn/graphql", None),
        ("https://api.example.com/graphql", "eu-west-1"),
        ("http://127.0.0.1:4000/graphql", "eu-west-1"),
        ("https://[::1]:4000/graphql", "eu-west-1"),
    ],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_the_graphql_host_is_signed_for_its_region_wherever_it_is(
    url: str, region: str | None, purpose: Purpose
) -> None:
    endpoint = Endpoint.parse(url)
    scope = endpoint.region or region
    assert scope is not None

    headers = shown(signer(region=region), purpose, endpoint)

    assert f"/{scope}/appsync/" in headers["authorization"]
    IamVerifier({KEY: SECRET}, region=scope, clock=clock).verify(
        headers, purpose, BODIES[purpose].encode()
    )


def test_what_the_url_says_of_its_region_counts() -> None:
    assert "/us-east-1/" in shown(signer(region="eu-west-1"))["authorization"]


def test_each_attempt_is_signed_anew() -> None:
    now = iter([NOW, NOW + 60])
    auth = signer(clock=lambda: next(now))

    assert [shown(auth)["x-amz-date"], shown(auth)["x-amz-date"]] == [
        "20260102T030405Z",
        "20260102T030505Z",
    ]


@pytest.mark.parametrize("late", [-301, 301])
def test_a_signature_is_good_for_five_minutes(late: int) -> None:
    headers = shown(signer())

    verifier(now=NOW + late // 2).verify(headers, Purpose.START, START.encode())
    with pytest.raises(Unauthorized) as refusal:
        verifier(now=NOW + late).verify(headers, Purpose.START, START.encode())

    assert str(refusal.value) == (
        "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)"
        if late > 0
        else "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z "
        "(20260102T025904Z + 5 min.)"
    )


@pytest.mark.parametrize(
    ("name", "found", "instead", "reason"),
    [
        (
            "authorization",
            "AKID",
            "OTHER",
            "The security token included in the request is invalid.",
        ),
        ("authorization", "Signature=", "Signature=0", MISMATCH),
        ("authorization", "Signature=", "Sig=", "Authorization header requires 'Signature' param"),
        ("authorization", "SignedHeaders=", "", "Authorization header requires 'SignedHeaders'"),
        ("authorization", "Credential", "Cred", "Authorization header requires 'Credential'"),
        ("authorization", "/aws4_request", "", "Credential must have exactly 5 slash-delimited"),
        ("authorization", "aws4_request", "aws5", "scoped with a valid terminator: 'aws4_request'"),
        ("authorization", "appsync", "s3", "scoped to correct service: 'appsync'"),
        ("authorization", "us-east-1", "eu-west-1", "valid region, not 'eu-west-1'"),
        ("authorization", "20260102", "20260103", "Date in Credential scope does not match"),
        ("authorization", ";host", "", "'host' must be a 'SignedHeader'"),
        ("authorization", ";x-amz-date", "", "'x-amz-date' must be a 'SignedHeader'"),
        ("x-amz-date", "T030405Z", "", "Date must be in ISO-8601"),
        ("x-amz-date", "T030405Z", "T030406Z", MISMATCH),
        ("host", "example", "other", MISMATCH),
        ("accept", "json", "\ud800", MISMATCH),
        ("x-amz-security-token", "", "token", "The security token included in the request is inv"),
    ],
)
def test_whatever_is_changed_is_refused_with_its_reason(
    name: str, found: str, instead: str, reason: str
) -> None:
    headers = shown(signer())
    assert found in headers.get(name, "")
    headers[name] = headers.get(name, "").replace(found, instead) or instead

    with pytest.raises(Unauthorized, match=re.escape(reason)):
        verifier().verify(headers, Purpose.START, START.encode())


def test_headers_that_came_later_need_no_signature() -> None:
    headers = {**shown(signer()), "x-amz-user-agent": "aws-amplify/6"}

    verifier().verify(headers, Purpose.START, START.encode())


@pytest.mark.parametrize("token", [None, "ANOTHER"])
def test_a_session_token_that_belongs_to_the_key_must_be_shown(token: str | None) -> None:
    with pytest.raises(Unauthorized, match="security token included in the request is invalid"):
        verifier("SESSIONTOKEN").verify(shown(signer(token)), Purpose.START, START.encode())


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of AWS credentials, the only ones on this machine."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


def write(profile: Path, key: str) -> None:
    profile.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=secret\n")


async def test_credentials_are_kept_until_fresh_ones_are_wanted(profile: Path) -> None:
    auth = IamAuth()
    attempt = Attempt(Purpose.CONNECT, DEFAULT)
    renewed = Attempt(Purpose.CONNECT, DEFAULT, renew=True)

    keys = []
    for key, asked in (("ONE", attempt), ("TWO", attempt), ("THREE", renewed), ("FOUR", attempt)):
        write(profile, key)
        keys.append((await ask(auth, asked))["Authorization"].split("=")[1].split("/")[0])

    assert keys == ["ONE", "ONE", "THREE", "THREE"]


async def test_those_who_want_fresh_ones_together_cost_one_search(profile: Path) -> None:
    process = profile.with_name("process.sh")
    process.write_text(
        f"echo asked >> {profile.with_name('log')}\n"
        'echo \'{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"secret"}\'\n'
    )
    profile.with_name("config").write_text(f"[default]\ncredential_process = sh {process}\n")
    auth = IamAuth()
    await ask(auth, Attempt(Purpose.CONNECT, DEFAULT))

    answers = [auth.headers(Attempt(Purpose.CONNECT, DEFAULT, renew=True)) for _ in range(5)]
    await asyncio.gather(*(answer for answer in answers if isinstance(answer, Awaitable)))

    assert profile.with_name("log").read_text() == "asked\n" * 2


async def test_a_machine_without_any_is_told_so_each_time(profile: Path) -> None:
    auth = IamAuth()

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="no AWS credentials were found"):
            await ask(auth, Attempt(Purpose.CONNECT, DEFAULT))
    write(profile, "LATER")
    assert "LATER" in (await ask(auth, Attempt(Purpose.CONNECT, DEFAULT)))["Authorization"]


class Slow:
    """Credentials that are refreshed when somebody lets them."""

    def __init__(self) -> None:
        self.let = Event()

    def refresh_needed(self) -> bool:
        return not self.let.is_set()

    def get_frozen_credentials(self) -> Any:
        from botocore.credentials import ReadOnlyCredentials

        assert self.let.wait(30)
        return ReadOnlyCredentials(KEY, SECRET, None)


async def test_a_slow_refresh_leaves_the_loop_free() -> None:
    slow = Slow()
    asked = asyncio.create_task(
        ask(IamAuth(credentials=slow, clock=clock), Attempt(Purpose.START, DEFAULT, START))
    )

    # The loop runs this while the thread waits for it.
    asyncio.get_running_loop().call_soon(slow.let.set)

    assert VECTORS[2][2] in (await asked)["Authorization"]


async def test_who_stops_waiting_is_not_held_up() -> None:
    slow = Slow()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await ask(IamAuth(credentials=slow), Attempt(Purpose.START, DEFAULT))
    slow.let.set()


def test_a_region_that_nobody_names_is_asked_for(profile: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"AWS region of api\.example\.com is not known.*"):
        ask_sync(IamAuth(credentials=(KEY, SECRET)), Attempt(Purpose.START, CUSTOM))


def test_the_profile_names_the_region_of_a_custom_domain(profile: Path) -> None:
    (profile.parent / "config").write_text("[default]\nregion = ap-south-1\n")

    assert (
        "/ap-south-1/"
        in shown(IamAuth(credentials=(KEY, SECRET)), endpoint=CUSTOM)["authorization"]
    )


def test_a_profile_and_credentials_are_one_too_many() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        IamAuth(profile="team", credentials=(KEY, SECRET))


@pytest.mark.parametrize("given_", [(KEY,), (KEY, ""), (KEY, SECRET + "\n"), (KEY, SECRET, " x")])
def test_credentials_that_were_not_copied_whole_are_refused_and_not_shown(given_: Any) -> None:
    with pytest.raises(ConfigurationError, match="AWS") as refusal:
        IamAuth(credentials=given_)

    assert SECRET not in str(refusal.value)


def test_frozen_credentials_of_botocore_are_a_triple(profile: Path) -> None:
    from botocore.credentials import Credentials

    frozen = Credentials(KEY, SECRET, "SESSIONTOKEN", account_id="1").get_frozen_credentials()
    auth = IamAuth(credentials=frozen, clock=clock)

    assert VECTORS[3][2] in shown(auth)["authorization"]
    assert SECRET not in f"{auth!r} {auth.identity!r}"


def test_an_identity_is_where_the_credentials_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "one")
    one = IamAuth().identity
    assert one == IamAuth().identity
    assert one != IamAuth(profile="team").identity
    assert one != IamAuth("eu-west-1").identity

    monkeypatch.setenv("AWS_PROFILE", "two")

    assert one != IamAuth().identity


def test_another_secret_of_the_same_key_is_another_identity() -> None:
    assert IamAuth(credentials=(KEY, "a")).identity == IamAuth(credentials=(KEY, "a")).identity
    assert IamAuth(credentials=(KEY, "a")).identity != IamAuth(credentials=(KEY, "b")).identity


def test_two_signatures_of_one_key_show_the_same_credentials() -> None:
    later = signer(clock=lambda: NOW + 86_400)
    other = IamAuth(credentials=("OTHER", SECRET), clock=clock)

    assert same_credentials(shown(signer()), shown(later))
    assert not same_credentials(shown(signer()), shown(signer("SESSIONTOKEN")))
    assert not same_credentials(shown(signer()), shown(other))


@pytest.mark.parametrize("same", [True, False])
def test_two_tokens_are_the_same_if_they_are_equal(same: bool) -> None:
    def token(text: str) -> Mapping[str, str]:
        return ask_sync(TokenAuth(text), Attempt(Purpose.REQUEST, DEFAULT))

    assert same_credentials(token("one"), token("one" if same else "two")) is same
