from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_jobs.jobs.facts import JobFacts
from jupyter_jobs.jobs.store import JobStore


def iso(ago: float) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return moment.isoformat(timespec="milliseconds")


class Facts(JobFacts):
    """Those of one job of a store."""

    def __init__(self, store: JobStore, id_: str = "j") -> None:
        self.id = id_
        self.store = store

    @property
    def _store(self) -> JobStore:
        return self.store


def facts(*bodies: dict[str, Any]) -> Facts:
    store = JobStore()
    for body in bodies:
        store.merge({"version": 1, "status": "RUNNING", "name": "train", **body})
    return Facts(store)


def test_all_that_is_known_is_there_without_a_question() -> None:
    job = facts(
        {
            "id": "j",
            "key": "k",
            "after": ["a"],
            "rules": '{"retries": 2}',
            "history": '[{"error": "ValueError: bad day"}]',
            "usual": '{"count": 3, "median": 50, "p90": 70}',
            "progress": 0.5,
            "tags": ["night"],
            "submittedFrom": "train.ipynb, cell 5",
            "message": "epoch 3",
        }
    )

    assert (job.name, job.status, job.progress, job.message) == ("train", "RUNNING", 0.5, "epoch 3")
    assert (job.key, job.after, job.rules) == ("k", ("a",), {"retries": 2})
    assert job.history == ({"error": "ValueError: bad day"},)
    assert job.usual == {"count": 3, "median": 50, "p90": 70}
    assert (job.tags, job.submitted_from, job.attempt) == (("night",), "train.ipynb, cell 5", 1)
    assert job.running()
    assert repr(job) == "<Job 'train': running>"


def test_what_an_api_does_not_tell_is_nothing() -> None:
    job = facts({"id": "j"})

    assert (job.key, job.after, job.rules, job.history, job.usual) == (None, (), {}, (), None)
    assert job.eta is None


def test_the_end_is_expected_from_how_far_it_is() -> None:
    job = facts({"id": "j", "startedAt": iso(60), "progress": 0.5, "updatedAt": iso(0)})
    eta = job.eta

    assert eta is not None
    assert timedelta(seconds=50) < eta - datetime.now(UTC) < timedelta(seconds=70)
    assert job.estimate.text == "about 60 s left"


def test_a_job_that_waits_is_expected_after_those_that_are_known_here() -> None:
    usual = '{"count": 3, "median": 100, "p90": 120}'
    job = facts(
        {"id": "r", "startedAt": iso(10), "usual": usual},
        {"id": "j", "status": "QUEUED", "createdAt": iso(5), "usual": usual},
    )

    assert job.estimate.text == "next, starts in about 90 s"
    assert job.eta is not None
    assert job.eta - datetime.now(UTC) > timedelta(seconds=180)
