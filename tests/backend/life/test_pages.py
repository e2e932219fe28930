import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backend import KEY, RunningBackend, running_backend

GUEST = "da2-guestguestguestguestguest1"


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend that lets in a guest."""
    folder: Path = tmp_path_factory.mktemp("visited")
    (folder / "guests.json").write_text(json.dumps({"api_keys": [GUEST]}))
    with running_backend(folder / "data", "--auth", str(folder / "guests.json")) as backend:
        yield backend


def asked(
    backend: RunningBackend, method: str, path: str, key: str | None, body: bytes | None = None
) -> tuple[int, str]:
    """Status and body of an answer."""
    url = backend.http.removesuffix("/graphql") + path
    headers = {} if key is None else {"x-api-key": key}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("key", [KEY, GUEST])
def test_metrics_are_for_all_who_are_let_in(visited: RunningBackend, key: str) -> None:
    status, text = asked(visited, "GET", "/metrics", key)

    assert status == 200
    assert text.startswith("# HELP jupyter_jobs_info ")


@pytest.mark.parametrize("path", ["/metrics", "/stop"])
def test_nobody_else_is(visited: RunningBackend, path: str) -> None:
    method = "GET" if path == "/metrics" else "POST"

    assert asked(visited, method, path, None)[0] == 401
    status, text = asked(visited, method, path, "da2-wrongwrongwrongwrongwrong1")
    assert status == 401
    assert json.loads(text)["errors"][0]["errorType"] == "UnauthorizedException"


def test_a_guest_does_not_end_it(visited: RunningBackend) -> None:
    status, text = asked(visited, "POST", "/stop", GUEST, b'{"jobs": "cancel"}')

    assert status == 403
    assert "its owner's to do" in text
    assert visited.stats()["draining"] is False


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"jobs": "kill"}', b'{"jobs": []}', b"[" * 9000]
)
def test_a_word_that_there_is_not_changes_nothing(visited: RunningBackend, body: bytes) -> None:
    status, text = asked(visited, "POST", "/stop", KEY, body)

    assert (status, json.loads(text)) == (
        400,
        {"error": 'POST {"jobs": "finish"} or {"jobs": "cancel"}'},
    )
    assert visited.stats()["draining"] is False


def test_a_page_has_one_method(visited: RunningBackend) -> None:
    assert asked(visited, "POST", "/metrics", KEY, b"")[0] == 405
    assert asked(visited, "GET", "/stop", KEY)[0] == 405
