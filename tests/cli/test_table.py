from typing import Any

import pytest
from rich.cells import cell_len

from jupyter_jobs.cli.table import STYLES, job_lines, state
from jupyter_jobs.jobs.model import Job, JobStatus

NOW = 1_795_341_600.0  # 2026-11-22T10:00:00Z
STARTED = "2026-11-22T09:59:00Z"


def drawn(*jobs: Job, **options: Any) -> list[str]:
    return [line.plain for line in job_lines(jobs, now=NOW, **options)]


def job(**more: Any) -> Job:
    return Job(**{"id": "0123456789ab", "name": "train", "status": JobStatus.RUNNING, **more})


RUNNING = job(started_at=STARTED, progress=0.5, done=5800, total=11_600, message="loss 0.2")
FAILED = job(
    status=JobStatus.FAILED,
    name="clean",
    started_at=STARTED,
    finished_at="2026-11-22T09:59:08Z",
    error={"type": "ValueError", "message": "bad day"},
)


def test_every_state_has_a_look_of_its_own() -> None:
    assert set(STYLES) == set(JobStatus)
    assert state(job()).plain == "◔ running"
    assert state(job(), word=False).plain == "◔"


def test_where_there_is_no_terminal_lines_are_as_long_as_they_need() -> None:
    text = "long " * 60
    header, line = drawn(job(name="n" * 60, message=text))

    assert header.split() == ["id", "state", "name", "progress", "time"]
    assert line.split()[:4] == ["01234567", "◔", "running", "n" * 60]
    assert text.strip() in line


def test_a_wide_terminal_has_bar_numbers_time_and_what_is_left() -> None:
    header, running, failed = drawn(RUNNING, FAILED, width=120)

    assert header.split() == ["id", "state", "name", "progress", "time", "left"]
    assert running.startswith("01234567 ◔ running    train █████░░░░░  50% 5.8k/12k loss 0.2")
    assert running.endswith("  1m00s     ~1m")
    assert failed.startswith("01234567 ✖ failed     clean ValueError: bad day ")


def test_a_usual_terminal_has_the_same_with_shorter_words() -> None:
    _, running, failed = drawn(RUNNING, FAILED, width=80)

    assert running.startswith("012345 ◔ running    train ███░░░  50% 5.8k/12k loss 0.2")
    assert running.endswith("  1m00s     ~1m")
    assert failed.startswith("012345 ✖ failed     clean ValueError: bad day ")


def test_a_narrow_terminal_has_a_line_more_for_why_a_job_failed() -> None:
    assert drawn(RUNNING, FAILED, width=40) == [
        "state        name           done    time",
        "◔ running    train           50%   1m00s",
        "✖ failed     clean                  8.0s",
        "  ValueError: bad day",
    ]


@pytest.mark.parametrize("width", [1, 10, 20, 33, 34, 40, 59, 60, 77, 78, 80, 99, 100, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    wide = job(name="日本語の名前がとても長い" * 4, message="🎉" * 90, tags=("night",) * 9)

    assert max(map(cell_len, drawn(RUNNING, FAILED, wide, width=width))) <= width


def test_columns_are_left_out_where_nothing_is_in_them_unless_they_shall_stay() -> None:
    assert "left" not in drawn(job(), width=120)[0]
    assert "left" in drawn(job(), width=120, steady=True)[0]


def test_tags_and_attempts_are_shown_where_there_are_any() -> None:
    header, plain, tagged = drawn(
        job(), job(tags=("night", "[red]lr\x1b[1m=0.1"), attempt=2), width=120
    )

    assert header.split() == ["id", "state", "name", "tags", "progress", "time"]
    assert "train (attempt 2) night, [red]lr=0.1" in tagged
    assert "attempt" not in plain


def test_steps_without_a_total_and_words_of_jobs_that_are_over_are_shown() -> None:
    _, counted, over, narrow = [
        *drawn(
            job(done=12),
            job(status=JobStatus.SUCCEEDED, progress=1.0, done=3, total=3),
            width=80,
        ),
        drawn(job(done=12), width=40)[1],
    ]

    assert "train 12" in counted
    assert "train 3/3" in over
    assert narrow.split() == ["◔", "running", "train", "12"]


def test_what_a_job_says_neither_steers_the_terminal_nor_reads_as_markup() -> None:
    lines = drawn(job(name="a\x1b[2Jb\rc\n[red]d[/red]", message="\x9b31m\u202eevil\x07"), width=80)

    assert len(lines) == 2
    assert "ab c [red]d[/red]" in lines[1]
    assert not {"\x1b", "\r", "\x9b", "\u202e", "\x07"} & set(lines[1])
