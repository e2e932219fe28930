import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from jupyter_jobs.appsync.auth import (
    ApiKeyAuth,
    Attempt,
    Auth,
    IamAuth,
    Purpose,
    TokenAuth,
    ask_sync,
)
from jupyter_jobs.errors import BackendUnavailable, ConfigurationError, MissingCredentials
from jupyter_jobs.jobs.own import OwnKeyAuth
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.target import find_target
from tests.support.backend import KEY, running_backend

REMOTE = "https://abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com/graphql"
OTHER = "https://jobs.example.com/graphql"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.secret"

Amplify = Callable[..., Path]


@pytest.fixture
def amplify(tmp_path: Path) -> Amplify:
    """Write an `amplify_outputs.json`."""

    def write(**data: str) -> Path:
        path = tmp_path / "amplify_outputs.json"
        path.write_text(json.dumps({"data": {"url": REMOTE, "aws_region": "eu-west-1", **data}}))
        return path

    return write


def setenv(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"JUPYTER_JOBS_{name}", value)


def is_same(one: Auth, other: Auth) -> bool:
    return type(one) is type(other) and one.identity == other.identity


# From one side.


def test_the_target_comes_from_the_arguments() -> None:
    found = find_target(REMOTE, TokenAuth(TOKEN), profile="seed")

    assert found.name == "abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com"
    assert is_same(found.auth, TokenAuth(TOKEN))
    assert found.profile is PROFILES["seed"]
    assert found.sources["endpoint"] == found.sources["auth"] == "argument"
    assert found.sources["region"] == "default"


def test_the_target_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("HOME", str(tmp_path))
    setenv(
        monkeypatch,
        ENDPOINT=OTHER,
        AUTH="cognito",
        TOKEN=TOKEN,
        PROFILE="seed",
        REALTIME_URL="wss://live.example.com/graphql",
        CA_BUNDLE="~/ca.pem",
    )

    found = find_target()
    assert found.endpoint.http == OTHER
    assert found.endpoint.realtime == "wss://live.example.com/graphql"
    assert found.endpoint.ca == str(tmp_path / "ca.pem")
    assert found.profile is PROFILES["seed"]
    assert is_same(found.auth, TokenAuth(TOKEN))
    assert found.sources["token"] == "JUPYTER_JOBS_TOKEN"


def test_the_target_comes_from_the_notebooks_configuration() -> None:
    def get_token() -> str:
        return TOKEN

    found = find_target(settings={"endpoint": OTHER, "token": get_token})

    assert found.endpoint.http == OTHER
    assert is_same(found.auth, TokenAuth(get_token))
    assert found.sources["endpoint"] == "c.JobMonitor.endpoint"


@pytest.mark.parametrize("pointed", ["argument", "variable", "configuration"])
def test_the_target_comes_from_the_file_that_somebody_points_at(
    amplify: Amplify, monkeypatch: pytest.MonkeyPatch, pointed: str
) -> None:
    path = amplify(api_key=KEY, default_authorization_type="API_KEY")
    if pointed == "variable":
        setenv(monkeypatch, AMPLIFY=str(path))

    found = find_target(
        amplify=path if pointed == "argument" else None,
        settings={"amplify": str(path)} if pointed == "configuration" else {},
    )
    assert found.endpoint.http == REMOTE
    assert is_same(found.auth, ApiKeyAuth(KEY))
    assert found.sources["api_key"] == "amplify_outputs.json"


def test_without_any_word_it_is_the_backend_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    with running_backend(tmp_path) as backend:
        setenv(monkeypatch, API_KEY="da2-of-another-api", REGION="eu-west-1", TOKEN=TOKEN)
        found = find_target()

        assert found.endpoint.http == backend.http
        assert is_same(found.auth, OwnKeyAuth(tmp_path))
        shown = ask_sync(found.auth, Attempt(Purpose.REQUEST, found.endpoint))
        assert shown == {"x-api-key": KEY}
        assert set(found.sources.values()) == {"default"}
        assert KEY not in repr(found)


