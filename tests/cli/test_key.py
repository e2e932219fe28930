from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.life.address import Memory
from jupyter_jobs.cli import main
from jupyter_jobs.jobs.embedded import find_backend, runtime_file
from tests.support.backend import KEY, RunningBackend, running_backend

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own data folder."""
    folder = tmp_path / "data"
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(folder))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    return folder


@pytest.fixture
def running(folder: Path) -> Iterator[RunningBackend]:
    with running_backend(folder, env={"JUPYTER_JOBS_API_KEY": ""}) as backend:
        yield backend


def key_of(folder: Path) -> str:
    backend = find_backend(folder)
    assert backend is not None
    return backend.key


def test_it_tells_where_the_key_is_and_not_what_it_is(
    running: RunningBackend, folder: Path, capsys: Capture
) -> None:
    assert main(["key"]) == 0
    told = capsys.readouterr().out

    assert (
        told == f"{runtime_file(folder)} has the key, and only you can read it; --show prints it\n"
    )
    assert key_of(folder) not in told


def test_it_shows_the_key_when_told_to(
    running: RunningBackend, folder: Path, capsys: Capture
) -> None:
    assert main(["key", "--show"]) == 0
    shown = capsys.readouterr().out
    assert main(["key", "--show", "--json"]) == 0

    assert shown == key_of(folder) + "\n"
    assert json.loads(capsys.readouterr().out)["key"] == key_of(folder)


def test_a_running_backend_takes_a_new_key(
    running: RunningBackend, folder: Path, capsys: Capture
) -> None:
    before = key_of(folder)

    assert main(["key", "rotate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["key", "rotate"]) == 0

    assert told == {"file": str(runtime_file(folder)), "rotated": True}
    assert capsys.readouterr().out.startswith("there is a new key; connections of the one before")
    assert key_of(folder) not in ("", before)
    assert Memory(folder).key == key_of(folder)


def test_the_next_backend_takes_the_new_key_where_none_runs(folder: Path, capsys: Capture) -> None:
    folder.mkdir()
    Memory(folder).keep("da2-old", 8123)

    assert main(["key", "rotate"]) == 0

    assert (Memory(folder).key == "da2-old", Memory(folder).port) == (False, 8123)
    assert str(folder / "address.json") in capsys.readouterr().out


def test_a_folder_without_a_key_says_so(folder: Path, capsys: Capture) -> None:
    assert main(["key"]) == 0
    told = capsys.readouterr().out
    assert main(["key", "rotate"]) == 2

    assert told == f"{folder} has no key yet: its backend makes one when it starts\n"
    assert "no key to change" in capsys.readouterr().err


def test_a_key_that_was_given_is_changed_where_it_was_given(folder: Path, capsys: Capture) -> None:
    with running_backend(folder):
        assert main(["key", "rotate"]) == 2

        assert key_of(folder) == KEY
    assert "JUPYTER_JOBS_API_KEY; set another one there" in capsys.readouterr().err
