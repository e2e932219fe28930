from typing import Any

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.panel_state import (
    ROW_FIELDS,
    SAVED_ROWS,
    PanelState,
    by_urgency,
    row,
    summary,
)

LIVE = {"state": "connected", "detail": "", "retryAt": None, "attempt": 0, "asOf": 1}


def body(id_: str = "j", version: int = 1, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {"id": id_, "version": version, "status": status, "name": id_, **more}


def test_a_row_has_exactly_its_fields_and_times_in_milliseconds() -> None:
    store = JobStore()
    store.merge(body(createdAt="2026-11-22T10:00:00.250Z"))
    shown = row(store.get("j"))

    assert set(shown) == set(ROW_FIELDS)
    assert shown["createdAt"] == 1795341600250
    assert shown["finishedAt"] is None


def test_a_failure_is_one_line() -> None:
    store = JobStore()
    store.merge(
        body(status="FAILED", error='{"type": "ValueError", "message": "bad day\\n second line"}')
    )

    assert row(store.get("j"))["error"] == "ValueError: bad day second line"


def test_long_texts_are_cut() -> None:
    store = JobStore()
    store.merge(body(message="x" * 5000))

    assert len(row(store.get("j"))["message"]) == 200


def test_a_snapshot_tells_everything_and_then_nothing_is_new() -> None:
    store = JobStore()
    state = PanelState(store)
    store.observe(lambda id_, _: state.touch(id_))
    store.merge(body("a"))
    snapshot = state.snapshot(LIVE, "this machine", 99)

    assert [job["id"] for job in snapshot["jobs"]] == ["a"]
    assert (snapshot["now"], snapshot["seq"]) == (99, 1)
    assert state.patch(LIVE) is None


def test_a_patch_holds_changed_fields_only_and_new_jobs_whole() -> None:
    store = JobStore()
    state = PanelState(store)
    store.observe(lambda id_, _: state.touch(id_))
    store.merge(body("a"))
    state.snapshot(LIVE, "this machine", 0)

    store.merge(body("a", 2, progress=0.5))
    store.merge(body("b"))
    patch = state.patch(LIVE)
    assert patch["jobs"]["a"] == {"progress": 0.5}
    assert set(patch["jobs"]["b"]) == set(ROW_FIELDS)
    assert patch["seq"] == 2
    assert "connection" not in patch


def test_a_change_that_no_reader_sees_sends_nothing() -> None:
    store = JobStore()
    state = PanelState(store)
    store.observe(lambda id_, _: state.touch(id_))
    store.merge(body("a"))
    state.snapshot(LIVE, "this machine", 0)

    store.merge(body("a", 2, updatedAt="2026-11-22T10:00:00Z"))
    assert state.patch({**LIVE, "asOf": 2}) is None
    assert state.seq == 1


def test_a_change_of_the_connection_is_told_without_a_job() -> None:
    state = PanelState(JobStore())
    state.snapshot(LIVE, "this machine", 0)

    patch = state.patch({**LIVE, "state": "reconnecting"})
    assert patch["connection"]["state"] == "reconnecting"
    assert patch["jobs"] == {}


def test_trouble_comes_first() -> None:
    store = JobStore()
    for n, status in enumerate(["SUCCEEDED", "QUEUED", "RUNNING", "FAILED", "SUCCEEDED"]):
        store.merge(body(f"j{n}", status=status, createdAt=f"2026-11-22T10:00:0{n}Z"))

    assert [job.id for job in by_urgency(store)] == ["j3", "j2", "j1", "j4", "j0"]


def test_the_saved_summary_stays_small_however_many_jobs() -> None:
    store = JobStore()
    for n in range(500):
        store.merge(body(f"j{n}", status="QUEUED"))
    saved = summary(store, LIVE, "this machine", 5)

    assert saved["counts"] == {"QUEUED": 500}
    assert (saved["total"], len(saved["rows"]), saved["asOf"]) == (500, SAVED_ROWS, 5)
