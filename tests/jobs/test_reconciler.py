import dataclasses
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs import reconciler as reconciler_module
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.reconciler import Reconciled, Reconciler
from jupyter_jobs.jobs.store import JobStore
from tests.support.wire import Wire, job

OWN = PROFILES["jupyter_jobs"]


def without(documents: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: document for name, document in documents.items() if name not in names}


def reconcile(reconciler: Reconciler, wire: Wire) -> list[str]:
    """Answer all questions; return what was asked, and for what."""
    return run(reconciler, wire)[0]


def found(reconciler: Reconciler, wire: Wire) -> Reconciled:
    """Answer all questions; return what came of it."""
    return run(reconciler, wire)[1]


def run(reconciler: Reconciler, wire: Wire) -> tuple[list[str], Reconciled]:
    asked: list[str] = []
    exchange = reconciler.calls()
    answer: Any = None
    while True:
        try:
            call = exchange.send(answer)
        except StopIteration as end:
            return asked, end.value
        if call.operation == "listJobs":
            asked.append(f"page {call.variables.get('nextToken', 'first')}")
        else:
            asked.append(f"jobs {' '.join(sorted(call.variables.values()))}")
        document = call.document or OWN.document(call.operation)
        coroutine = wire.execute(document, call.variables, idempotent=True)
        try:
            coroutine.send(None)
        except StopIteration as end:
            told = end.value if call.document else end.value[call.operation]
            answer = call.read(told, Reader(OWN))


def sent(exchange: Generator[Any, Any, Any], answer: Any) -> Any:
    """Answer a question; the next one, or None after the last."""
    try:
        return exchange.send(answer)
    except StopIteration:
        return None


@pytest.fixture
def pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    page = calls.page
    monkeypatch.setattr(calls, "page", lambda group, token=None: page(group, token, limit=2))


@pytest.mark.usefixtures("pages_of_two")
def test_the_first_run_reads_every_page() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(5)))
    reconciler = Reconciler(JobStore(), "g")

    assert reconcile(reconciler, wire) == ["page first", "page 2", "page 4"]
    assert reconciler.complete
    assert len(reconciler.store) == 5


@pytest.mark.usefixtures("pages_of_two")
def test_a_later_run_stops_at_jobs_from_before_the_last_one_and_asks_for_the_live_ones_it_missed() -> (
    None
):
    wire = Wire(
        *(job(f"j{n}", status="RUNNING" if n in (0, 2, 9) else "FAILED") for n in range(10))
    )
    reconciler = Reconciler(JobStore(), "g")
    reconcile(reconciler, wire)
    wire.jobs["j0"] = job("j0", 2, "SUCCEEDED")
    wire.jobs["j9"] = job("j9", 2, progress=0.9)

    assert reconcile(reconciler, wire) == ["page first", "jobs j0 j2"]
    assert reconciler.store.get("j0").status == "SUCCEEDED"
    assert reconciler.store.get("j9").progress == 0.9
    assert reconcile(reconciler, wire) == ["page first", "jobs j2"]


@pytest.mark.usefixtures("pages_of_two")
def test_a_later_run_goes_on_while_pages_bring_unknown_jobs() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(3)))
    reconciler = Reconciler(JobStore(), "g")
    reconcile(reconciler, wire)
    wire.jobs |= {f"j{n}": job(f"j{n}") for n in range(3, 6)}

    assert reconcile(reconciler, wire) == ["page first", "page 2", "page 4"]
    assert len(reconciler.store) == 6


@pytest.mark.usefixtures("pages_of_two")
def test_a_job_below_a_page_of_known_ones_is_found_all_the_same() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(3)))
    reconciler = Reconciler(JobStore(), "g")
    reconcile(reconciler, wire)
    wire.jobs |= {f"j{n}": job(f"j{n}") for n in range(3, 6)}
    for n in (4, 5):  # events told of these, and the event of j3 was lost
        reconciler.store.merge(wire.jobs[f"j{n}"])

    reconcile(reconciler, wire)
    assert "j3" in reconciler.store


@pytest.mark.usefixtures("pages_of_two")
def test_without_times_of_creation_a_page_of_known_jobs_is_the_end() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED", createdAt="") for n in range(5)))
    reconciler = Reconciler(JobStore(), "g")

    assert reconcile(reconciler, wire) == ["page first", "page 2", "page 4"]
    assert reconcile(reconciler, wire) == ["page first"]


