"""What whoever asks is told when the disk takes nothing, and what is there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.jobs.operations import GET_JOB
from tests.support.bare_api import BareApi


@pytest.fixture
def api(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()


def several(*params: str) -> tuple[str, dict[str, Any]]:
    """A request that submits several jobs at a time, with these parameters."""
    names = [f"j{number}" for number in range(len(params))]
    document = "mutation Many({}) {{ {} }}".format(
        ", ".join(f"${name}: SubmitJobInput!" for name in names),
        " ".join(f"{name}: submitJob(input: ${name}) {{ id status }}" for name in names),
    )
    given = [{"id": n, "request": "r", "params": p} for n, p in zip(names, params, strict=True)]
    return document, dict(zip(names, given, strict=True))


@contextlib.contextmanager
def held(tmp_path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def no_room(api: BareApi) -> Iterator[None]:
    database = api.repository._db
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count={pages}")
    yield
    database.rows("PRAGMA max_page_count=1000000")


async def test_of_submits_that_are_written_together_a_full_disk_accepts_none(
    api: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_jobs.backend.api.serial._SLICE_S", 60.0)
    small, large = "1", json.dumps("x" * 50_000)
    with no_room(api):
        answer = await api.api.execute(*several(small, large, small))
        there = api.repository.counts()
    again = await api.api.execute(*several(small, large, small))

    assert answer["data"] == {"j0": None, "j1": None, "j2": None}
    assert [error["errorType"] for error in answer["errors"]] == ["StorageFull"] * 3
    assert {error["path"][0] for error in answer["errors"]} == {"j0", "j1", "j2"}
    assert there == {}
    assert len(api.published) == 3
    assert "errors" not in again
    assert api.repository.counts() == {"QUEUED": 3}


async def test_while_another_program_holds_the_file_all_is_refused_at_once(
    api: BareApi, tmp_path: Path
) -> None:
    await api.submit(id="before")
    with held(tmp_path):
        answer = await api.api.execute(*several(*["1"] * 50))
        read = await api.ask(GET_JOB, id="before")

    assert {error["errorType"] for error in answer["errors"]} == {"StorageUnavailable"}
    assert len(answer["errors"]) == 50
    assert read["status"] == "QUEUED"
    assert len(api.published) == 1
    assert api.repository.counts() == {"QUEUED": 1}


async def test_an_answer_waits_until_the_disk_has_what_was_submitted(
    api: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(file: int) -> None:
        begun.set()
        go_on.wait()

    monkeypatch.setattr("jupyter_jobs.backend.storage.database._fdatasync", slow)
    submitted = asyncio.create_task(api.submit(id="a"))
    await asyncio.to_thread(begun.wait)
    meanwhile = await api.ask(GET_JOB, id="a")
    answered = submitted.done()
    go_on.set()
    await submitted

    assert meanwhile["status"] == "QUEUED"
    assert not answered


async def test_a_disk_that_cannot_flush_acknowledges_nothing_until_it_can(
    api: BareApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr("jupyter_jobs.backend.storage.database._fdatasync", failing)
        answers = [await api.api.execute(*several("1")) for _ in range(2)]
    again = await api.api.execute(*several("1"))

    for answer in answers:
        assert answer["data"] is None
        assert [error["errorType"] for error in answer["errors"]] == ["StorageUnavailable"]
    assert again["data"]["j0"]["id"] == "j0"  # the same submit once more
