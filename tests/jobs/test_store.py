import random
import threading
from collections import Counter
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


def test_the_state_of_a_job_is_known_without_reading_all_of_it() -> None:
    store = JobStore()
    store.merge(body("a", 1, "QUEUED"))
    store.merge(body("a", 2, "FAILED"))

    assert store.status("a") is JobStatus.FAILED
    with pytest.raises(KeyError):
        store.status("b")


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


def test_an_observer_that_leaves_takes_no_news_from_the_others() -> None:
    store, heard = JobStore(), []
    leave = store.observe(lambda *_: leave())
    store.observe(lambda id_, _: heard.append(id_))
    store.merge(body("a"))
    store.merge(body("b"))

    assert heard == ["a", "b"]


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


def test_a_retried_job_stays_and_counts_no_more() -> None:
    store = JobStore()
    store.merge(body("a", 3, "FAILED"))
    store.merge(body("b", 1, "QUEUED", retryOf="a", attempt=2))

    assert store.superseded("a")
    assert not store.superseded("b")
    assert (store.successor("a"), store.successor("b")) == ("b", None)
    assert store.counts() == {JobStatus.QUEUED: 1}
    assert [job.id for job in store] == ["a", "b"]
    assert [job.id for job in store.current()] == ["b"]
    assert len(store) == 2


def test_attempts_are_told_from_the_first_to_the_newest_whichever_is_asked() -> None:
    store = JobStore()
    for id_, retried in (("c", "b"), ("a", None), ("b", "a"), ("other", None), ("e", "unknown")):
        store.merge(body(id_, retryOf=retried))

    assert [store.attempts(id_) for id_ in "abc"] == [["a", "b", "c"]] * 3
    assert store.attempts("other") == ["other"]
    assert store.attempts("e") == ["e"]
    assert store.attempts("unknown") == []
    assert store.superseded("unknown")


def test_observers_hear_of_the_job_that_a_retry_supersedes_once() -> None:
    store = JobStore()
    store.merge(body("a", 3, "FAILED"))
    heard: list[tuple[str, JobStatus, bool]] = []
    store.observe(lambda id_, status: heard.append((id_, status, store.superseded(id_))))

    store.merge(body("b", 1, "QUEUED", retryOf="a"))
    store.merge(body("b", 2, "RUNNING", retryOf="a"))
    store.merge(body("d", 1, "QUEUED", retryOf="c"))
    store.merge(body("c", 3, "LOST"))

    assert heard == [
        ("b", JobStatus.QUEUED, False),
        ("a", JobStatus.FAILED, True),
        ("b", JobStatus.RUNNING, False),
        ("d", JobStatus.QUEUED, False),
        ("c", JobStatus.LOST, True),
    ]


def test_a_superseded_job_whose_end_was_not_heard_is_still_followed() -> None:
    store = JobStore()
    store.merge(body("a", 2, "RUNNING"))
    store.merge(body("b", 1, "QUEUED", retryOf="a"))
    store.merge(body("b", 2, "SUCCEEDED", retryOf="a"))

    assert store.counts() == {JobStatus.SUCCEEDED: 1}
    assert store.has_live
    assert store.live() == ["a"]
    store.merge(body("a", 3, "FAILED"))
    assert not store.has_live
    assert store.counts() == {JobStatus.SUCCEEDED: 1}


@pytest.mark.parametrize("order", [("b", "c"), ("c", "b")])
def test_of_two_retries_the_newer_is_the_successor(order: tuple[str, str]) -> None:
    store = JobStore()
    created = {"b": "2026-11-22T10:00:02.000Z", "c": "2026-11-22T10:00:01.000Z"}
    store.merge(body("a", 3, "FAILED"))
    for id_ in order:
        store.merge(body(id_, retryOf="a", createdAt=created[id_]))

    assert store.successor("a") == "b"
    assert store.attempts("c") == ["a", "c"]
    assert store.counts() == {JobStatus.RUNNING: 2}


def test_a_circle_of_retries_is_gone_round_once() -> None:
    store = JobStore()
    store.merge(body("a", retryOf="b"))
    store.merge(body("b", retryOf="a"))
    store.merge(body("self", retryOf="self"))

    assert store.attempts("a") == ["b", "a"]
    assert store.attempts("self") == ["self"]
    assert not store.superseded("self")


