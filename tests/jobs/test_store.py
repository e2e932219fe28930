import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore


def body(id_: str = "j", version: int = 1, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {"id": id_, "version": version, "status": status, **more}


def test_a_newer_version_wins() -> None:
    store = JobStore()

    assert store.merge(body(version=1, progress=0.1))
    assert store.merge(body(version=3, progress=0.3))
    assert not store.merge(body(version=2, progress=0.2))
    assert not store.merge(body(version=3, progress=0.9))
    assert store.get("j").progress == 0.3


def test_a_job_that_ended_stays_ended() -> None:
    store = JobStore()
    store.merge(body(version=2, status="SUCCEEDED"))

    assert not store.merge(body(version=9, status="RUNNING"))
    assert store.get("j").status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"id": "j", "version": 1},
        body(version=None),
        body(version=True),
        body(version="2"),
        body(status="PENDING"),
        body(id_=""),
    ],
)
def test_an_unusable_body_is_refused_and_changes_nothing(bad: dict[str, Any]) -> None:
    store = JobStore()

    with pytest.raises(ValueError, match="unusable"):
        store.merge(bad)
    assert len(store) == 0
    assert store.counts() == {}


def test_counts_follow_every_change_of_state() -> None:
    store = JobStore()
    store.merge(body("a", 1, "QUEUED"))
    store.merge(body("b", 1, "QUEUED"))
    store.merge(body("a", 2, "RUNNING"))
    store.merge(body("a", 3, "FAILED"))

    assert store.counts() == {JobStatus.QUEUED: 1, JobStatus.FAILED: 1}
    assert store.live() == ["b"]
    assert store.has_live
    store.merge(body("b", 2, "CANCELLED"))
    assert not store.has_live


def test_observers_hear_of_changes_only() -> None:
    store = JobStore()
    heard: list[tuple[str, JobStatus]] = []
    stop = store.observe(lambda id_, status: heard.append((id_, status)))

    store.merge(body(version=2))
    store.merge(body(version=1))
    stop()
    store.merge(body(version=3))
    assert heard == [("j", JobStatus.RUNNING)]


def test_an_observer_may_merge_and_look() -> None:
    store = JobStore(threading.RLock())
    store.observe(lambda id_, _: store.merge(body("other")) and store.get(id_))

    store.merge(body())
    assert "other" in store
    assert [job.id for job in store] == ["j", "other"]


def test_threads_that_merge_at_once_end_with_the_newest() -> None:
    store = JobStore(threading.Lock())
    bodies = [body(f"j{n % 7}", version) for n in range(7) for version in range(1, 200)]
    shares = [random.Random(seed).sample(bodies, len(bodies)) for seed in range(4)]
    threads = [
        threading.Thread(target=lambda share=share: [store.merge(one) for one in share])
        for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {job.version for job in store} == {199}
    assert store.counts() == {JobStatus.RUNNING: 7}


LIFE = ["QUEUED", "RUNNING", "RUNNING", "CANCELLING", "CANCELLED"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=60))
def test_any_order_of_events_ends_with_the_newest_of_each(events: list[tuple[int, int]]) -> None:
    store = JobStore()
    newest: dict[str, int] = {}
    for job, version in events:
        id_ = f"j{job}"
        store.merge(body(id_, version, LIFE[version - 1]))
        newest[id_] = max(version, newest.get(id_, 0))

    assert {job.id: job.version for job in store} == newest
    assert sum(store.counts().values()) == len(newest)
    assert sorted(store.live()) == sorted(id_ for id_, version in newest.items() if version < 5)
