import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget import panel_state
from jupyter_jobs.widget.columns import decode
from jupyter_jobs.widget.panel_state import (
    SAVED_BYTES,
    SAVED_ROWS,
    PanelState,
    known_requests,
    summary,
)
from jupyter_jobs.widget.rows import ROW_FIELDS, row

LIVE = {"state": "connected", "detail": "", "retryAt": None, "attempt": 0, "asOf": 1}


def body(id_: str = "j", version: int = 1, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {"id": id_, "version": version, "status": status, "name": id_, **more}


def error(message: str, type_: str = "ValueError") -> str:
    return json.dumps({"type": type_, "message": message})


class Watched:
    """A store, the state of its panel, and the rows of a page that is told every message."""

    def __init__(self) -> None:
        self.store = JobStore(group="g")
        self.state = PanelState(self.store)
        self.store.observe(self.state.touch)
        self.rows: dict[str, dict[str, Any]] = {}
        self.seq = 0

    def snapshot(self) -> dict[str, Any]:
        message = self.state.snapshot(LIVE, "this machine", 99, actions=["cancel"])
        self.tell(message)
        return message

    def patch(self) -> dict[str, Any] | None:
        message = self.state.patch(LIVE)
        if message is not None:
            self.tell(message)
        return message

    def tell(self, message: Mapping[str, Any]) -> None:
        message = json.loads(json.dumps(message))
        if message["type"] == "snapshot":
            self.rows = {}
        else:
            assert message["seq"] == self.seq + 1
        self.seq = message["seq"]
        for new in decode(ROW_FIELDS, message.get("rows", {"n": 0})):
            assert new["id"] not in self.rows
            self.rows[new["id"]] = new
        for id_, fields in message.get("jobs", {}).items():
            assert fields
            self.rows[id_].update(fields)
        for id_ in message.get("gone", ()):
            del self.rows[id_]

    @property
    def current(self) -> dict[str, dict[str, Any]]:
        """The rows that a page should have in the end."""
        rows = (row(self.store._bodies[job.id]) for job in self.store.current())
        return {shown["id"]: json.loads(json.dumps(shown)) for shown in rows}


# What is told.


def test_a_snapshot_tells_everything_and_then_nothing_is_new() -> None:
    page = Watched()
    page.store.merge(body("a"))
    snapshot = page.snapshot()

    assert snapshot["rows"]["id"] == ["a"]
    assert {key: snapshot[key] for key in ("now", "seq", "total", "actions", "backend")} == {
        "now": 99,
        "seq": 1,
        "total": 1,
        "actions": ["cancel"],
        "backend": "this machine",
    }
    assert not page.state.has_more
    assert page.state.patch(LIVE) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"createdAt": "yesterday"},
        {"createdAt": 5},
        {"progress": "half"},
        {"progress": float("inf")},
        {"tags": 7},
        {"attempt": {}},
        {"kind": ["FUNCTION"]},
    ],
)
def test_a_job_that_nobody_can_read_hides_no_other(odd: dict[str, Any]) -> None:
    page = Watched()
    page.store.merge(body("odd", **odd))
    page.store.merge(body("good"))
    page.snapshot()

    assert set(page.rows) == {"odd", "good"}
    assert page.rows["odd"]["status"] == "RUNNING"
    assert page.rows["good"]["name"] == "good"


def test_a_patch_holds_changed_fields_only_and_new_jobs_as_columns() -> None:
    page = Watched()
    page.store.merge(body("a"))
    page.snapshot()

    page.store.merge(body("a", 2, progress=0.5))
    page.store.merge(body("b"))
    patch = page.patch()
    assert patch is not None
    assert patch["jobs"] == {"a": {"progress": 0.5}}
    assert patch["rows"]["id"] == ["b"]
    assert patch["seq"] == 2
    assert "connection" not in patch
    assert "gone" not in patch


def test_a_change_that_no_reader_sees_sends_nothing() -> None:
    page = Watched()
    page.store.merge(body("a"))
    page.snapshot()

    page.store.merge(body("a", 2, updatedAt="2026-11-22T10:00:00Z"))
    assert page.state.patch({**LIVE, "asOf": 2}) is None
    assert page.state.seq == 1


