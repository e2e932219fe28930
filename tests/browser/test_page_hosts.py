"""What front ends and kernels do to a panel: lose messages, push none, be busy, be gone; and what it makes of that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages
from tests.browser.panel import panel, progress, row, rows, state
from tests.browser.server import PATIENCE_S
from tests.support.backend import RunningBackend

# For how many pictures a click may look as if it had not happened; 60 a second where the machine is not busy.
AT_ONCE = 2

# After so long without a word, while jobs live, a page asks for one.
LONG_QUIET_MS = 10_000

# Clicks, and says how many pictures were drawn before the panel has the text.
CLICK = """([button, panel, text]) => new Promise((resolve) => {
  let pictures = 0;
  const look = () => {
    if (panel.innerText.includes(text)) return resolve(pictures);
    pictures += 1;
    requestAnimationFrame(look);
  };
  button.click();
  look();
})"""


def test_a_lost_message_is_noticed_and_made_good(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    jobs = [monitor.submit(name) for name in ("lost", "seen")]
    expect(rows(shown)).to_have_count(2)

    lost = page.comm.lose("patch")
    external_backend.update(jobs[0].id, status="SUCCEEDED")
    assert lost.wait(PATIENCE_S)
    external_backend.update(jobs[1].id, status="RUNNING", progress=0.5)
    expect(progress(shown, "seen")).to_be_visible()

    expect(state(shown, "lost", "succeeded")).to_be_visible()
    assert len(page.said("resync")) == 1


def test_a_host_that_pushes_nothing_is_asked(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    """As in Colab, where a page hears what is said while a cell runs, and what answers itself, but nothing else."""
    page = pages.open(monitor)
    page.page.clock.install()
    page.load()
    shown = page.view()
    job = monitor.submit("train")
    expect(state(shown, "train", "queued")).to_be_visible()
    page.comm.pushes = False

    external_backend.update(job.id, status="RUNNING", progress=0.5)
    assert page.comm.news.wait(PATIENCE_S)
    page.page.clock.fast_forward(LONG_QUIET_MS)
    expect(progress(shown, "train")).to_be_visible()
    external_backend.update(job.id, status="SUCCEEDED")
    assert page.comm.news.wait(PATIENCE_S)
    page.page.clock.fast_forward(LONG_QUIET_MS)

    expect(state(shown, "train", "succeeded")).to_be_visible()
    assert page.said("poll")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_busy_kernel_keeps_no_click_waiting_for_its_acknowledgement(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend, verb: str
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    job = monitor.submit("train")
    if verb == "retry":
        external_backend.update(job.id, status="FAILED", error='{"type": "ValueError"}')
    button = row(shown, "train").get_by_role("button", name=f"{verb.title()} train")
    expect(button).to_be_visible()

    with page.comm.busy():
        if verb == "cancel":
            button.click()
            button = row(shown, "train").get_by_role("button", name="Cancel job")
        took = acknowledged_after(page.page, button, row(shown, "train"), "ing…")
        expect(panel(shown)).to_contain_text("The kernel is busy with a cell.")
        expect(panel(shown)).to_contain_text("kernel busy")

    after = "cancelled" if verb == "cancel" else "queued"
    expect(state(shown, "train", after)).to_be_visible()
    expect(panel(shown)).not_to_contain_text("kernel busy")
    assert took <= AT_ONCE
    assert len(page.said("action")) == 1


def test_a_click_twice_acts_once(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    job = monitor.submit("train")
    external_backend.update(job.id, status="FAILED", error='{"type": "ValueError"}')
    button = row(shown, "train").get_by_role("button", name="Retry train")
    expect(button).to_be_visible()

    with page.comm.busy():  # else what comes of the first click may move the row before the second
        button.dblclick()

    expect(state(shown, "train", "queued")).to_be_visible()
    # The second click may land on what has moved under the pointer, and open its details.
    assert [said["action"] for said in page.said("action")].count("retry") == 1
    assert len(monitor.jobs) == 2


def test_a_kernel_that_is_gone_is_said_to_be(pages: Pages, monitor: JobMonitor) -> None:
    page = pages.open(monitor)
    shown = page.view()
    monitor.submit("train")
    expect(row(shown, "train")).to_be_visible()

    page.lose_kernel()

    expect(panel(shown)).to_contain_text("not live")
    expect(panel(shown)).to_contain_text("JobMonitor()")
    expect(panel(shown)).to_contain_text("Jobs go on running.")
    expect(row(shown, "train").get_by_role("button", name="Cancel train")).to_have_count(0)


def test_a_page_loaded_anew_shows_the_same(pages: Pages, monitor: JobMonitor) -> None:
    page = pages.open(monitor)
    expect(panel(page.view())).to_contain_text("No jobs yet.")
    monitor.submit("train")

    page.load()
    shown = page.view()

    expect(state(shown, "train", "queued")).to_be_visible()
    expect(panel(shown)).to_contain_text("live")


def test_nothing_is_sent_when_nobody_looks(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor)
    shown = page.view()
    job = monitor.submit("train")
    expect(row(shown, "train")).to_be_visible()
    page.remove(shown)
    page.page.wait_for_function("() => host.said.some(({ type }) => type === 'bye')")
    before = len(page.heard("patch"))

    external_backend.update(job.id, status="SUCCEEDED")
    job.result()
    shown = page.view()
    expect(state(shown, "train", "succeeded")).to_be_visible()

    assert len(page.heard("patch")) == before


def test_closing_takes_the_panel_away(pages: Pages, monitor: JobMonitor) -> None:
    page = pages.open(monitor)
    shown = page.view()
    expect(panel(shown)).to_be_visible()

    monitor.close()

    expect(panel(page.page.locator("main"))).to_have_count(0)


def acknowledged_after(page: Page, button: Locator, where: Locator, text: str) -> int:
    """Click, and return after how many pictures there is this text."""
    handles = [button.element_handle(), where.element_handle(), text]
    return int(page.evaluate(CLICK, handles))