RETRIES = {"j1": "j0", "j2": "j1", "j4": "j3", "j5": "unknown"}
FAILING = ["QUEUED", "RUNNING", "RUNNING", "FAILED"]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=40).flatmap(
        lambda events: st.tuples(st.just(events), st.permutations(events))
    )
)
def test_in_any_order_a_line_of_attempts_counts_as_its_newest(
    orders: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    stores = []
    for events in orders:
        store = JobStore()
        shown: set[str] = set()

        def watch(id_: str, _: JobStatus, store: JobStore = store, shown: set[str] = shown) -> None:
            shown.discard(id_) if store.superseded(id_) else shown.add(id_)

        store.observe(watch)
        for job, version in events:
            id_ = f"j{job}"
            store.merge(body(id_, version, FAILING[version - 1], retryOf=RETRIES.get(id_)))
        assert shown == {job.id for job in store.current()}
        stores.append(store)

    one, other = stores
    there = {job.id for job in one}
    superseded = {RETRIES[id_] for id_ in there if id_ in RETRIES}
    assert {job.id for job in one.current()} == there - superseded
    assert sum(one.counts().values()) == len(there - superseded)
    assert one.counts() == other.counts() == Counter(job.status for job in one.current())
    assert {id_: one.attempts(id_) for id_ in there} == {id_: other.attempts(id_) for id_ in there}
    assert one.has_live == other.has_live == bool(one.live())


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


def told(progress: float | None, version: int, **more: Any) -> dict[str, Any]:
    return body(version=version, progress=progress, updatedAt=f"t{version}", **more)


def test_how_far_a_running_job_was_when_is_kept() -> None:
    store = JobStore()
    for version, progress in enumerate([None, 0.1, 0.1, 0.3], start=1):
        store.merge(told(progress, version))

    assert store.pace("j") == (("t2", 0.1), ("t4", 0.3))
    assert store.pace("other") == ()


def test_work_that_begins_anew_has_a_pace_of_its_own() -> None:
    store = JobStore()
    for version, progress in enumerate([0.1, 0.9, 0.2], start=1):
        store.merge(told(progress, version))

    assert store.pace("j") == (("t3", 0.2),)


@pytest.mark.parametrize("status", ["SUCCEEDED", "QUEUED"])
def test_what_does_not_run_has_no_pace(status: str) -> None:
    store = JobStore()
    store.merge(told(0.1, 1))
    store.merge(told(0.1, 2, status=status))

    assert store.pace("j") == ()


def test_the_pace_of_a_long_run_is_kept_sparsely_from_its_beginning_to_now() -> None:
    store = JobStore()
    for version in range(1, 1001):
        store.merge(told(version / 1000, version))
    pace = store.pace("j")

    assert len(pace) <= 65
    assert (pace[0], pace[-1]) == (("t1", 0.001), ("t1000", 1.0))
    assert list(pace) == sorted(pace, key=lambda sample: sample[1])


def test_jobs_of_other_groups_are_kept_current_and_not_listed() -> None:
    store, heard = JobStore(group="g"), []
    store.observe(lambda id_, status: heard.append((id_, status)))
    store.merge(body("ours", 1, "RUNNING") | {"group": "g"})
    store.merge(body("theirs", 1, "RUNNING") | {"group": "other"})
    store.merge(body("theirs", 2, "SUCCEEDED") | {"group": "other"})

    assert [job.id for job in store] == [job.id for job in store.current()] == ["ours"]
    assert store.counts() == {JobStatus.RUNNING: 1}
    assert store.version("theirs") == 2
    assert heard[-1] == ("theirs", JobStatus.SUCCEEDED)


def test_a_live_job_of_another_group_is_asked_for() -> None:
    store = JobStore(group="g")
    store.merge(body("theirs", 1, "RUNNING") | {"group": "other"})

    assert store.has_live
    assert store.live() == ["theirs"]


def test_a_retried_job_of_another_group_is_left_out_once() -> None:
    store = JobStore(group="g")
    store.merge(body("theirs", 1, "FAILED") | {"group": "other"})
    store.merge(body("again", 1, "FAILED") | {"group": "other", "retryOf": "theirs"})
    store.merge(body("ours", 1, "FAILED") | {"group": "g"})

    assert store.counts() == {JobStatus.FAILED: 1}


def test_a_job_of_no_group_is_the_groups() -> None:
    store = JobStore(group="g")
    store.merge(body("j", 1, "RUNNING"))

    assert [job.id for job in store] == ["j"]
