from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker import current_job, track
from jupyter_jobs.worker.job import DIR_VARIABLE, ID_VARIABLE, REPORT_VARIABLE

Said = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """This process as a job; what it has reported."""
    (tmp_path / "job.json").write_text(json.dumps({"params": {"rows": 3}}))
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    monkeypatch.setenv(ID_VARIABLE, "job-1")
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    monkeypatch.setenv(REPORT_VARIABLE, f"{writer}:{os.fstat(writer).st_ino}")
    current_job.cache_clear()

    def read() -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(reader, 1 << 20).splitlines()]
        except BlockingIOError:
            return []

    yield read
    current_job.cache_clear()
    os.close(reader)
    os.close(writer)


def test_outside_a_job_everything_does_nothing() -> None:
    current_job.cache_clear()
    job = current_job()

    job.progress(1, 2, "here")
    job.message("there")

    assert (job.id, job.params, job.dir) == ("", {}, Path.cwd())
    assert list(track([1, 2, 3])) == [1, 2, 3]


def test_a_job_knows_itself(said: Said, tmp_path: Path) -> None:
    job = current_job()

    assert (job.id, job.params, job.dir) == ("job-1", {"rows": 3}, tmp_path / "files")
    assert job.dir.stat().st_mode & 0o777 == 0o700
    assert repr(job) == "CurrentJob('job-1')"


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        ((0.25,), {"progress": 0.25}),
        ((1.0,), {"progress": 1.0}),
        ((1,), {"done": 1.0}),
        ((3.5,), {"done": 3.5}),
        ((1, 4), {"done": 1.0, "total": 4.0, "progress": 0.25}),
        ((5, 4), {"done": 5.0, "total": 4.0, "progress": 1.0}),
        ((0, 0), {"done": 0.0, "total": 0.0}),
        ((1, 4, "on it"), {"done": 1.0, "total": 4.0, "progress": 0.25, "message": "on it"}),
    ],
)
def test_progress_is_a_share_a_count_or_steps_of_a_total(
    said: Said, arguments: tuple[Any, ...], report: dict[str, Any]
) -> None:
    current_job().progress(*arguments)

    assert said() == [report]


def test_a_report_is_short_enough_to_be_written_at_once(said: Said) -> None:
    current_job().message("😀" * 5000)

    assert len(json.dumps(said()[0])) < 8192


def test_track_reports_the_start_and_the_end_and_little_between(said: Said) -> None:
    steps = sum(1 for _ in track(range(100_000), message="counting"))

    reports = said()
    assert steps == 100_000
    assert reports[0] == {"done": 0.0, "total": 100_000.0, "progress": 0.0, "message": "counting"}
    assert reports[-1]["done"] == 100_000
    assert len(reports) < 1000


def test_track_counts_finished_steps_when_it_is_left_early(said: Said) -> None:
    for item in track(iter("abc"), total=3):
        if item == "c":
            break
    del item

    assert said()[-1]["done"] == 2


def test_track_without_a_length_counts(said: Said) -> None:
    list(track(iter("abc")))

    assert said()[-1] == {"done": 3.0}


def test_a_variable_without_its_pipe_is_not_believed(
    said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    precious = os.open(tmp_path / "precious", os.O_CREAT | os.O_RDWR)
    monkeypatch.setenv(REPORT_VARIABLE, f"{precious}:{os.fstat(precious).st_ino}")
    current_job.cache_clear()

    current_job().message("overwritten")
    os.close(precious)

    assert (tmp_path / "precious").read_bytes() == b""


def test_a_shim_that_is_gone_does_not_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setenv(ID_VARIABLE, "job-1")
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    monkeypatch.setenv(REPORT_VARIABLE, f"{writer}:{os.fstat(writer).st_ino}")
    current_job.cache_clear()

    current_job().message("nobody hears")
    current_job().message("still nobody")
    current_job.cache_clear()
    os.close(writer)
