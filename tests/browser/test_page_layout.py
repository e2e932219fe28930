"""The panel where there is little room, in large print, and for readers who want nothing to move."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages, PanelPage
from tests.browser.panel import open_details, panel, row, rows, state
from tests.support.backend import RunningBackend

LONG = "a name of a job that is a good deal longer than any panel has room for in one line"

# What sticks out of the panel, or hides a part of a line that nothing else tells: no title, and no other place.
CUT_OFF = """panel => {
  const edge = panel.getBoundingClientRect();
  return [...panel.querySelectorAll("button, [role=gridcell], [role=img], input, select")]
    .filter((part) => part.checkVisibility() && part.getClientRects().length)
    .filter((part) => {
      const box = part.getBoundingClientRect();
      return box.width > 1 && (box.left < edge.left - 1 || box.right > edge.right + 1);
    })
    .map((part) => part.outerHTML.slice(0, 120));
}"""


def shown_in_full(page: PanelPage, monitor: JobMonitor, backend: RunningBackend) -> Locator:
    """A view with jobs in several states, of which one is open and one is asked about."""
    shown = page.view()
    jobs = [monitor.submit(name) for name in (LONG, "failing", "asked", "done")]
    backend.update(jobs[0].id, status="RUNNING", progress=0.5, message=LONG)
    backend.update(jobs[1].id, status="FAILED", error='{"type": "ValueError", "message": "bad"}')
    backend.update(jobs[3].id, status="SUCCEEDED")
    expect(state(shown, "done", "succeeded")).to_be_visible()
    open_details(shown, "failing")
    # They push down what is below: a click meanwhile would miss.
    expect(panel(shown).get_by_role("tabpanel").get_by_text("test_page_layout.py")).to_be_visible()
    row(shown, "asked").get_by_role("button", name="Cancel asked").click()
    expect(row(shown, "asked").get_by_role("button", name="Keep")).to_be_visible()
    return shown


@pytest.mark.parametrize(
    ("width", "zoom"), [(320, 1), (1280, 2), (640, 2)], ids=["narrow", "zoomed", "both"]
)
def test_nothing_sticks_out(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend, width: int, zoom: int
) -> None:
    page = pages.open(monitor)
    page.page.set_viewport_size({"width": width, "height": 700})
    page.page.evaluate("zoom => { document.documentElement.style.zoom = zoom }", zoom)

    shown = shown_in_full(page, monitor, external_backend)

    assert panel(shown).evaluate(CUT_OFF) == []
    assert overflow(page.page) <= 0


def test_nothing_moves_for_who_wants_it_so(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    job = monitor.submit("train")
    external_backend.update(job.id, status="RUNNING")
    expect(state(shown, "train", "running")).to_be_visible()
    moving = (
        "() => document.getAnimations().filter(({ playState }) => playState === 'running').length"
    )
    page.page.wait_for_function(f"() => ({moving})() > 0")

    page.page.emulate_media(reduced_motion="reduce")

    page.page.wait_for_function(f"() => ({moving})() === 0")


def test_the_panel_does_not_jump_while_jobs_come_and_move(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    jobs = [monitor.submit(f"part {number}") for number in range(12)]
    expect(panel(shown)).to_contain_text("12")
    expect(rows(shown).first).to_be_visible()
    height = panel(shown).bounding_box()["height"]  # type: ignore[index]  # it is visible

    for job in jobs[:6]:
        external_backend.update(job.id, status="RUNNING", progress=0.5, message=LONG)
    for job in jobs[:3]:
        external_backend.update(job.id, status="SUCCEEDED")
    jobs[2].result()
    expect(panel(shown)).to_contain_text("3 succeeded")

    expect(panel(shown)).to_have_js_property("offsetHeight", round(height))


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
