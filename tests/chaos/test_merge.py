"""Whatever the order, whatever is lost: after a full list the store has the newest of each job."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.jobs.model import TRANSITIONS, WIRE_NAMES, JobStatus
from jupyter_jobs.jobs.store import JobStore

Body = dict[str, Any]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Body]]:
    """For a few jobs, every version that each went through, oldest first."""
    return [draw(history(f"job-{number}")) for number in range(draw(st.integers(1, 4)))]


@st.composite
def history(draw: st.DrawFn, id_: str) -> list[Body]:
    status = JobStatus.QUEUED
    versions = []
    for version in range(1, draw(st.integers(1, 8)) + 1):
        fields = {"id": id_, "version": version, "status": status.value, "createdAt": "2026"}
        versions.append(dict.fromkeys(WIRE_NAMES.values()) | fields | {"message": f"at {version}"})
        if status.is_terminal:
            break
        followers = sorted(TRANSITIONS[status])
        status = draw(st.sampled_from([status, *followers]))
    return versions


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[list[Body]], list[Body]]:
    """Histories, and some of their versions in any order, some of them twice."""
    jobs = draw(histories())
    every = [body for versions in jobs for body in versions]
    heard = draw(st.lists(st.sampled_from(every), max_size=2 * len(every)))
    return jobs, heard


def contents(store: JobStore) -> dict[str, Any]:
    return {job.id: job for job in store}


@given(arrivals())
def test_after_a_full_list_the_store_has_the_newest_of_each_job(
    arrived: tuple[list[list[Body]], list[Body]],
) -> None:
    jobs, heard = arrived
    store, listed = JobStore(), JobStore()

    for body in [*heard, *(versions[-1] for versions in jobs)]:
        store.merge(body)
    for versions in jobs:
        listed.merge(versions[-1])

    assert contents(store) == contents(listed)
    assert store.counts() == listed.counts()
    assert sorted(store.live()) == sorted(listed.live())


@given(arrivals(), st.randoms())
def test_the_order_of_arrival_does_not_matter(
    arrived: tuple[list[list[Body]], list[Body]], random: Any
) -> None:
    _, heard = arrived
    store, shuffled = JobStore(), JobStore()
    other = random.sample(heard, len(heard))

    for body in heard:
        store.merge(body)
    for body in other:
        shuffled.merge(body)

    assert contents(store) == contents(shuffled)
    assert store.counts() == shuffled.counts()


@given(arrivals())
def test_a_job_never_grows_younger_and_tells_of_each_change_once(
    arrived: tuple[list[list[Body]], list[Body]],
) -> None:
    _, heard = arrived
    store, told = JobStore(), []
    store.observe(lambda id_, status: told.append((id_, store.version(id_), status)))

    changes = [store.merge(body) for body in heard]

    assert len(told) == sum(changes) == len(set(told))
    for id_ in {body["id"] for body in heard}:
        versions = [version for told_id, version, _ in told if told_id == id_]
        assert versions == sorted(versions)
        assert store.version(id_) == max(b["version"] for b in heard if b["id"] == id_)
        assert store.merge(max((b for b in heard if b["id"] == id_), key=version_of)) is False


def version_of(body: Body) -> int:
    version: int = body["version"]
    return version


@given(history("one"))
def test_the_last_state_stays_whatever_comes_later(versions: list[Body]) -> None:
    store = JobStore()
    for body in versions:
        store.merge(body)
    last = versions[-1]
    later = {**last, "version": last["version"] + 1, "status": "RUNNING"}

    assert store.merge(later) is not JobStatus(last["status"]).is_terminal
