import fcntl
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from jupyter_jobs.backend.life import address
from jupyter_jobs.backend.life.address import announce, bind, listen, only_one, withdraw
from jupyter_jobs.errors import BackendUnavailable, ConfigurationError
from jupyter_jobs.jobs.embedded import EmbeddedBackend, runtime_file


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_it_listens_at_the_port_of_last_time_if_that_is_free() -> None:
    with listen("127.0.0.1", 0) as first:
        port = port_of(first)
        with bind("127.0.0.1", 0, port) as second:
            assert port_of(second) != port
    with bind("127.0.0.1", 0, port) as third:
        assert port_of(third) == port


def test_a_port_that_was_asked_for_and_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(ConfigurationError, match="cannot listen"):
        bind("127.0.0.1", port_of(first), 0)


def test_clients_are_told_where_it_is_and_nobody_else(tmp_path: Path) -> None:
    with listen("::1", 0) as listener:
        told = announce(tmp_path, "da2-k", listener, ("one", "two"))
        port = port_of(listener)

    assert told.http == f"http://[::1]:{port}/graphql"
    assert told.realtime == f"ws://[::1]:{port}/graphql/realtime"
    assert EmbeddedBackend.read(runtime_file(tmp_path)) == told
    assert (told.pid, told.notices, told.is_alive) == (os.getpid(), ("one", "two"), True)
    assert stat.S_IMODE(runtime_file(tmp_path).stat().st_mode) == 0o600


def test_what_was_told_is_taken_back_but_not_what_another_told(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listener:
        announce(tmp_path, "da2-k", listener)
    withdraw(tmp_path)
    withdraw(tmp_path)
    assert not runtime_file(tmp_path).exists()

    EmbeddedBackend("http://h", "ws://h", 1, 1, "k").write(runtime_file(tmp_path))
    withdraw(tmp_path)
    assert runtime_file(tmp_path).exists()


def test_a_folder_is_held_and_says_by_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_PATIENCE_S", 0.1)
    with (
        only_one(tmp_path),
        pytest.raises(BackendUnavailable, match=rf"serves .*, process {os.getpid()} on "),
        only_one(tmp_path),
    ):
        pass
    with only_one(tmp_path):
        pass


def test_whoever_only_looks_at_the_lock_is_waited_for(tmp_path: Path) -> None:
    with open(tmp_path / "serve.lock", "w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        timer = threading.Timer(0.1, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        timer.start()
        with only_one(tmp_path):
            timer.join()


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)

    with (
        pytest.raises(ConfigurationError, match=r"has no locks .*a folder of this machine"),
        only_one(tmp_path),
    ):
        pass


def test_memory_is_of_last_time(tmp_path: Path) -> None:
    with open(tmp_path / "address.json", "w") as file:
        json.dump({"key": "da2-k", "port": 7}, file)

    assert (address.Memory(tmp_path).key, address.Memory(tmp_path).port) == ("da2-k", 7)
