import json
import os
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.cli import doctor, main
from jupyter_jobs.cli.checkup import Mark
from jupyter_jobs.jobs.embedded import ensure_backend, find_backend
from jupyter_jobs.jobs.target import Target
from tests.support.backend import KEY, RunningBackend
from tests.support.raw_http import RawHttp, act, answer
from tests.support.server import KEY as FAKE_KEY
from tests.support.server import FakeAppSync

WRONG_KEY = "da2-wrongwrongwrongwrongwrong1"

Lines = dict[str, list[tuple[str, str]]]
Look = Callable[..., tuple[int, Lines]]


@pytest.fixture
def look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Look:
    """Ask the doctor; exit code, and mark and text by what they are about."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def look(*words: str) -> tuple[int, Lines]:
        code = main(["doctor", *words])
        lines: Lines = {}
        for line in capsys.readouterr().out.splitlines()[:-2]:
            mark, about, text = line.split(maxsplit=2)
            lines.setdefault(about, []).append((mark, text))
        return code, lines

    return look


def wrong(lines: Lines) -> list[tuple[str, str]]:
    return [(about, text) for about, said in lines.items() for mark, text in said if mark == "✖"]


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def named(external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch) -> RunningBackend:
    """A backend that the environment names."""
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", external_backend.http)
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", external_backend.key)
    return external_backend


def test_all_is_well_with_a_backend_that_works(look: Look, named: RunningBackend) -> None:
    code, lines = look()

    assert (code, wrong(lines)) == (0, [])
    assert lines["endpoint"] == [("·", f"{named.http}, from JUPYTER_JOBS_ENDPOINT")]
    assert lines["api_key"] == [("·", "set, from JUPYTER_JOBS_API_KEY")]
    assert KEY not in str(lines)
    steps = ["ping", "authorization", "schema", "socket", "subscription"]
    assert [about for about in lines if about in steps] == steps
    assert {lines[step][0][0] for step in steps} == {"✔"}


def test_the_same_as_json(
    look: Look, named: RunningBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert told["findings"][-1]["about"] == "subscription"
    assert set(told["findings"][-1]) == {"mark", "about", "text"}


def test_a_wrong_key_ends_it_at_the_authorization(
    look: Look, named: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", WRONG_KEY)

    code, lines = look()
    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "authorization"
    assert "refused the credentials" in text
    assert "socket" not in lines
    assert WRONG_KEY not in str(lines)


def test_a_closed_port_ends_it_at_the_ping(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", KEY)

    code, lines = look("--endpoint", f"http://127.0.0.1:{closed_port()}/graphql")
    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "ping"
    assert "is the backend running?" in text
    assert "authorization" not in lines


async def test_a_server_that_is_not_graphql_is_told() -> None:
    page = answer(200, b"<html>Welcome</html>", ("content-type", "text/html"))
    async with RawHttp(act(page), act(page)) as server:
        target = Target(server.endpoint, ApiKeyAuth(KEY))
        async with AppSyncClient(server.endpoint, target.auth, max_retries=0) as wire:
            [ping] = [finding async for finding in doctor.try_ping(target)]
            [auth] = [finding async for finding in doctor.try_auth(wire)]

    assert (ping.mark, auth.mark) == (Mark.ODD, Mark.WRONG)
    assert "not as AppSync does" in ping.text
    assert "without GraphQL data" in auth.text


async def test_a_field_that_is_denied_is_odd_and_no_more() -> None:
    denied = {"message": "Not Authorized to access __typename", "errorType": "Unauthorized"}
    async with RawHttp(act(answer(200, {"data": None, "errors": [denied]}))) as server:
        async with AppSyncClient(server.endpoint, ApiKeyAuth(KEY), max_retries=0) as wire:
            [auth] = [finding async for finding in doctor.try_auth(wire)]

    assert (auth.mark, auth.about) == (Mark.ODD, "authorization")


async def test_an_api_that_hides_its_schema_is_taken_at_its_word() -> None:
    refusal = {"errors": [{"message": "Introspection is disabled."}]}
    async with RawHttp(act(answer(200, refusal))) as server:
        target = Target(server.endpoint, ApiKeyAuth(KEY))
        async with AppSyncClient(server.endpoint, target.auth, max_retries=0) as wire:
            [schema] = [finding async for finding in doctor.try_schema(wire, target)]

    assert (schema.mark, schema.about) == (Mark.NOTE, "schema")
    assert "'jupyter_jobs'" in schema.text


@pytest.mark.parametrize("where", ["nobody", "another path"])
def test_an_endpoint_without_realtime_ends_it_at_the_socket(
    look: Look, named: RunningBackend, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    port = closed_port() if where == "nobody" else int(named.http.split(":")[2].split("/")[0])
    monkeypatch.setenv("JUPYTER_JOBS_REALTIME_URL", f"ws://127.0.0.1:{port}/nowhere")

    code, lines = look()
    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "socket"
    assert text
    assert lines["authorization"][0][0] == "✔"
    assert "subscription" not in lines


async def test_a_subscription_that_is_refused_is_told() -> None:
    async with FakeAppSync() as server:
        denied = [{"errorType": "Unauthorized", "message": "Not Authorized to access onJobUpdate"}]
        server.on_start = lambda peer, start: peer.machine.refuse(start.id, denied)
        target = Target(server.endpoint, ApiKeyAuth(FAKE_KEY))
        async with AppSyncClient(server.endpoint, target.auth, max_retries=0) as wire:
            findings = doctor.try_socket(wire, target)
            connected, refused = await anext(findings), await anext(findings)
            await findings.aclose()

    assert (connected.mark, connected.about) == (Mark.GOOD, "socket")
    assert (refused.mark, refused.about) == (Mark.WRONG, "subscription")
    assert "Not Authorized" in refused.text


async def test_a_server_that_never_acknowledges_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.5)
    async with FakeAppSync() as server:
        server.on_start = lambda peer, start: None
        target = Target(server.endpoint, ApiKeyAuth(FAKE_KEY))
        async with AppSyncClient(server.endpoint, target.auth, max_retries=0) as wire:
            [connected, last] = [finding async for finding in doctor.try_socket(wire, target)]

    assert connected.mark is Mark.GOOD
    assert last.mark is Mark.WRONG
    assert "no start_ack within" in last.text


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://abc.appsync-realtime-api.eu-west-1.amazonaws.com/graphql", "real-time host"),
        ("https://abc.appsync-api.eu-west-1.amazonaws.com", "usually ends in /graphql"),
        ("abc.appsync-api.eu-west-1.amazonaws.com/graphql", "must begin with https://"),
    ],
)
def test_a_url_with_a_typo_ends_it_at_the_target(look: Look, url: str, sentence: str) -> None:
    code, lines = look("--endpoint", url)

    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "target"
    assert sentence in text
    assert "ping" not in lines


def test_a_path_with_a_typo_is_told(look: Look, named: RunningBackend) -> None:
    code, lines = look("--endpoint", named.http.replace("/graphql", "/graphq"))

    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "graphql"
    assert "ends in /graphql" in text


def test_settings_that_cannot_work_end_it_at_once(
    look: Look, named: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_AUTH", "cognito")

    code, lines = look()
    assert code == 1
    assert wrong(lines)[0][1].startswith("JUPYTER_JOBS_AUTH is 'cognito', but there is no token")
    assert "ping" not in lines


def test_a_file_that_amplify_wrote_is_followed(
    look: Look, named: RunningBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUPYTER_JOBS_ENDPOINT")
    file = tmp_path / "amplify_outputs.json"
    code, lines = look("--amplify", str(file))
    assert (code, lines["amplify"]) == (
        1,
        [("·", f"{file} (there is no such file), from argument")],
    )
    assert wrong(lines)[0][0] == "target"

    file.write_text(
        json.dumps({"data": {"url": named.http, "default_authorization_type": "API_KEY"}})
    )
    code, lines = look("--amplify", str(file))
    assert (code, wrong(lines)) == (0, [])
    assert lines["endpoint"][1] == ("·", f"{named.http}, from amplify_outputs.json")


def test_the_configuration_of_notebooks_counts_too(
    look: Look, external_backend: RunningBackend, tmp_path: Path
) -> None:
    file = tmp_path / "ipython" / "profile_default" / "ipython_config.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"c.JobMonitor.endpoint = {external_backend.http!r}\nc.JobMonitor.api_key = {KEY!r}\n"
    )

    code, lines = look()
    assert (code, wrong(lines)) == (0, [])
    assert lines["endpoint"] == [("·", f"{external_backend.http}, from c.JobMonitor.endpoint")]
    assert KEY not in str(lines)


async def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with RawHttp(act(answer(200, b"healthy")), tls=context) as server:
        endpoint = Endpoint.parse(f"https://127.0.0.1:{server.port}/graphql")
        trusting = replace(endpoint, ca=str(tmp_path / "ca.pem"))
        auth = ApiKeyAuth(KEY)

        [wrong] = [finding async for finding in doctor.try_ping(Target(endpoint, auth))]
        [good] = [finding async for finding in doctor.try_ping(Target(trusting, auth))]
    assert wrong.mark is Mark.WRONG
    assert "name its PEM file with ca= or JUPYTER_JOBS_CA_BUNDLE" in wrong.text
    assert good.mark is Mark.GOOD


def test_a_profile_that_says_less_is_enough(look: Look, named: RunningBackend) -> None:
    code, lines = look("--profile", "seed")

    assert code == 0
    assert lines["schema"][0] == ("✔", "is what the profile 'seed' speaks of")


@pytest.mark.usefixtures("started_backends_end")
def test_the_embedded_backend_is_started_as_by_a_monitor(look: Look) -> None:
    code, lines = look()

    assert (code, wrong(lines)) == (0, [])
    assert lines["backend"][0] == (
        "·",
        "the one on this machine does not run: it is started, as by JobMonitor()",
    )
    started = find_backend()
    assert started is not None
    assert lines["backend"][1][1].startswith(f"process {started.pid} on ")
    assert [lines[about][0][0] for about in ("folder", "key", "log")] == ["✔", "✔", "·"]
    assert look()[1]["backend"][0] == ("·", "the one on this machine runs")


@pytest.mark.usefixtures("started_backends_end")
def test_one_that_does_not_answer_ends_it_with_what_to_do(look: Look) -> None:
    backend = ensure_backend()
    os.kill(backend.pid, signal.SIGSTOP)

    code, lines = look()
    os.kill(backend.pid, signal.SIGCONT)

    assert code == 1
    [(about, text)] = wrong(lines)
    assert about == "target"
    assert f"kill -CONT {backend.pid}" in text
