import dataclasses
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.jobs.model import Job, JobStatus, Priority
from jupyter_jobs.jobs.profiles import PROFILES, Profile
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.store import JobStore

SEED = PROFILES["seed"]
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)

# How far each word of the seed's is, by which a job of it may be followed through any order of news.
RANKS = {"PENDING": 0, "PROCESSING": 1, "IN_PROGRESS": 1, "COMPLETED": 2}


def told(status: str | None, second: int | None = 0, **more: Any) -> dict[str, Any]:
    """What an event of the seed's says."""
    updated = None if second is None else f"2026-11-22T10:00:{second:02}.000Z"
    created = "2026-11-22T10:00:00.000Z"
    return {"id": "j1", "status": status, "createdAt": created, "updatedAt": updated, **more}


def job_after(news: Iterable[Mapping[str, Any]], profile: Profile = SEED) -> Job:
    reader, store = Reader(profile), JobStore()
    for body in news:
        store.merge(reader.job(body))
    job = store.get("j1")
    assert job is not None
    return job


def test_jobs_of_this_packages_schema_are_taken_as_they_are() -> None:
    body = {"id": "j1", "status": "RUNNING", "version": 3}
    reader = Reader(PROFILES["jupyter_jobs"])

    assert reader.job(body) is body
    assert reader.submitted({"request": "work"}, body, NOW) is body


def test_a_job_moves_in_the_seeds_words() -> None:
    news = [
        told("PENDING", 0),
        told("PROCESSING", 1),
        told("IN_PROGRESS", 2),
        told("COMPLETE", 9, result='{"rows": 7}'),
    ]

    job = job_after(news)
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"rows": 7})
    assert (job.started_at, job.finished_at, job.duration) == (
        "2026-11-22T10:00:01.000Z",
        "2026-11-22T10:00:09.000Z",
        8.0,
    )


def test_a_late_word_never_follows_the_end() -> None:
    assert job_after([told("COMPLETE", 3), told("PROCESSING", 9)]).status == "SUCCEEDED"
    assert job_after([told("COMPLETE", 3), told("FAILED", 9)]).status == "SUCCEEDED"


def test_without_times_the_order_of_arrival_counts() -> None:
    first, second = told("PROCESSING", None, result="1"), told("PROCESSING", None, result="2")

    assert job_after([first, second]).result == 2
    assert job_after([second, first]).result == 1


def test_the_same_once_more_is_no_news() -> None:
    reader, store = Reader(SEED), JobStore()
    news = told("PROCESSING", 1)

    assert store.merge(reader.job(news))
    assert not store.merge(reader.job(news))
    assert not store.merge(reader.job(told("PENDING", 1)))
    assert store.merge(reader.job(told("PROCESSING", 1, result="1")))


def test_what_was_known_stays_where_the_api_is_silent() -> None:
    reader, store = Reader(SEED), JobStore()
    asked = {"request": "Process data", "name": "mine", "group": "g", "priority": "HIGH"}

    store.merge(reader.submitted(asked, {"id": "j1", "status": "PENDING"}, NOW))
    before = store.get("j1")
    store.merge(reader.job(told("PROCESSING", 1)))
    job = store.get("j1")
    assert (before.created_at, before.label) == ("2026-11-22T10:00:00.000Z", "mine")
    assert (job.request, job.name, job.group, job.priority) == (
        *("Process data", "mine", "g"),
        "HIGH",
    )


def test_an_answer_that_comes_after_the_first_event_still_names_the_job() -> None:
    reader, store = Reader(SEED), JobStore()

    store.merge(reader.job(told("PROCESSING", 1)))
    store.merge(reader.submitted({"request": "work"}, {"id": "j1", "status": "PENDING"}, NOW))
    job = store.get("j1")
    assert (job.status, job.request) == (JobStatus.RUNNING, "work")
    assert store.merge(reader.job(told("PROCESSING", 2)))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ('{"message": "no rows", "type": "ValueError"}', "ValueError: no rows"),
        ('{"error": "no rows"}', "no rows"),
        ("no rows", "no rows"),
        ('"no rows"', "no rows"),
        ("[1]", "[1]"),
        (None, ""),
    ],
)
@pytest.mark.parametrize("word", ["FAILED", "ERROR"])
def test_the_result_of_a_failed_job_is_its_error(word: str, result: str, reason: str) -> None:
    job = job_after([told("PROCESSING", 1), told(word, 2, result=result)])

    assert (job.status, job.reason) == (JobStatus.FAILED, reason)


def test_an_unknown_word_is_told_once_and_leaves_the_job_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        job = job_after([told("PROCESSING", 1), told("PAUSED", 2), told("PAUSED", 3)])

    assert job.status is JobStatus.RUNNING
    assert len(caplog.records) == 1
    assert "'PAUSED', which the profile 'seed' does not know" in caplog.text
    assert "`statuses`" in caplog.text


