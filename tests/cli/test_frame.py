from typing import Any

import pytest
from rich.text import Text

from jupyter_jobs.appsync.client import ConnectionState, ConnectionStatus
from jupyter_jobs.cli.frame import Size, frame, presence
from jupyter_jobs.jobs.model import Job, JobStatus

NOW = 1_795_341_600.0  # 2026-11-22T10:00:00Z
LIVE = Text("● live")


def job(n: int, status: JobStatus = JobStatus.RUNNING, **more: Any) -> Job:
    return Job(id=f"job-{n:04}", name=f"train #{n}", status=status, **more)


def drawn(*jobs: Job, width: int = 80, height: int = 24, **options: Any) -> list[str]:
    lines = frame(
        jobs, Size(width, height), now=NOW, place="this machine", presence=LIVE, **options
    )
    return [line.plain for line in lines]


def test_the_first_line_counts_the_states_trouble_first() -> None:
    header, *_ = drawn(
        job(1), job(2), job(3, JobStatus.FAILED), job(4, JobStatus.SUCCEEDED), width=100
    )

    assert header.startswith("Jobs  ✖ 1 failed  ◔ 2 running  ✔ 1 succeeded   ")
    assert header.endswith("this machine  ● live")
    assert len(header) == 100


def test_it_has_marks_alone_where_there_is_no_room_for_words() -> None:
    header, *_ = drawn(job(1), job(3, JobStatus.FAILED), width=30)

    assert header == "Jobs  ✖ 1  ◔ 1          ● live"


def test_without_jobs_it_says_so() -> None:
    assert [line.split("   ")[0] for line in drawn()] == ["Jobs  none yet"]


@pytest.mark.parametrize("height", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("width", [30, 80])
def test_it_is_never_higher_than_the_terminal(height: int, width: int) -> None:
    jobs = [
        job(n, JobStatus.FAILED if n % 2 else JobStatus.RUNNING, error={"message": "bad day"})
        for n in range(30)
    ]

    assert len(drawn(*jobs, width=width, height=height)) <= max(2, height - 1)


def test_what_does_not_fit_is_counted() -> None:
    jobs = [job(n) for n in range(3)] + [job(n, JobStatus.SUCCEEDED) for n in range(3, 9)]

    *_, last, more = drawn(*jobs, height=8)

    assert "train #3" in last or "train #2" in last
    assert more == "… and 6 succeeded" or more.startswith("… and 5 succeeded")
    assert drawn(*jobs, limit=2)[-1] == "… and 1 running, 6 succeeded"


def test_a_notice_has_a_line_of_its_own() -> None:
    assert drawn(job(1), notice="the host\ndoes not answer")[1] == "the host does not answer"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ConnectionStatus(ConnectionState.CONNECTED), "● live"),
        (ConnectionStatus(ConnectionState.CONNECTING), "◌ connecting"),
        (
            ConnectionStatus(ConnectionState.RECONNECTING, attempt=3, retry_at=NOW + 8),
            "◌ reconnecting, try 3, next in 8s",
        ),
        (ConnectionStatus(ConnectionState.RECONNECTING, attempt=1), "◌ reconnecting, try 1"),
        (ConnectionStatus(ConnectionState.AUTH_FAILED), "✖ sign-in is needed"),
    ],
)
def test_how_the_connection_is_doing_has_words(status: ConnectionStatus, words: str) -> None:
    assert presence(status, NOW).plain == words


def test_every_state_of_the_connection_has_words() -> None:
    assert all(presence(ConnectionStatus(state), NOW).plain for state in ConnectionState)
