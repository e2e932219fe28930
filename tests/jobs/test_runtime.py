from __future__ import annotations

import json
import os
import platform
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_jobs.jobs.runtime import (
    CONTRACT,
    EmbeddedBackend,
    data_folder,
    is_stopped,
    process_started_at,
    write_private,
)


def own(**said: object) -> EmbeddedBackend:
    """This process, as if it were a backend."""
    started = process_started_at(os.getpid()) or 0
    return EmbeddedBackend("http://h", "ws://h", os.getpid(), started, "da2-k", **said)  # type: ignore[arg-type]


def test_what_is_written_is_read_and_the_key_is_not_shown(tmp_path: Path) -> None:
    backend = own(version="1.2", notices=("a disk was full",))
    backend.write(tmp_path / "file")

    assert EmbeddedBackend.read(tmp_path / "file") == backend
    assert (backend.contract, backend.host) == (CONTRACT, platform.node())
    assert "da2-k" not in repr(backend)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_file_of_before_contracts_is_of_an_older_one_and_of_this_machine(tmp_path: Path) -> None:
    old = {"http": "http://h", "realtime": "ws://h", "pid": 7, "started": 8, "key": "k"}
    (tmp_path / "file").write_text(json.dumps(old))

    read = EmbeddedBackend.read(tmp_path / "file")

    assert read is not None
    assert (read.contract, read.host, read.notices, read.is_here) == (0, "", (), True)


def test_what_a_later_release_says_besides_is_passed_over(tmp_path: Path) -> None:
    own().write(tmp_path / "file")
    told = json.loads((tmp_path / "file").read_text()) | {"colour": "blue"}
    (tmp_path / "file").write_text(json.dumps(told))

    assert EmbeddedBackend.read(tmp_path / "file") == own()


@pytest.mark.parametrize("wrong", [{"pid": "7"}, {"http": 1}, {"contract": None}, {"notices": 3}])
def test_a_file_that_says_nonsense_says_nothing(tmp_path: Path, wrong: dict[str, object]) -> None:
    own().write(tmp_path / "file")
    told = json.loads((tmp_path / "file").read_text()) | wrong
    (tmp_path / "file").write_text(json.dumps(told))

    assert EmbeddedBackend.read(tmp_path / "file") is None


def test_it_is_alive_as_that_very_process_of_this_boot_and_host() -> None:
    assert own().is_alive
    assert own(boot="").is_alive
    assert not own(boot="another").is_alive
    assert not own(host="another").is_alive
    assert not EmbeddedBackend("http://h", "ws://h", os.getpid(), 1, "k").is_alive


def test_a_process_that_is_held_is_told_from_one_that_goes_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        while not is_stopped(process.pid):
            time.sleep(0.01)
        process.kill()
    assert not is_stopped(process.pid)


def test_the_data_folder_is_the_argument_else_the_variable_else_jupyters_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))

    assert data_folder(tmp_path / "argument") == tmp_path / "argument"
    assert data_folder() == tmp_path / "variable"
    monkeypatch.delenv("JUPYTER_JOBS_DATA_DIR")
    assert data_folder() == tmp_path / "jupyter" / "jupyter_jobs"


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_private(path, "one")
    write_private(path, "two")

    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_process_that_has_ended_never_started() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert process_started_at(process.pid) is None
    assert process_started_at(os.getpid()) is not None
