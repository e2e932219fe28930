from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend import job_folder
from jupyter_jobs.backend.job_folder import JobFolder


def job(status: str, **fields: Any) -> dict[str, Any]:
    return {"status": status, "result": None, "resultSize": None, **fields}


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "none")

    log = folder.log(after=None, since=None, tail=None, limit=10)

    assert log == {"lines": [], "ended": False, "dropped": 0}
    assert folder.metrics(after=None, limit=10) == {"points": [], "ended": False, "dropped": 0}
    assert folder.files() == []
    assert folder.result(job("FAILED"), may_stay=True) is None


def test_files_are_told_by_name_with_size_and_place(tmp_path: Path) -> None:
    (tmp_path / "files/plots").mkdir(parents=True)
    (tmp_path / "files/b.txt").write_bytes(b"12345")
    (tmp_path / "files/plots/a.png").write_bytes(b"1")
    os.utime(tmp_path / "files/b.txt", (1_700_000_000, 1_700_000_000))

    first, second = JobFolder(tmp_path).files()

    assert first == {
        "name": "b.txt",
        "size": 5,
        "modifiedAt": "2023-11-14T22:13:20.000Z",
        "path": str(tmp_path / "files/b.txt"),
    }
    assert (second["name"], second["size"]) == ("plots/a.png", 1)


def test_nothing_outside_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    files = tmp_path / "job/files"
    files.mkdir(parents=True)
    (files / "key").symlink_to(tmp_path / "secret/key")
    (files / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(files / "pipe")

    assert JobFolder(tmp_path / "job").files() == []


def test_a_folder_for_files_that_is_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    (tmp_path / "files").symlink_to(tmp_path / "secret")

    assert JobFolder(tmp_path).files() == []


def test_no_more_files_are_told_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_folder, "FILES_LIMIT", 3)
    (tmp_path / "files").mkdir()
    for number in range(5):
        (tmp_path / f"files/{number}").touch()

    assert [file["name"] for file in JobFolder(tmp_path).files()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("status", "name", "encoding"),
    [("SUCCEEDED", "result.pickle", "pickle"), ("FAILED", "error.pickle", "exception")],
)
def test_what_is_pickled_travels_or_is_told_by_its_place_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, name: str, encoding: str
) -> None:
    monkeypatch.setattr(job_folder, "INLINE_LIMIT", 3)
    folder = JobFolder(tmp_path)

    (tmp_path / name).write_bytes(b"123")
    small = folder.result(job(status), may_stay=True)
    (tmp_path / name).write_bytes(b"1234")
    large = folder.result(job(status), may_stay=True)
    sent = folder.result(job(status), may_stay=False)

    assert small == {"encoding": encoding, "data": base64.b64encode(b"123").decode()}
    assert large == {"encoding": encoding, "path": str(tmp_path / name)}
    assert sent == {"encoding": encoding, "data": base64.b64encode(b"1234").decode()}


def test_a_job_that_was_cancelled_has_come_to_nothing(tmp_path: Path) -> None:
    assert JobFolder(tmp_path).result(job("CANCELLED"), may_stay=True) is None
