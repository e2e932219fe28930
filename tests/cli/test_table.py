import io
from typing import Any

import pytest
from rich.console import Console

from jupyter_jobs.cli.table import STYLES, jobs_table
from jupyter_jobs.jobs.model import Job, JobStatus


def drawn(*jobs: Job, width: int = 120, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(jobs_table(jobs, **options))
    text: str = console.file.getvalue()
    return text


def job(**more: Any) -> Job:
    return Job(**{"id": "0123456789ab", "name": "train", "status": JobStatus.RUNNING, **more})


def test_every_state_has_a_look_of_its_own() -> None:
    assert set(STYLES) == set(JobStatus)


def test_a_line_tells_state_name_time_and_the_last_word() -> None:
    times = {"started_at": "2026-11-22T10:00:00Z", "finished_at": "2026-11-22T10:00:02.500Z"}
    header, line = drawn(
        job(status=JobStatus.SUCCEEDED, message="all rows", progress=1.0, **times)
    ).splitlines()

    assert header.split() == ["status", "job", "progress", "time"]
    assert line.startswith("✔ succeeded")
    for part in ("train", "━", "2.5 s", "all rows"):
        assert part in line


@pytest.mark.parametrize(
    ("error", "last_word"),
    [
        ({"type": "ValueError", "message": "bad day"}, "ValueError: bad day"),
        ({"message": "disk is full"}, "disk is full"),
        ({"type": "Killed"}, "Killed"),
        (None, ""),
    ],
)
def test_a_failure_tells_why(error: dict[str, str] | None, last_word: str) -> None:
    line = (
        drawn(job(status=JobStatus.FAILED, message="reading", error=error)).splitlines()[1].rstrip()
    )

    assert line.removeprefix("✖ failed").split(maxsplit=1) == ["train", *filter(None, [last_word])]


def test_tags_and_attempts_are_shown_where_there_are_any() -> None:
    header, plain, tagged = drawn(
        job(), job(tags=("night", "[red]lr\x1b=0.1"), attempt=2)
    ).splitlines()

    assert header.split() == ["status", "job", "tags", "progress", "time"]
    assert "train (attempt 2)" in tagged
    assert "night, [red]lr =0.1" in tagged
    assert "attempt" not in plain


def test_ids_are_shown_when_asked_for() -> None:
    assert "01234567 " in drawn(job(), ids=True)
    assert "01234567" not in drawn(job())


def test_what_a_job_says_neither_steers_the_terminal_nor_reads_as_markup() -> None:
    text = drawn(job(name="a\x1b[2Jb\rc\n[red]d[/red]", message="\x9b31m\u202eevil\x07"))

    assert "[red]d[/red]" in text
    assert not {"\x1b", "\r", "\x9b", "\u202e", "\x07"} & set(text)
    assert len(text.splitlines()) == 2
