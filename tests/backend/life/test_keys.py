from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from jupyter_jobs.appsync.auth import Purpose
from jupyter_jobs.backend.life.address import Memory
from jupyter_jobs.backend.life.keys import OwnKey, RetiredKey, make_key, rotate
from jupyter_jobs.errors import Unauthorized
from jupyter_jobs.jobs.embedded import EmbeddedBackend, runtime_file


def show(own: OwnKey, key: str) -> None:
    own.verify({"x-api-key": key}, Purpose.REQUEST, b"")


def test_the_key_of_before_is_known_as_such() -> None:
    own = OwnKey("da2-one")
    own.replace("da2-two")
    own.replace("da2-three")

    show(own, "da2-three")
    for before in ("da2-one", "da2-two"):
        with pytest.raises(RetiredKey):
            show(own, before)
    with pytest.raises(Unauthorized) as other:
        show(own, "da2-other")
    assert not isinstance(other.value, RetiredKey)


def test_a_key_that_was_given_is_not_changed(tmp_path: Path) -> None:
    own = OwnKey("da2-given", is_given=True)

    with pytest.raises(ValueError, match="JUPYTER_JOBS_API_KEY; set another one there"):
        own.rotate(tmp_path)

    show(own, "da2-given")
    assert list(tmp_path.iterdir()) == []


def test_no_key_shows() -> None:
    own = OwnKey("da2-secret")
    own.replace("da2-hidden")

    assert "da2" not in repr(own)


def test_two_keys_have_nothing_in_common() -> None:
    keys = {make_key() for _ in range(100)}

    assert len(keys) == 100
    assert {len(key) for key in keys} == {len("da2-") + 32}


def test_a_new_key_stands_wherever_the_one_before_did(tmp_path: Path) -> None:
    Memory(tmp_path).keep("da2-old", 8123)
    told = EmbeddedBackend("http://127.0.0.1:8123/graphql", "ws://x", os.getpid(), 1, "da2-old")
    told.write(runtime_file(tmp_path))

    key = rotate(tmp_path)

    assert (Memory(tmp_path).key, Memory(tmp_path).port) == (key, 8123)
    announced = EmbeddedBackend.read(runtime_file(tmp_path))
    assert announced is not None
    assert (announced.key, announced.http) == (key, told.http)
    for path in (tmp_path / "address.json", runtime_file(tmp_path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "da2-old" not in path.read_text()


def test_a_folder_that_nobody_serves_gets_a_new_key_for_its_next_backend(tmp_path: Path) -> None:
    key = rotate(tmp_path)

    assert json.loads((tmp_path / "address.json").read_text()) == {"key": key, "port": 0}
    assert not runtime_file(tmp_path).exists()