# From several sides at once.


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(monkeypatch, ENDPOINT=REMOTE, API_KEY=KEY, PROFILE="seed")

    found = find_target("http://127.0.0.1:8000/graphql", TokenAuth("other"), profile="jupyter_jobs")
    assert found.name == "this machine"
    assert isinstance(found.auth, TokenAuth)
    assert found.profile is PROFILES["jupyter_jobs"]


def test_an_endpoint_of_the_environment_takes_the_arguments_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setenv(monkeypatch, ENDPOINT=REMOTE, API_KEY=KEY)

    found = find_target(auth=TokenAuth(TOKEN))
    assert (found.endpoint.http, type(found.auth)) == (REMOTE, TokenAuth)
    assert found.sources["endpoint"] == "JUPYTER_JOBS_ENDPOINT"


@pytest.mark.parametrize(
    ("auth", "environ", "config", "expected"),
    [
        ("api_key", {"API_KEY": KEY, "TOKEN": TOKEN}, {}, ApiKeyAuth(KEY)),
        ("OPENID_CONNECT", {"API_KEY": KEY, "TOKEN": TOKEN}, {}, TokenAuth(TOKEN)),
        ("lambda", {"AUTH": "iam"}, {"token": TOKEN}, TokenAuth(TOKEN)),
        (None, {"API_KEY": KEY}, {"auth": "iam"}, ApiKeyAuth(KEY)),
        (None, {"API_KEY": KEY}, {"token": TOKEN}, ApiKeyAuth(KEY)),
        (None, {"TOKEN": TOKEN}, {"api_key": KEY}, TokenAuth(TOKEN)),
        (None, {"AUTH": "cognito"}, {"token": TOKEN, "api_key": KEY}, TokenAuth(TOKEN)),
        (None, {"AUTH": "IAM", "API_KEY": KEY}, {}, IamAuth()),
        (None, {}, {"auth": ApiKeyAuth(KEY), "token": TOKEN}, ApiKeyAuth(KEY)),
        ("iam", {"REGION": "eu-west-1"}, {"region": "us-east-1"}, IamAuth("eu-west-1")),
    ],
)
def test_whoever_stands_highest_says_how_to_be_let_in(
    monkeypatch: pytest.MonkeyPatch,
    auth: str | None,
    environ: dict[str, str],
    config: dict[str, Any],
    expected: Auth,
) -> None:
    setenv(monkeypatch, **environ)

    assert is_same(find_target(OTHER, auth, settings=config).auth, expected)


