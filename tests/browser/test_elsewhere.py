"""The panel in the front ends that are not JupyterLab: Notebook 7 and marimo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.browsing import OURS, Browsing
from tests.browser.lab import Lab
from tests.browser.lab_server import LabServer
from tests.browser.marimo_server import MarimoServer
from tests.browser.panel import cancel, panel, state

MONITOR = "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor"
STEPS = """
def steps(n):
    import os, time
    from jupyter_jobs import track
    for step in track(range(n), message="working"):
        time.sleep(0.1)
    while n == 10 and not os.path.exists("seen"):
        time.sleep(0.02)
    return n

short = monitor.submit(steps, 10, name="short")
endless = monitor.submit(steps, 100_000, name="endless")
"""
MARIMO = f"""
import marimo
app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from jupyter_jobs import JobMonitor
    monitor = JobMonitor()
    mo.ui.anywidget(monitor)
    return (monitor,)


@app.cell
def _(monitor):
{STEPS.replace(chr(10), chr(10) + "    ")}
    return
"""


@pytest.fixture
def notebook_7(chromium: Browser, tmp_path: Path) -> Iterator[Lab]:
    with LabServer(tmp_path, "notebook") as server:
        lab = Lab(server, chromium.new_context(), workspace="notebook")
        yield lab
        lab.close()
        assert lab.console_errors == []


@pytest.fixture(params=["run", "edit"])
def marimo(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browsing]:
    """marimo's page, with the notebook as an application or with its cells."""
    with MarimoServer(tmp_path, request.param, MARIMO) as server:
        browsing = Browsing(chromium.new_context(), OURS, server)
        browsing.context.new_page().goto(server.url)
        yield browsing
        browsing.close()
        assert browsing.console_errors == []


def test_notebook_7_shows_a_job_to_its_end(notebook_7: Lab) -> None:
    notebook = notebook_7.open([MONITOR, STEPS])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)

    one_ends_and_one_is_cancelled(notebook.output(0), notebook_7.server.notebooks)


def test_marimo_shows_a_job_to_its_end(marimo: Browsing, tmp_path: Path) -> None:
    one_ends_and_one_is_cancelled(marimo.context.pages[0].locator("body"), tmp_path)


def one_ends_and_one_is_cancelled(shown: Locator, jobs_folder: Path) -> None:
    expect(state(shown, "short", "running")).to_be_visible()
    (jobs_folder / "seen").touch()
    expect(state(shown, "short", "succeeded")).to_be_visible()
    cancel(shown, "endless")
    expect(state(shown, "endless", "cancelled")).to_be_visible()
    expect(panel(shown)).to_contain_text("1 succeeded")