@pytest.mark.usefixtures("pages_of_two")
def test_jobs_that_move_to_another_page_meanwhile_are_neither_lost_nor_double() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(5)))
    reconciler = Reconciler(JobStore(), "g")
    exchange = reconciler.calls()
    call: Any = next(exchange)
    while call is not None and call.operation == "listJobs":
        # as an API pages that counts its rows, with a new one before each page
        start = int(call.variables.get("nextToken", 0))
        newest = sorted(wire.jobs.values(), key=lambda job: job["createdAt"], reverse=True)
        token = str(start + 2) if start + 2 < len(newest) else None
        if len(wire.jobs) < 8:
            wire.jobs[f"j{len(wire.jobs)}"] = job(f"j{len(wire.jobs)}", status="SUCCEEDED")
        call = sent(exchange, {"items": newest[start : start + 2], "nextToken": token})

    assert {f"j{n}" for n in range(5)} <= {job.id for job in reconciler.store}

    reconcile(reconciler, wire)
    assert {job.id for job in reconciler.store} == set(wire.jobs)


def test_what_was_newer_than_the_store_is_counted_as_healed() -> None:
    wire = Wire(job("j1"), job("j2"), job("j3", status="FAILED"))
    reconciler = Reconciler(JobStore(), "g")
    reconcile(reconciler, wire)
    wire.jobs["j2"] = job("j2", 2, "SUCCEEDED")
    wire.jobs["j4"] = job("j4")

    assert found(reconciler, wire) == Reconciled(jobs=4, healed=2)
    assert found(reconciler, wire) == Reconciled(jobs=4, healed=0)


def test_what_cannot_be_listed_is_asked_for_by_id() -> None:
    wire = Wire(job("j1", 2, "SUCCEEDED"))
    profile = dataclasses.replace(OWN, documents=without(OWN.documents, "listJobs"), wider={})
    reconciler = Reconciler(JobStore(), "g", profile)
    reconciler.store.merge(job("j1"))
    reconciler.store.merge(job("j2", status="FAILED"))

    assert reconcile(reconciler, wire) == ["jobs j1"]
    assert reconciler.complete
    assert reconciler.store.get("j1").status == "SUCCEEDED"


def test_where_nothing_can_be_asked_nothing_is() -> None:
    reconciler = Reconciler(JobStore(), "g", PROFILES["seed"])
    reconciler.store.merge(job("j1"))

    assert reconcile(reconciler, Wire()) == []
    assert (reconciler.can_ask, reconciler.finished_at) == (False, None)


@pytest.mark.usefixtures("pages_of_two")
def test_a_first_run_that_was_cut_short_is_made_up_for() -> None:
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(5)))
    reconciler = Reconciler(JobStore(), "g")
    for n in (3, 4):  # all of the first page has been heard of already
        reconciler.store.merge(job(f"j{n}", status="SUCCEEDED"))

    assert reconcile(reconciler, wire) == ["page first", "page 2", "page 4"]
    assert len(reconciler.store) == 5


def test_missed_jobs_are_asked_for_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "BATCH", 2)
    wire = Wire()
    reconciler = Reconciler(JobStore(), "g")
    for n in range(5):
        reconciler.store.merge(job(f"j{n}"))

    assert reconcile(reconciler, wire) == ["page first", "jobs j0 j1", "jobs j2 j3", "jobs j4"]


@pytest.mark.usefixtures("pages_of_two")
def test_old_history_is_left_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler_module, "HISTORY", 4)
    wire = Wire(*(job(f"j{n}", status="SUCCEEDED") for n in range(9)))
    reconciler = Reconciler(JobStore(), "g")

    assert reconcile(reconciler, wire) == ["page first", "page 2"]
    assert reconciler.complete


def test_one_unusable_job_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(job("j1", status="ON_HOLD"), job("j2"))
    reconciler = Reconciler(JobStore(), "g")

    reconcile(reconciler, wire)
    assert [job.id for job in reconciler.store] == ["j2"]
    assert caplog.text.count("left out a job") == 1

    reconcile(reconciler, wire)
    assert caplog.text.count("left out a job") == 1


def test_a_page_that_leads_to_itself_is_the_last() -> None:
    exchange = Reconciler(JobStore(), "g").calls()
    page = {"items": [job("j1")], "nextToken": "again"}

    assert exchange.send(None).variables.get("nextToken") is None
    assert exchange.send(page).variables["nextToken"] == "again"
    following = sent(exchange, page)

    assert following is None or following.operation == "getJob"
