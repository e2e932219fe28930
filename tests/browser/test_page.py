"""What a reader does in the panel: finding jobs, acting on them, looking into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import comm
import pytest
from playwright.sync_api import expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages
from tests.browser.page_server import PageComm
from tests.browser.panel import (
    cancel,
    chip,
    group_by,
    log,
    open_details,
    panel,
    progress,
    row,
    rows,
    search,
    state,
)
from tests.browser.work import parse, read
from tests.support.backend import RunningBackend
from tests.support.monitor import of

MANY = 10


@pytest.fixture
def mixed(monitor: JobMonitor, external_backend: RunningBackend) -> JobMonitor:
    """A monitor of ten jobs: one runs, one waits, one has failed, the others are done."""
    known: dict[str, dict[str, object]] = {
        "train": {"status": "RUNNING", "progress": 0.25, "message": "epoch 2"},
        "report": {},
        "clean": {"status": "FAILED", "error": '{"type": "ValueError", "message": "bad day"}'},
        **{f"part {number}": {"status": "SUCCEEDED"} for number in range(7)},
    }
    for name, changes in known.items():
        job = monitor.submit(name, tags=["nightly" if name == "report" else "daily"])
        if changes:
            external_backend.update(job.id, **changes)
    return monitor


@pytest.fixture
def working(
    backend: RunningBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JobMonitor]:
    """A monitor whose jobs run, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comm, "create_comm", PageComm)
    with of(backend, tmp_path.name, loop="thread") as monitor:
        yield monitor


