from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_jobs.appsync.attempts import NeverSent
from jupyter_jobs.appsync.auth import Attempt, Purpose, ask_sync
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.jobs.embedded import EmbeddedBackend, process_started_at, runtime_file
from jupyter_jobs.jobs.own import OwnKeyAuth, is_own

HTTP = "http://127.0.0.1:8123/graphql"
HERE = Endpoint.parse(HTTP)
ASKED = Attempt(Purpose.REQUEST, HERE)
FOLDER = Path("folder")


def announce(**changes: object) -> None:
    """Be the backend of the folder."""
    started = process_started_at(os.getpid())
    assert started is not None
    told = EmbeddedBackend(
        HTTP, "ws://127.0.0.1:8123/graphql/realtime", os.getpid(), started, "da2-one"
    )
    replace(told, **changes).write(runtime_file(FOLDER))


def test_the_key_is_shown_as_its_file_has_it_now() -> None:
    auth = OwnKeyAuth(FOLDER)
    announce()
    before = ask_sync(auth, ASKED)

    announce(key="da2-two")

    assert before == {"x-api-key": "da2-one"}
    assert ask_sync(auth, ASKED) == {"x-api-key": "da2-two"}


@pytest.mark.parametrize(
    "gone",
    [
        lambda: None,
        lambda: announce(started=1),
        lambda: announce(http="http://127.0.0.1:8124/graphql"),
        lambda: announce(boot="another"),
    ],
    ids=["no file", "it has ended", "it is elsewhere", "before the machine started"],
)
def test_whoever_has_taken_its_port_is_not_shown_the_key(gone: object) -> None:
    gone()  # type: ignore[operator]  # a lambda

    with pytest.raises(NeverSent, match=r"does not run at http://127\.0\.0\.1:8123/graphql"):
        ask_sync(OwnKeyAuth(FOLDER), ASKED)
    assert not is_own(HERE)


def test_all_who_show_the_key_of_a_folder_share_a_connection() -> None:
    assert OwnKeyAuth(FOLDER).identity == OwnKeyAuth(FOLDER).identity
    assert OwnKeyAuth(FOLDER).identity != OwnKeyAuth(Path("other")).identity


def test_no_key_shows() -> None:
    announce()

    assert "da2" not in f"{OwnKeyAuth(FOLDER)!r} {OwnKeyAuth(FOLDER).identity}"


def test_a_backend_is_ones_own_while_its_process_lives() -> None:
    announce()

    assert is_own(HERE)
    assert not is_own(Endpoint.parse("http://127.0.0.1:8124/graphql"))
    assert not is_own(Endpoint.parse("https://api.example.org/graphql"))


def test_a_file_that_others_could_have_written_tells_nothing() -> None:
    announce()
    path = runtime_file(FOLDER)
    path.chmod(0o620)
    written = is_own(HERE)

    path.chmod(0o600)
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)

    assert not written
    assert not is_own(HERE)