def test_the_environments_key_goes_before_the_files_mode(
    amplify: Amplify, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = amplify(default_authorization_type="AMAZON_COGNITO_USER_POOLS")
    setenv(monkeypatch, API_KEY=KEY)

    assert is_same(find_target(amplify=path).auth, ApiKeyAuth(KEY))


def test_the_credentials_in_a_file_are_for_its_own_api_only(
    amplify: Amplify, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = amplify(api_key=KEY, default_authorization_type="API_KEY")
    setenv(monkeypatch, AMPLIFY=str(path))

    with pytest.raises(MissingCredentials):
        find_target(OTHER)


# What cannot work.


@pytest.mark.parametrize(
    ("endpoint", "options", "sentence"),
    [
        (REMOTE, {}, r"nothing says who asks abcde.*set JUPYTER_JOBS_API_KEY"),
        (REMOTE, {"auth": KEY}, r"auth= holds no word for a mode; .*ApiKeyAuth"),
        (REMOTE, {"auth": "cognitto"}, "did you mean 'cognito'"),
        (REMOTE, {"auth": ApiKeyAuth}, "auth= takes .*, not the class ApiKeyAuth"),
        (REMOTE, {"auth": 17}, "auth= takes .*, not int"),
        (REMOTE, {"auth": ApiKeyAuth(KEY), "ca": "a.pem"}, "a.pem cannot be read: No such file"),
        (
            REMOTE,
            {"auth": "cognito"},
            r"auth='cognito', but there is no token: set JUPYTER_JOBS_TOKEN",
        ),
        (REMOTE, {"auth": "api_key"}, r"no API key: set JUPYTER_JOBS_API_KEY or pass auth=ApiKey"),
        (REMOTE, {"auth": ApiKeyAuth(KEY), "region": "eu-west-1"}, r"auth=IamAuth\("),
        (REMOTE, {"auth": ApiKeyAuth(KEY), "profile": "nobody's"}, "choose one of jupyter_jobs"),
        (REMOTE, {"auth": ApiKeyAuth(KEY), "realtime_url": REMOTE}, "must begin with wss://"),
        (REMOTE, {"amplify": "amplify_outputs.json"}, "leave one of them out"),
        (None, {"auth": ApiKeyAuth(KEY)}, "auth= needs an endpoint"),
        (None, {"profile": "seed"}, "profile= needs an endpoint"),
        (None, {"realtime_url": "wss://a.example.com/graphql"}, "realtime_url= needs an endpoint"),
        (None, {"amplify": "amplify_outputs.json"}, "No such file"),
        ("", {"auth": ApiKeyAuth(KEY)}, "endpoint= is empty"),
        ("not a url", {"auth": ApiKeyAuth(KEY)}, "must begin with https://"),
        ("ftp://example.com/graphql", {"auth": ApiKeyAuth(KEY)}, "ftp"),
    ],
)
def test_a_target_that_cannot_work_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None,
    options: dict[str, Any],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        find_target(endpoint, **options)

    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ENDPOINT": "example.com"}, "JUPYTER_JOBS_ENDPOINT: the GraphQL URL must begin"),
        ({"REALTIME_URL": OTHER}, "JUPYTER_JOBS_REALTIME_URL: the real-time URL must begin"),
        ({"PROFILE": "dev"}, "JUPYTER_JOBS_PROFILE: there is no profile 'dev'"),
        ({"AUTH": "cognito"}, r"JUPYTER_JOBS_AUTH is 'cognito', but there is no token: set JUPYT"),
        ({"CA_BUNDLE": "nowhere.pem"}, "JUPYTER_JOBS_CA_BUNDLE: .*nowhere.pem cannot be read"),
        ({"AUTH": KEY}, "JUPYTER_JOBS_AUTH holds no word for a mode"),
        ({"TOKEN": TOKEN}, r"JUPYTER_JOBS_API_KEY and JUPYTER_JOBS_TOKEN are both set: say which"),
        ({"API_KEY": "da2-two\nlines"}, "JUPYTER_JOBS_API_KEY: the API key holds a line end"),
    ],
)
def test_a_refusal_says_whose_word_it_was(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], sentence: str
) -> None:
    setenv(monkeypatch, **{"ENDPOINT": OTHER, "API_KEY": KEY, **environ})

    with pytest.raises(ConfigurationError, match=sentence) as raised:
        find_target()
    assert KEY not in str(raised.value)
    assert TOKEN not in str(raised.value)
    assert "two" not in str(raised.value)


def test_a_file_whose_mode_wants_a_token_offers_its_key(amplify: Amplify) -> None:
    path = amplify(api_key=KEY, default_authorization_type="AMAZON_COGNITO_USER_POOLS")

    with pytest.raises(MissingCredentials, match=r'json says .*auth="api_key"') as raised:
        find_target(amplify=path)
    assert KEY not in str(raised.value)
    assert is_same(find_target(amplify=path, auth="api_key").auth, ApiKeyAuth(KEY))


def test_a_file_in_an_argument_does_not_lose_in_silence(
    amplify: Amplify, monkeypatch: pytest.MonkeyPatch
) -> None:
    setenv(monkeypatch, ENDPOINT=OTHER, API_KEY=KEY)

    with pytest.raises(ConfigurationError, match="JUPYTER_JOBS_ENDPOINT names an endpoint, and"):
        find_target(amplify=amplify())


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"c\.JobMonitor\.endpiont is no setting"):
        find_target(settings={"endpiont": OTHER})


def test_a_target_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(monkeypatch, ENDPOINT=REMOTE, API_KEY=KEY)

    assert KEY not in repr(find_target())
    assert TOKEN not in repr(find_target(auth="cognito", settings={"token": TOKEN}))


def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path / "file" / "jobs"))

    with pytest.raises(BackendUnavailable, match="JUPYTER_JOBS_DATA_DIR"):
        find_target()
    assert os.listdir(tmp_path) == ["file"]
