from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker import current_job, track
from jupyter_jobs.worker.job import DIR_VARIABLE, FIFO, ID_VARIABLE

Said = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """This process as a job; what it has reported."""
    (tmp_path / "job.json").write_text(json.dumps({"params": {"rows": 3}}))
    os.mkfifo(tmp_path / FIFO)
    reader = os.open(tmp_path / FIFO, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setenv(ID_VARIABLE, "job-1")
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    current_job.cache_clear()

    def read() -> list[dict[str, Any]]:
        current_job()._channel.flush()  # type: ignore[union-attr]  # a job has one
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(reader, 1 << 20):
                data += chunk
        return [json.loads(line) for line in data.splitlines()]

    yield read
    read()
    current_job.cache_clear()
    os.close(reader)


def test_outside_a_job_everything_does_nothing() -> None:
    current_job.cache_clear()
    job = current_job()

    job.progress(1, 2, "here")
    job.message("there")
    job.metrics(loss=0.5)

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
        ((1, 4), {"done": 1.0, "total": 4.0}),
        ((0, 0), {"done": 0.0, "total": 0.0}),
        ((1, 4, "on it"), {"done": 1.0, "total": 4.0, "message": "on it"}),
    ],
)
def test_progress_is_a_share_a_count_or_steps_of_a_total(
    said: Said, arguments: tuple[Any, ...], report: dict[str, Any]
) -> None:
    current_job().progress(*arguments)

    assert said() == [report]


def test_a_report_is_short_enough_to_be_written_at_once(said: Said) -> None:
    current_job().message("😀\0" * 5000)

    (report,) = said()
    assert report["message"].startswith("😀")
    assert len(json.dumps(report, ensure_ascii=False).encode()) < select.PIPE_BUF


def test_track_reports_the_start_and_the_end_and_little_between(said: Said) -> None:
    steps = sum(1 for _ in track(range(100_000), message="counting"))

    reports = said()
    assert steps == 100_000
    assert reports[0] == {"done": 0.0, "total": 100_000.0, "message": "counting"}
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


def test_a_total_is_kept_until_the_next_one(said: Said) -> None:
    current_job().progress(1, 4)
    current_job().progress(2)

    assert said()[-1] == {"done": 2.0, "total": 4.0}


def test_what_is_no_number_of_steps_is_an_error_where_it_is_said(said: Said) -> None:
    with pytest.raises((TypeError, ValueError)):
        current_job().progress("half")  # type: ignore[arg-type]  # that is the point

    assert said() == []


def test_a_point_has_its_time_its_step_and_its_values(said: Said) -> None:
    before = time.time_ns() // 1_000_000
    current_job().metrics(loss=0.5, accuracy=1, step=3)

    ((time_ms, step, values),) = said()[0]["points"]
    assert before <= time_ms <= time.time_ns() // 1_000_000
    assert (step, values) == (3.0, {"loss": 0.5, "accuracy": 1.0})


def test_metrics_that_are_no_numbers_are_an_error_where_they_are_said(said: Said) -> None:
    with pytest.raises(TypeError, match=r"metrics\(loss=…\) takes a number, not '0.5'"):
        current_job().metrics(loss="0.5")

    assert said() == []


def test_a_folder_where_nobody_listens_does_not_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ID_VARIABLE, "job-1")
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    current_job.cache_clear()

    current_job().message("nobody hears")
    assert list(track("abc")) == ["a", "b", "c"]
    current_job.cache_clear()
