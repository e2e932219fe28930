from __future__ import annotations

from jupyter_jobs.backend.storage.repository import Repository
from tests.support.kept import Clock, add, end, it_is


def test_what_ended_can_be_pruned_first_what_ended_first(
    repository: Repository, clock: Clock
) -> None:
    it_is(clock, "2026-11-22T00:00:00.000Z")
    for id_ in ("live", "a", "b", "c"):
        add(repository, id_, group="g" if id_ == "c" else None)
    end(repository, clock, "b", "a", "c")

    assert repository.prunable(None) == ["b", "a", "c"]
    assert repository.prunable("2026-11-23T04:00:00+02:00") == ["b"]
    assert repository.prunable(None, "g") == ["c"]
    assert repository.prunable(None, limit=2) == ["b", "a"]


def test_what_live_jobs_wait_for_is_kept_with_its_retries(
    repository: Repository, clock: Clock
) -> None:
    it_is(clock, "2026-11-22T00:00:00.000Z")
    add(repository, "a")
    add(repository, "other")
    end(repository, clock, "a", "other")
    add(repository, "again", retryOf="a")
    add(repository, "waits", after=["a"])
    end(repository, clock, "again")

    assert repository.prunable(None, limit=1) == ["other"]
    assert repository.prunable(None) == ["other"]

    repository.update("waits", {"status": "CANCELLED"})
    assert set(repository.prunable(None)) == {"a", "again", "other", "waits"}


def test_what_is_forgotten_is_gone_and_live_jobs_are_not(repository: Repository) -> None:
    add(repository, "a", tags=["x"])
    add(repository, "b", tags=["x"])
    repository.update("a", {"status": "FAILED"})

    assert repository.forget(["a", "b", "unknown"]) == 1

    assert repository.get("a") is None
    left, _ = repository.page(None, None, 9, None, tag="x")
    assert [body["id"] for body in left] == ["b"]
    assert repository.insert({"id": "a"}, None) is not None


def test_the_sizes_of_folders_are_known_once_they_were_measured(repository: Repository) -> None:
    for id_ in ("live", "a", "b"):
        add(repository, id_)
    for id_ in ("a", "b"):
        repository.update(id_, {"status": "FAILED"})
    assert repository.unmeasured(9) == ["a", "b"]
    assert repository.totals() == (2, 0)

    repository.set_sizes({"a": 0, "b": 700})

    assert repository.unmeasured(9) == []
    assert repository.totals() == (2, 700)
    assert repository.prunable(None, files=True) == ["b"]
