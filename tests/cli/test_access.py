import pytest

from jupyter_jobs.cli import access
from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.errors import JobNotFound
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from tests.cli.conftest import Run
from tests.support.backend import RunningBackend
from tests.support.following import submit


@pytest.fixture
def twins(external_backend: RunningBackend, api: JobApi) -> JobApi:
    known = external_backend.execute('{ getJob(id: "twin-1") { id } }')["data"]["getJob"]
    if known is None:
        for id_, group in (("twin-1", "one"), ("twin-2", "two"), ("single-1", "one")):
            submit(external_backend, group, id=id_, name=f"name of {id_}")
    return api


def test_the_beginning_of_an_id_is_enough_if_it_is_one_jobs(
    twins: JobApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls.page, "__kwdefaults__", {**calls.page.__kwdefaults__, "limit": 1})

    assert access.find_one(twins, "sing", None).id == "single-1"
    assert access.find_one(twins, "twin", "two").id == "twin-2"
    assert access.find_ids(twins, ["twin-2", "sing", "twin-1", "twin-2"], None) == [
        *("twin-2", "single-1", "twin-1", "twin-2")
    ]


def test_one_that_is_several_jobs_lists_them(twins: JobApi) -> None:
    with pytest.raises(Usage, match="2 jobs begin with 'twin'") as raised:
        access.find_one(twins, "twin", None)

    for id_ in ("twin-1", "twin-2"):
        assert f"{id_} (name of {id_}, queued)" in str(raised.value)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sin", "give at least 4 characters"),
        ("nobody", "there is no job 'nobody'; see: jupyter-jobs list --all"),
        ("", "give at least 4 characters"),
    ],
)
def test_one_that_is_no_job_is_told(twins: JobApi, word: str, sentence: str) -> None:
    with pytest.raises(JobNotFound, match=sentence):
        access.find_one(twins, word, None)


def test_one_of_another_group_is_told_with_the_group(twins: JobApi) -> None:
    with pytest.raises(JobNotFound, match="no job 'sing' in the group 'two'"):
        access.find_one(twins, "sing", "two")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["retry", "job-1"], "job-1: this API has no retryJob: submit the work again instead"),
        (["cancel", "job-1"], "job-1: this API has no cancelJob: a job runs to its own end"),
        (["logs", "job-1"], "this API has no jobLogs: what jobs print cannot be read"),
        (["show", "job-1"], "this API has no getJob: what is not told by an event stays unknown"),
        (["wait", "job-1"], "this API has no getJob: what is not told by an event stays unknown"),
        (["list"], "this API has no listJobs: it cannot tell which jobs there are"),
        (["watch"], "this API has no listJobs: it cannot tell which jobs there are"),
        (["list", "--profile", "nobody's"], 'there is no profile "nobody\'s"; choose one of'),
    ],
)
def test_what_an_api_cannot_do_is_said(waits: Run, command: list[str], said: str) -> None:
    code, out, err = waits(*command[:1], "--profile", "seed", *command[1:])

    assert (code, out) == (2, "")
    assert err.startswith(f"jupyter-jobs: {said}")


def test_a_wrong_key_is_told_without_it(waits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", "da2-wrongwrongwrongwrongwrong1")

    for command in ("list", "watch"):
        code, _, err = waits(command)
        assert code == 4
        assert "check the key" in err
        assert "wrongwrong" not in err


def test_a_backend_that_is_not_there_is_code_4(waits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", "http://127.0.0.1:9/graphql")

    code, out, err = waits("list")

    assert (code, out) == (4, "")
    assert err.startswith("jupyter-jobs: ")
    assert len(err.splitlines()) == 1