def test_a_change_of_the_connection_is_told_without_a_job() -> None:
    state = PanelState(JobStore())
    state.snapshot(LIVE, "this machine", 0)

    patch = state.patch({**LIVE, "state": "reconnecting"})
    assert patch is not None
    assert set(patch) == {"type", "seq", "connection"}
    assert patch["connection"]["state"] == "reconnecting"


def test_jobs_of_other_groups_are_never_told() -> None:
    page = Watched()
    page.store.merge(body("theirs", group="other"))
    first = page.snapshot()
    page.store.merge(body("theirs", version=2, group="other"))
    page.store.merge(body("more", group="other"))

    assert page.patch() is None
    assert page.rows == {}
    assert first["total"] == 0
    assert not page.state.has_more


def test_a_job_that_was_retried_is_gone_when_its_retry_comes() -> None:
    page = Watched()
    page.store.merge(body("a", status="FAILED", error=error("bad")))
    page.snapshot()
    page.store.merge(body("b", retryOf="a", attempt=2))
    patch = page.patch()
    assert patch is not None
    assert patch["gone"] == ["a"]
    assert list(page.rows) == ["b"]

    page.store.merge(body("a", 9, status="FAILED"))
    assert page.patch() is None
    assert page.snapshot()["total"] == 1
    assert list(page.rows) == ["b"]


def test_many_jobs_come_in_several_messages_the_most_urgent_ones_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_state, "READS", 10)
    monkeypatch.setattr(panel_state, "FIRST_READS", 9)
    page = Watched()
    for n in range(35):
        status = ["SUCCEEDED", "QUEUED", "RUNNING", "FAILED", "SUCCEEDED"][n % 5]
        page.store.merge(body(f"j{n:02}", status=status))

    snapshot = page.snapshot()
    first = decode(["status"], snapshot["rows"])
    assert [shown["status"] for shown in first] == ["FAILED"] * 7 + ["RUNNING"] * 2
    assert snapshot["total"] == 35
    sizes = []
    while page.state.has_more:
        patch = page.patch()
        assert patch is not None
        sizes.append(patch["rows"]["n"])
    assert sizes == [10, 10, 6]
    assert page.rows == page.current


def test_rows_that_are_known_are_not_read_again_and_fill_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = Watched()
    for n in range(50):
        page.store.merge(body(f"j{n:02}"))
    page.snapshot()
    monkeypatch.setattr(panel_state, "READS", 5)
    monkeypatch.setattr(panel_state, "ROWS", 30)
    read: list[str] = []
    values = panel_state.row_values

    def noted(body: Mapping[str, Any], prospects: Any = None) -> tuple[Any, ...]:
        read.append(body["id"])
        return values(body)

    monkeypatch.setattr(panel_state, "row_values", noted)

    page.store.merge(body("j49", 2, progress=0.5))
    assert page.snapshot()["rows"]["n"] == 30
    page.patch()
    monkeypatch.undo()
    assert read == ["j49"]
    assert page.rows == page.current


def test_a_row_that_changes_while_it_waits_is_told_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_state, "ROWS", 1)
    page = Watched()
    page.store.merge(body("a"))
    page.store.merge(body("b"))
    page.snapshot()
    [waiting] = {"a", "b"} - set(page.rows)
    page.patch()
    page.snapshot()

    page.store.merge(body(waiting, 2, progress=0.5))
    page.store.merge(body(waiting, 3, progress=0.75))
    while page.state.has_more:
        page.patch()
    assert page.rows[waiting]["progress"] == 0.75
    assert page.rows == page.current


