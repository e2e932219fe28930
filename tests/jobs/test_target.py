import os
from pathlib import Path

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth, TokenAuth
from jupyter_jobs.errors import BackendUnavailable, ConfigurationError
from jupyter_jobs.jobs.target import find_target
from tests.support.backend import KEY, running_backend

REMOTE = "https://abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com/graphql"


def test_the_target_comes_from_the_arguments() -> None:
    found = find_target(REMOTE, TokenAuth("token"))

    assert found.name == "abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com"
    assert isinstance(found.auth, TokenAuth)
    assert "token-" not in repr(found)


def test_the_target_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", REMOTE)
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", KEY)

    found = find_target()
    assert found.endpoint.http == REMOTE
    assert found.auth.identity == ApiKeyAuth(KEY).identity
    assert KEY not in repr(found)


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", REMOTE)
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", KEY)

    found = find_target("http://127.0.0.1:8000/graphql", TokenAuth("other"))
    assert found.name == "this machine"
    assert isinstance(found.auth, TokenAuth)


def test_without_any_word_it_is_the_backend_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    with running_backend(tmp_path) as backend:
        found = find_target()

        assert found.endpoint.http == backend.http
        assert found.auth.identity == ApiKeyAuth(KEY).identity
        assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("endpoint", "auth", "sentence"),
    [
        (REMOTE, None, "set JUPYTER_JOBS_API_KEY"),
        (None, ApiKeyAuth(KEY), "auth= needs an endpoint"),
        ("not a url", ApiKeyAuth(KEY), "must begin with https://"),
        ("ftp://example.com/graphql", ApiKeyAuth(KEY), "ftp"),
    ],
)
def test_a_target_that_cannot_work_is_refused(
    endpoint: str | None, auth: object, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        find_target(endpoint, auth)

    assert KEY not in str(raised.value)


def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path / "file" / "jobs"))

    with pytest.raises(BackendUnavailable, match="JUPYTER_JOBS_DATA_DIR"):
        find_target()
    assert os.listdir(tmp_path) == ["file"]
