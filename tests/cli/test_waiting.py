import json
import signal

import pytest

from jupyter_jobs.cli import follow
from jupyter_jobs.cli.waiting import outcome
from jupyter_jobs.jobs.model import Job, JobStatus
from tests.cli.conftest import Run, Shell
from tests.support.backend import PATIENCE_S, RunningBackend
from tests.support.following import submit


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ("SUCCEEDED", 0),
        ("SUCCEEDED SUCCEEDED", 0),
        ("SUCCEEDED FAILED", 1),
        ("CANCELLED", 1),
        ("FAILED RUNNING", 124),
        ("", 0),
    ],
)
def test_the_outcome_of_jobs_is_an_exit_code(statuses: str, code: int) -> None:
    assert outcome(Job(id="j", status=JobStatus(word)) for word in statuses.split()) == code


@pytest.mark.parametrize("few", [20, 0])
def test_each_job_is_told_when_it_ends(
    waits: Run, external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(follow, "FEW", few)
    good, bad = (submit(external_backend, "waited") for _ in range(2))
    external_backend.update(good, status="SUCCEEDED")
    external_backend.update(bad, status="FAILED", error='{"type": "E", "message": "oh"}')

    assert waits("wait", good, good[:13]) == (0, f"{good}  ✔ succeeded\n", "")
    assert waits("wait", good, bad) == (
        1,
        f"{good}  ✔ succeeded\n{bad}  ✖ failed  E: oh\n",
        "",
    )


def test_it_waits_for_the_last_one(waiting_shell: Shell, external_backend: RunningBackend) -> None:
    one, two = (submit(external_backend, f"wait-{n}") for n in range(2))

    with waiting_shell.started("wait", one, two) as process:
        assert process.stdout is not None
        external_backend.update(two, status="SUCCEEDED")
        assert process.stdout.readline() == f"{two}  ✔ succeeded\n"
        external_backend.update(one, status="SUCCEEDED")
        assert process.communicate(timeout=PATIENCE_S) == (f"{one}  ✔ succeeded\n", "")

    assert process.returncode == 0


def test_when_the_time_is_up_the_jobs_go_on(waits: Run, external_backend: RunningBackend) -> None:
    id_ = submit(external_backend, "slow")

    assert waits("wait", id_, "--timeout", "0.1") == (
        *(124, ""),
        "jupyter-jobs: time is up; 1 of 1 jobs have not ended and go on\n",
    )
    code, out, _ = waits("wait", id_, "--timeout", "0.1s", "--json")
    assert (code, [job["status"] for job in json.loads(out)]) == (124, ["QUEUED"])


def test_an_interrupt_leaves_the_job_alone(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    over, id_ = (submit(external_backend, "interrupted") for _ in range(2))
    external_backend.update(over, status="SUCCEEDED")

    with waiting_shell.started("wait", over, id_) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == ("", "")

    assert process.returncode == 130
    assert waiting_shell("show", id_)[1].splitlines()[2] == "status     queued"