ids = st.sampled_from(["a", "b", "c", "d", "e"])
steps = st.one_of(
    st.tuples(
        st.just("merge"), ids, st.sampled_from(list(JobStatus)), st.sampled_from([None, 0.5])
    ),
    st.tuples(st.just("retry"), ids, ids),
    st.tuples(st.just("patch")),
    st.tuples(st.just("snapshot")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_a_page_ends_with_the_current_jobs_whatever_the_order(
    steps: list[tuple[Any, ...]], reads: int, rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panel_state, "READS", reads)
        patch.setattr(panel_state, "FIRST_READS", reads)
        patch.setattr(panel_state, "ROWS", rows)
        page = Watched()
        page.snapshot()
        for version, (what, *more) in enumerate(steps, start=1):
            if what == "merge":
                id_, status, progress = more
                page.store.merge(body(id_, version, status.value, progress=progress))
            elif what == "retry" and more[0] < more[1]:
                page.store.merge(body(more[1], version, "QUEUED", retryOf=more[0], attempt=2))
            elif what == "snapshot":
                page.snapshot()
            else:
                page.patch()
        while page.state.has_more:
            page.patch()

    assert page.rows == page.current


# What is saved.


def test_the_saved_summary_stays_small_however_many_jobs() -> None:
    store = JobStore()
    for n in range(500):
        store.merge(body(f"j{n}", status="QUEUED"))
    saved = summary(store, LIVE, "this machine", 5)

    assert saved["counts"] == {"QUEUED": 500}
    assert (saved["total"], len(saved["rows"]), saved["asOf"]) == (500, SAVED_ROWS, 5)


def test_the_saved_summary_is_bounded_in_bytes_whatever_jobs_say() -> None:
    store = JobStore()
    for n in range(30):
        texts = dict.fromkeys(("name", "request", "message"), "ü漢" * 3000)
        store.merge(
            {
                **body(f"j{n}", status="FAILED", error=error("漢" * 500), tags=["漢" * 200] * 50),
                **texts,
            }
        )
    saved = summary(store, LIVE, "this machine", 5)

    assert len(json.dumps(saved, ensure_ascii=False).encode()) <= SAVED_BYTES
    assert saved["rows"]
    for shown in saved["rows"]:
        lines = [value for value in shown.values() if isinstance(value, str)]
        assert max(map(len, [*lines, *shown["tags"]])) <= 120


def test_the_saved_summary_tells_no_id_no_folder_and_no_secret() -> None:
    store = JobStore()
    message = "no file '/srv/ada/plants/raw.csv' nor ~/x/y.csv for token=da2-abcdefghijklmnopqrstuv"
    store.merge(
        body("0b5f-real", status="FAILED", error=error(message), request="python /srv/ada/a.py")
    )
    saved = summary(store, LIVE, "this machine", 5)

    [shown] = saved["rows"]
    assert shown["id"] == "saved-0"
    assert shown["request"] == "python …/a.py"
    assert shown["error"] == "ValueError: no file '…/raw.csv' nor …/y.csv for token=[hidden]"
    assert "ada" not in json.dumps(saved)


def test_the_saved_summary_counts_the_newest_attempt_only() -> None:
    store = JobStore()
    store.merge(body("a", status="FAILED", error=error("bad")))
    store.merge(body("b", status="SUCCEEDED", retryOf="a", attempt=2))
    saved = summary(store, LIVE, "this machine", 5)

    assert (saved["counts"], saved["total"]) == ({"SUCCEEDED": 1}, 1)
    assert [shown["name"] for shown in saved["rows"]] == ["b"]


def test_a_job_that_was_submitted_again_says_so_though_nothing_happened_to_it() -> None:
    store = JobStore()
    attached: dict[str, Any] = {}
    state = PanelState(store, attached)
    store.observe(state.touch)
    store.merge(body("a"))
    store.merge(body("b"))
    state.snapshot(LIVE, "this machine", 99)
    assert not state.has_more

    attached["a"] = {}
    assert state.has_more
    message = state.patch(LIVE)
    assert message is not None
    assert message["jobs"] == {"a": {"attached": True}}
    attached.clear()
    message = state.patch(LIVE)
    assert message is not None
    assert message["jobs"] == {"a": {"attached": None}}
    assert not state.has_more


def test_a_form_is_offered_the_requests_that_were_seen() -> None:
    store = JobStore()
    store.merge(body("a", kind="REQUEST", request="clean"))
    store.merge(body("b", kind="FUNCTION", request="train(1)"))

    assert "clean" in known_requests(store)
    assert "train(1)" not in known_requests(store)
