from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jupyter_jobs import Command, JobClient, JobFailed, JobLost, JobMonitor, Notebook
from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.errors import InvalidJob, Unauthorized
from jupyter_jobs.jobs.following import open_clients
from jupyter_jobs.testing import Outcome, ScriptedJobs
from tests.support.backend import PATIENCE_S


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[ScriptedJobs]:
    with ScriptedJobs(tmp_path / "scripted") as scripted:
        yield scripted


def train(rate: float) -> float:
    raise RuntimeError("this must not run")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "that did not come to be"
        time.sleep(0.01)


def test_a_plain_monitor_finds_it_and_nothing_runs(jobs: ScriptedJobs) -> None:
    jobs.on("train", returns=0.9, prints=["epoch 1"])

    job = JobMonitor().submit(train, 0.1, retries=2)

    assert job.result(PATIENCE_S) == 0.9
    assert [line.text for line in job.logs()] == ["epoch 1"]
    (submitted,) = jobs.submitted
    assert (submitted.function, submitted.args) == (train, (0.1,))
    assert submitted.options == {"retries": 2}


def test_an_exception_is_raised_as_it_is(jobs: ScriptedJobs) -> None:
    jobs.on("train", raises=ValueError("bad day")).then(returns=1)
    monitor = JobMonitor()

    with pytest.raises(ValueError, match="bad day"):
        monitor.submit(train, 0.1).result(PATIENCE_S)

    assert monitor.submit(train, 0.1).result(PATIENCE_S) == 1


def test_time_passes_for_jobs_and_monitors_know(jobs: ScriptedJobs) -> None:
    jobs.on("train", takes=timedelta(hours=1), progress=[0.1, 0.5, 0.9], returns=3)
    job = JobMonitor().submit(train, 0.1)

    jobs.advance(timedelta(minutes=30))
    half = (job.status, job.progress)
    jobs.run_all()

    assert half == ("RUNNING", 0.5)
    assert job.done()
    assert job.result(0) == 3
    assert job.record.duration == 3600


def test_time_does_not_go_back(jobs: ScriptedJobs) -> None:
    with pytest.raises(ValueError, match="forward"):
        jobs.advance(-1)


def test_what_is_not_scripted_is_refused_with_what_to_write(jobs: ScriptedJobs) -> None:
    with pytest.raises(InvalidJob, match=r'scripted_jobs\.on\("train", returns=…\)'):
        JobMonitor().submit(train, 0.1)

    assert jobs.submitted == []


def test_all_kinds_of_requests_can_be_scripted(jobs: ScriptedJobs, tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").write_text('{"cells": []}')
    jobs.on("Process *", lost=True)
    jobs.on("sleep", returns=3)
    jobs.on("report", lambda job: job.kwargs["day"])
    monitor = JobMonitor()

    request = monitor.submit("Process data", params={"day": 1})
    command = monitor.submit(Command(["sleep", "1"]))
    notebook = monitor.submit(Notebook(tmp_path / "report.ipynb", parameters={"day": "monday"}))

    with pytest.raises(JobLost):
        request.result(PATIENCE_S)
    with pytest.raises(JobFailed, match="exit code 3"):
        command.result(PATIENCE_S)
    assert notebook.result(PATIENCE_S) == "monday"


async def test_an_awaited_client_hears_of_it_on_its_own_loop(jobs: ScriptedJobs) -> None:
    jobs.on("train", lambda job: Outcome(takes=60, returns=job.args[0]))
    async with await JobClient.connect() as client:
        found = await client.map(train, [1, 2, 3])

        jobs.advance(60)

        assert [job.done() for job in found] == [True] * 3
        assert list(await found) == [1, 2, 3]


def test_events_get_lost_and_are_made_up_for(jobs: ScriptedJobs) -> None:
    jobs.on("train", takes=60)
    monitor = JobMonitor()
    job = monitor.submit(train, 0.1)
    wait_for(lambda: monitor._client.connection.state is ConnectionState.CONNECTED)

    with jobs.no_events():
        jobs.advance(60)
        connected = monitor._client.connection.state
    jobs.advance(0)

    assert connected is ConnectionState.CONNECTED
    assert job.done()


def test_jobs_go_on_while_the_monitor_is_offline(jobs: ScriptedJobs) -> None:
    jobs.on("train", takes=60)
    monitor = JobMonitor()
    job = monitor.submit(train, 0.1)
    wait_for(lambda: monitor._client.connection.state is ConnectionState.CONNECTED)

    with jobs.offline():
        wait_for(lambda: monitor._client.connection.state is not ConnectionState.CONNECTED)
        jobs.run_all()
        known = job.done()
    monitor.reconnect()

    assert not known
    job.result(PATIENCE_S)


def test_credentials_expire_until_new_ones_are_looked_for(jobs: ScriptedJobs) -> None:
    jobs.on("train")
    monitor = JobMonitor()
    wait_for(lambda: monitor._client.connection.state is ConnectionState.CONNECTED)

    jobs.expire_token()
    wait_for(lambda: monitor._client.connection.state is ConnectionState.AUTH_FAILED)
    with pytest.raises(Unauthorized, match="expired"):
        monitor.submit(train, 0.1)
    monitor.reconnect()

    assert monitor.submit(train, 0.1).result(PATIENCE_S) is None


def test_what_was_never_begun_is_closed_without_a_word(tmp_path: Path) -> None:
    jobs = ScriptedJobs(tmp_path)

    jobs.close()

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", "https://example.com/graphql")
    before = dict(os.environ)

    with ScriptedJobs() as jobs:
        monitor = JobMonitor()
        folder = Path(os.environ["JUPYTER_JOBS_DATA_DIR"])
        there = folder.exists()
    jobs.close()

    assert there
    assert not folder.exists()
    assert monitor.closed
    assert not [client for client in open_clients() if client is monitor._client]
    assert dict(os.environ) == before