def test_a_first_word_that_is_unknown_is_a_job_that_waits() -> None:
    assert job_after([told("PAUSED")]).status is JobStatus.QUEUED


@pytest.mark.parametrize("body", [{}, {"id": None, "status": "PENDING"}, {"id": "j1"}])
def test_what_names_no_job_or_no_status_is_unusable(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unusable job"):
        Reader(SEED).job(body)


def test_a_submission_without_an_id_is_unusable() -> None:
    with pytest.raises(ValueError, match="no id"):
        Reader(SEED).submitted({"request": "work"}, {"status": "PENDING"}, NOW)


TASKS = dataclasses.replace(
    SEED,
    name="tasks",
    fields={"id": "taskId", "status": "state", "result": "output", "updatedAt": "modified"},
    statuses={"W": JobStatus.QUEUED, "A": JobStatus.RUNNING, "OK": JobStatus.SUCCEEDED},
    priorities={Priority.HIGH: "P1"},
)


@pytest.mark.parametrize(
    "modified",
    [1_795_341_600, 1_795_341_600_000, "2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00"],
)
def test_fields_words_and_times_of_others_are_read(modified: Any) -> None:
    body = {"taskId": 7, "state": "OK", "output": "1", "modified": modified, "priority": "P1"}

    job = Job.from_wire(Reader(TASKS).job(body))
    assert (job.id, job.status, job.result, job.priority) == ("7", "SUCCEEDED", 1, "HIGH")
    assert job.updated_at == "2026-11-22T10:00:00.000Z"


def test_a_time_that_is_none_is_left_out() -> None:
    assert Job.from_wire(Reader(SEED).job(told("PENDING", updatedAt="soon"))).updated_at is None


def test_an_apis_own_versions_count_where_it_has_them() -> None:
    versioned = dataclasses.replace(TASKS, versions=True)
    news = [{"taskId": "j1", "state": "A", "version": v, "output": str(v)} for v in (2, 1)]

    job = job_after(news, versioned)
    assert (job.version, job.result) == (2, 2)
    with pytest.raises(ValueError, match="no integer version"):
        Reader(versioned).job({"taskId": "j1", "state": "A"})


def test_a_version_is_exact_in_javascript() -> None:
    news = told("COMPLETED", updatedAt="2099-01-01T00:00:00Z")

    assert 0 < Reader(SEED).job(news)["version"] < 2**53


# One news a second, never backwards, as a correct backend writes them.
HISTORIES = st.lists(st.sampled_from(sorted(RANKS)), min_size=1, max_size=8).map(
    lambda words: [
        told(word, second, result=str(second))
        for second, word in enumerate(sorted(words, key=RANKS.__getitem__))
    ]
)


@given(HISTORIES.flatmap(lambda news: st.tuples(st.just(news), st.permutations(news + news))))
def test_in_any_order_and_twice_the_job_ends_as_it_was_last_written(
    case: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    written, heard = case
    ended = [body for body in heard if body["status"] == "COMPLETED"]
    last = ended[0] if ended else written[-1]  # what has ended stays as it is first heard to have

    job = job_after(heard)
    assert job.updated_at == last["updatedAt"]
    assert str(job.result) == last["result"]


@given(HISTORIES.flatmap(st.permutations))
def test_two_clients_that_share_a_store_agree(heard: list[dict[str, Any]]) -> None:
    shared, readers = JobStore(), (Reader(SEED), Reader(SEED))
    for number, body in enumerate(heard):
        shared.merge(readers[number % 2].job(body))

    assert shared.get("j1").status == job_after(heard).status


def test_a_job_that_cannot_be_read_does_not_hide_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader(PROFILES["seed"])
    good = {"id": "1", "status": "PENDING"}

    for _ in range(2):
        found = reader.jobs([{"id": "2", "status": None}, None, good, {"status": "PENDING"}])

    assert [body["id"] for body in found] == ["1"]
    assert caplog.text.count("left out a job") == 1


def test_what_was_asked_for_is_kept_where_the_answer_does_not_say_it() -> None:
    reader = Reader(PROFILES["seed"])
    asked = {"request": "x", "key": "k", "batch": "b", "after": ["1"], "rules": '{"retries": 2}'}
    body = reader.submitted(asked, {"id": "7", "status": "PENDING"}, datetime.now(UTC))
    later = reader.job({"id": "7", "status": "PROCESSING", "updatedAt": "2026-11-22T10:00:00Z"})

    for told in (body, later):
        job = Job.from_wire(told)
        assert (job.key, job.batch, job.after, job.rules) == ("k", "b", ("1",), {"retries": 2})
    assert (job.history, job.metrics, job.usual) == ((), {}, None)
