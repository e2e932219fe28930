"""The panel in a plain page, with a real monitor of a real backend whose jobs the tests work off."""

from __future__ import annotations

from playwright.sync_api import expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages
from tests.browser.panel import panel, progress, state
from tests.support.backend import RunningBackend


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
    expect(panel(shown).get_by_role("row")).to_have_count(1)
