from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.api import job_folder
from jupyter_jobs.backend.api.job_folder import JobFolder
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.worker.logfile import LogWriter
from jupyter_jobs.worker.metrics import MetricsWriter
from jupyter_jobs.worker.outcome import write_json


def job(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "status": status,
        "result": None,
        "resultSize": None,
        "error": None,
        **fields,
    }


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "none", job("FAILED"))

    log = folder.log(after=None, since=None, tail=None, limit=10)

    assert log == {"lines": [], "ended": True, "dropped": 0}
    assert folder.metrics(after=None, limit=10) == {"points": [], "ended": True, "dropped": 0}
    assert folder.files() == []
    assert folder.result(may_stay=True) is None


def test_files_are_told_by_name_with_size_and_place(tmp_path: Path) -> None:
    (tmp_path / "files/plots").mkdir(parents=True)
    (tmp_path / "files/b.txt").write_bytes(b"12345")
    (tmp_path / "files/plots/a.png").write_bytes(b"1")
    os.utime(tmp_path / "files/b.txt", (1_700_000_000, 1_700_000_000))

    first, second = JobFolder(tmp_path, job("RUNNING")).files()

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

    assert JobFolder(tmp_path / "job", job("RUNNING")).files() == []


def test_a_folder_for_files_that_is_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    (tmp_path / "files").symlink_to(tmp_path / "secret")

    assert JobFolder(tmp_path, job("RUNNING")).files() == []


def test_no_more_files_are_told_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_folder, "FILES_LIMIT", 3)
    (tmp_path / "files").mkdir()
    for number in range(5):
        (tmp_path / f"files/{number}").touch()

    assert [file["name"] for file in JobFolder(tmp_path, job("RUNNING")).files()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("status", "name", "encoding"),
    [("SUCCEEDED", "result.pickle", "pickle"), ("FAILED", "error.pickle", "exception")],
)
def test_what_is_pickled_travels_or_is_told_by_its_place_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, name: str, encoding: str
) -> None:
    monkeypatch.setattr(job_folder, "INLINE_LIMIT", 3)
    folder = JobFolder(tmp_path, job(status))

    (tmp_path / name).write_bytes(b"123")
    small = folder.result(may_stay=True)
    (tmp_path / name).write_bytes(b"1234")
    large = folder.result(may_stay=True)
    sent = folder.result(may_stay=False)

    assert small == {"encoding": encoding, "data": base64.b64encode(b"123").decode()}
    assert large == {"encoding": encoding, "path": str(tmp_path / name)}
    assert sent == {"encoding": encoding, "data": base64.b64encode(b"1234").decode()}


def test_a_job_that_was_cancelled_has_come_to_nothing(tmp_path: Path) -> None:
    assert JobFolder(tmp_path, job("CANCELLED")).result(may_stay=True) is None


def test_a_large_value_of_json_is_read_from_how_the_job_ended(tmp_path: Path) -> None:
    write_json(tmp_path / "outcome.json", {"status": "SUCCEEDED", "result": [1, None]})

    told = JobFolder(tmp_path, job("SUCCEEDED", resultSize=9)).result(may_stay=True)

    assert told == {"encoding": "json", "data": base64.b64encode(b"[1, null]").decode()}


@pytest.mark.parametrize(
    "body",
    [
        job("SUCCEEDED", resultSize=9),
        job("FAILED", error='{"type": "ValueError", "loadable": true}'),
    ],
)
def test_what_was_there_and_is_not_any_more_has_expired(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    with pytest.raises(Refusal, match="its files were pruned") as caught:
        JobFolder(tmp_path, body).result(may_stay=True)

    assert caught.value.error_type == "ResultExpired"


def test_a_small_value_outlives_the_files(tmp_path: Path) -> None:
    told = JobFolder(tmp_path, job("SUCCEEDED", result="[1]")).result(may_stay=True)

    assert told == {"encoding": "json", "data": "WzFd"}


def test_output_has_ended_when_its_job_has_and_nothing_follows(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 1000)
    writer.feed("o", b"one\ntwo\nthree\n", 1_700_000_000_000)
    writer.close(1_700_000_000_000)

    def read(status: str, **window: Any) -> dict[str, Any]:
        window = {"after": None, "since": None, "tail": None, "limit": 10} | window
        return JobFolder(tmp_path, job(status)).log(**window)

    assert [line["text"] for line in read("RUNNING")["lines"]] == ["one", "two", "three"]
    assert read("RUNNING")["lines"][0]["time"] == "2023-11-14T22:13:20.000Z"
    assert not read("RUNNING")["ended"]
    assert read("SUCCEEDED")["ended"]
    assert not read("SUCCEEDED", limit=2)["ended"]
    assert [line["seq"] for line in read("RUNNING", tail=1)["lines"]] == [3]


def test_lines_are_read_from_a_time_on(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 1000)
    for second in range(3):
        writer.feed("o", b"line\n", 1_700_000_000_000 + second * 1000)
    writer.close(1_700_000_003_000)
    folder = JobFolder(tmp_path, job("RUNNING"))
    since = datetime.fromtimestamp(1_700_000_001, UTC)

    page = folder.log(after=None, since=since, tail=None, limit=10)
    last = folder.log(after=None, since=since, tail=10, limit=10)

    assert [line["seq"] for line in page["lines"]] == [2, 3]
    assert [line["seq"] for line in last["lines"]] == [2, 3]


def test_a_series_is_read_in_pages(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path / "metrics")
    writer.add([(1_700_000_000_000, 1.0, {"loss": 0.5}), (1_700_000_001_000, None, {"loss": None})])
    writer.close()
    folder = JobFolder(tmp_path, job("SUCCEEDED"))

    first = folder.metrics(after=None, limit=1)
    rest = folder.metrics(after=1, limit=10)

    assert first == {
        "points": [
            {"seq": 1, "time": "2023-11-14T22:13:20.000Z", "step": 1.0, "values": '{"loss": 0.5}'}
        ],
        "ended": False,
        "dropped": 0,
    }
    assert [(point["seq"], point["step"], point["values"]) for point in rest["points"]] == [
        (2, None, '{"loss": null}')
    ]
    assert rest["ended"]