def test_rows_appear_and_move(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    shown = pages.open(monitor).view()
    expect(panel(shown)).to_contain_text("No jobs yet.")

    job = monitor.submit("train")
    expect(state(shown, "train", "queued")).to_be_visible()
    external_backend.update(job.id, status="RUNNING", progress=0.25)
    expect(progress(shown, "train")).to_have_attribute("aria-valuenow", "25")
    external_backend.update(job.id, status="SUCCEEDED")

    expect(state(shown, "train", "succeeded")).to_be_visible()
    expect(rows(shown)).to_have_count(1)


def test_a_chip_is_a_filter(pages: Pages, mixed: JobMonitor) -> None:
    shown = pages.open(mixed).view()

    chip(shown, "failed").click()
    expect(chip(shown, "failed")).to_have_attribute("aria-pressed", "true")
    expect(rows(shown)).to_have_count(1)
    expect(row(shown, "clean")).to_be_visible()
    panel(shown).get_by_role("button", name="Show all").click()

    expect(rows(shown)).to_have_count(MANY)


@pytest.mark.parametrize("words", ["epoch", "TRA", "epoch daily"])
def test_search_finds_words_in_any_order(pages: Pages, mixed: JobMonitor, words: str) -> None:
    shown = pages.open(mixed).view()

    search(shown).fill(words)

    expect(rows(shown)).to_have_count(1)
    expect(row(shown, "train")).to_be_visible()


def test_groups_fold_and_unfold(pages: Pages, mixed: JobMonitor) -> None:
    shown = pages.open(mixed).view()

    group_by(shown).select_option("tag")
    daily = panel(shown).get_by_role("row", name=re.compile("^running daily"))
    expect(daily).to_have_attribute("aria-expanded", "false")
    expect(row(shown, "train")).to_have_count(0)
    daily.click()

    expect(daily).to_have_attribute("aria-expanded", "true")
    expect(row(shown, "train")).to_have_attribute("aria-level", "2")


def test_cancel_asks_in_the_row_and_acts(pages: Pages, mixed: JobMonitor) -> None:
    shown = pages.open(mixed).view()

    row(shown, "report").get_by_role("button", name="Cancel report").click()
    expect(row(shown, "report")).to_contain_text("Cancel report?")
    row(shown, "report").get_by_role("button", name="Keep").click()
    expect(state(shown, "report", "queued")).to_be_visible()
    cancel(shown, "report")

    expect(state(shown, "report", "cancelled")).to_be_visible()


def test_failures_alike_are_one_line_and_are_retried_at_once(
    pages: Pages, working: JobMonitor
) -> None:
    jobs = [working.submit(parse, f"2026-13-0{day}") for day in (1, 2, 3)]
    for job in jobs:
        job.exception()
    shown = pages.open(working).view()
    alike = row(shown, "ValueError: bad day")
    expect(alike).to_contain_text("3")
    expect(rows(shown)).to_have_count(1)
    Path("mended").touch()

    alike.get_by_role("button", name="Retry these 3").first.click()

    expect(chip(shown, "succeeded")).to_contain_text("3")
    expect(chip(shown, "failed")).to_have_count(0)
    assert {job.status for job in jobs} == {"FAILED"}


def test_details_tell_why_and_text_stays_text(pages: Pages, working: JobMonitor) -> None:
    working.submit(parse, "2026-13-01 <b>").exception()
    shown = pages.open(working).view()

    open_details(shown, "parse")

    for text in (
        "ValueError: bad day '2026-13-01 <b>'",
        "Traceback (most recent call last)",
        "parsing 2026-13-01 <b>",
    ):
        expect(row(shown, "parse")).to_contain_text(text)


def test_a_log_follows_its_job(pages: Pages, working: JobMonitor) -> None:
    working.submit(read, 3)
    shown = pages.open(working).view()
    expect(state(shown, "read", "running")).to_be_visible()

    open_details(shown, "read")
    row(shown, "read").get_by_role("tab", name="Log").click()
    for page in range(3):
        expect(log(shown)).to_contain_text(f"page {page}")
        Path(f"read-{page}").touch()

    expect(state(shown, "read", "succeeded")).to_be_visible()
    expect(log(shown)).to_contain_text("ended")


def test_html_in_names_and_messages_is_text(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    trick = "<img src=trick onerror=alert(1)>"
    page = pages.open(monitor)
    shown = page.view()
    job = monitor.submit("work", name=trick, tags=[trick])
    external_backend.update(job.id, status="RUNNING", message=trick)

    open_details(shown, trick)

    expect(row(shown, trick)).to_contain_text(job.id)
    expect(page.page.locator("[src=trick]")).to_have_count(0)
    assert not any("trick" in url for url in page.requests)


def test_two_views_show_the_same_jobs_each_as_its_reader_chose(
    pages: Pages, mixed: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(mixed)
    first, second = page.view(), page.view()

    chip(first, "running").click()
    expect(rows(first)).to_have_count(1)
    expect(rows(second)).to_have_count(MANY)
    external_backend.update(job_named(mixed, "train"), progress=0.75)

    for shown in (first, second):
        expect(progress(shown, "train")).to_have_attribute("aria-valuenow", "75")


def test_a_view_that_is_made_anew_is_as_it_was_left(pages: Pages, mixed: JobMonitor) -> None:
    page = pages.open(mixed)
    shown = page.view()
    chip(shown, "failed").click()
    expect(rows(shown)).to_have_count(1)
    left_behind = page.page.evaluate("host.model.listening")

    page.remove(shown)
    shown = page.view()

    expect(chip(shown, "failed")).to_have_attribute("aria-pressed", "true")
    expect(rows(shown)).to_have_count(1)
    assert page.page.evaluate("host.model.listening") == left_behind


def test_the_focus_stays_while_rows_move(
    pages: Pages, mixed: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(mixed)
    shown = page.view()
    row(shown, "report").focus()

    external_backend.update(job_named(mixed, "train"), status="SUCCEEDED")
    expect(state(shown, "train", "succeeded")).to_be_visible()
    external_backend.update(job_named(mixed, "report"), status="RUNNING", progress=0.5)
    expect(progress(shown, "report")).to_be_visible()
    expect(row(shown, "report")).to_be_focused()
    page.page.keyboard.press("Enter")

    expect(row(shown, "report")).to_have_attribute("aria-expanded", "true")


def job_named(monitor: JobMonitor, name: str) -> str:
    return next(job.id for job in monitor.jobs if job.name == name)
