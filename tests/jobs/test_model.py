import pytest

from jupyter_jobs.jobs.model import TRANSITIONS, WIRE_NAMES, Job, JobKind, JobStatus, Priority

WIRE = {
    "id": "j1",
    "group": "g",
    "name": "train",
    "kind": "FUNCTION",
    "request": "train(128)",
    "params": '{"lr": 0.1}',
    "priority": "HIGH",
    "tags": ["sweep", "night"],
    "submittedFrom": "train.ipynb, cell 5",
    "retryOf": "j0",
    "attempt": 2,
    "key": "night-1",
    "batch": "b1",
    "after": ["prepare"],
    "rules": '{"timeout": 60, "retries": 2}',
    "history": '[{"error": "OSError: busy"}]',
    "status": "SUCCEEDED",
    "progress": 1.0,
    "done": 10.0,
    "total": 10.0,
    "message": "epoch 10",
    "metrics": '{"loss": {"last": 0.21, "spark": [0.9, 0.21]}}',
    "usual": '{"count": 3, "median": 50.0, "p90": 70.0}',
    "result": "[1, null]",
    "resultSize": None,
    "error": None,
    "version": 7,
    "createdAt": "2026-11-22T10:00:00.000Z",
    "startedAt": "2026-11-22T10:00:01.000Z",
    "finishedAt": "2026-11-22T10:00:03.500Z",
    "updatedAt": "2026-11-22T10:00:03.500Z",
}


def test_a_job_is_read_from_its_wire_form() -> None:
    job = Job.from_wire(WIRE)

    assert job.params == {"lr": 0.1}
    assert job.result == [1, None]
    assert (job.kind, job.priority, job.status) == (
        JobKind.FUNCTION,
        Priority.HIGH,
        JobStatus.SUCCEEDED,
    )
    assert job.duration == 2.5
    assert (job.tags, job.submitted_from) == (("sweep", "night"), "train.ipynb, cell 5")
    assert (job.retry_of, job.attempt) == ("j0", 2)
    assert (job.key, job.batch, job.after) == ("night-1", "b1", ("prepare",))
    assert job.rules == {"timeout": 60, "retries": 2}
    assert job.history == ({"error": "OSError: busy"},)
    assert job.metrics["loss"]["last"] == 0.21
    assert job.usual == {"count": 3, "median": 50.0, "p90": 70.0}


def test_what_another_schema_calls_by_our_names_does_no_harm() -> None:
    strange = {"rules": "[1]", "history": '{"a": 1}', "metrics": '{"loss": 1}', "usual": "soon"}
    job = Job.from_wire({**WIRE, **strange, "after": "prepare"})

    assert (job.rules, job.history, job.metrics, job.usual, job.after) == ({}, (), {}, None, ())


@pytest.mark.parametrize("tags", [None, [], "sweep", {"a": 1}])
def test_tags_that_are_no_list_are_none_and_an_untold_attempt_is_the_first(tags: object) -> None:
    job = Job.from_wire({**WIRE, "tags": tags, "attempt": None})

    assert job.tags == ()
    assert job.attempt == 1


def test_every_wire_name_is_read() -> None:
    assert set(WIRE_NAMES.values()) == set(WIRE)


def test_unknown_fields_are_left_out() -> None:
    assert Job.from_wire({**WIRE, "owner": "somebody"}) == Job.from_wire(WIRE)


@pytest.mark.parametrize(
    "change",
    [{"id": None}, {"status": None}, {"version": None}, {"version": "7"}, {"status": "PENDING"}],
)
def test_a_body_without_identity_state_or_version_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"without id|PENDING"):
        Job.from_wire({**WIRE, **change})


def test_a_result_that_is_not_json_stands_for_itself() -> None:
    assert Job.from_wire({**WIRE, "result": "plain words"}).result == "plain words"


def test_terminal_states_are_those_that_nothing_follows() -> None:
    terminal = {status for status in JobStatus if status.is_terminal}

    assert terminal == {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "LOST"}
    assert set(TRANSITIONS) == set(JobStatus)


def test_every_status_has_a_mark_of_its_own() -> None:
    assert len({status.mark for status in JobStatus}) == len(JobStatus)


def test_a_cancelled_job_is_no_failure() -> None:
    assert {status for status in JobStatus if status.is_failure} == {"FAILED", "TIMED_OUT", "LOST"}


def test_a_job_that_has_not_ended_has_no_duration() -> None:
    assert Job(id="j", started_at="2026-11-22T10:00:00Z").duration is None


def test_the_repr_holds_no_id() -> None:
    assert repr(Job.from_wire(WIRE)) == "Job('train', succeeded)"
    assert Job(id="j9").label == "j9"
    assert JobStatus.TIMED_OUT.word == "timed out"
