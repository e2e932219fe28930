"""A page whose content security policy forbids all that the panel can do without."""

from __future__ import annotations

from playwright.sync_api import expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages, PanelPage
from tests.browser.panel import panel, progress, row, state
from tests.support.backend import RunningBackend

# `blob:` is how anywidget imports a widget's module; `connect-src` is this page's own way to the kernel.
STRICT = "default-src 'none'; script-src 'self' blob:; img-src data:; connect-src 'self'"


def test_what_anywidget_needs_is_enough(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    page = pages.open(monitor, csp=f"{STRICT}; style-src 'unsafe-inline'")
    asked = len(page.requests)

    look_at_a_job(page, monitor, external_backend)

    assert page.refused() == []
    assert [url for url in page.requests[asked:] if not url.startswith("blob:")] == []


def test_the_panel_has_no_style_that_a_policy_refuses(
    pages: Pages, monitor: JobMonitor, external_backend: RunningBackend
) -> None:
    """anywidget adds the style sheet as text; a page that forbids it may link to the sheet itself."""
    page = pages.open(monitor, csp=f"{STRICT}; style-src 'self'", linked_style=True)
    page.page.wait_for_function("() => host.refused.length")
    before = page.refused()
    pages.console_errors.clear()

    look_at_a_job(page, monitor, external_backend)

    assert [refusal.split(":")[0] for refusal in before] == ["style-src-elem"]
    assert page.refused() == before


def look_at_a_job(page: PanelPage, monitor: JobMonitor, backend: RunningBackend) -> None:
    shown = page.view()
    job = monitor.submit("train")
    backend.update(job.id, status="RUNNING", progress=0.5)
    expect(progress(shown, "train")).to_be_visible()
    row(shown, "train").get_by_role("button", name="Details of train").click()
    expect(row(shown, "train")).to_contain_text(job.id)
    backend.update(job.id, status="SUCCEEDED")
    expect(state(shown, "train", "succeeded")).to_be_visible()
    expect(panel(shown)).to_have_css("border-top-style", "solid")
