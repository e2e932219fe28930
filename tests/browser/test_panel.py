"""The panel in a real JupyterLab, fed by real jobs of the embedded backend: what only a front end and a kernel show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab, NotebookPage
from tests.browser.panel import cancel, chip, panel, progress, row, rows, state

MONITOR = "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor"
STEPS = "from tests.browser.work import parse, steps"


def opened(lab: Lab, *cells: str) -> NotebookPage:
    """A notebook whose first cell shows the panel, live."""
    notebook = lab.open([f"{STEPS}\n{MONITOR}", *cells])
    notebook.run_and_wait(0)
    expect(panel(notebook.output(0))).to_contain_text("live")
    return notebook


def let_end(lab: Lab, name: str) -> None:
    """Let the job end that takes steps until there is a file of this name."""
    (lab.server.notebooks / name).touch()


def test_a_row_appears_moves_and_ends_without_another_cell(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 2000, until='trained', name='train')")
    notebook.run_and_wait(1)
    shown = notebook.output(0)

    expect(state(shown, "train", "running")).to_be_visible()
    expect(progress(shown, "train")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]\d?"))
    let_end(lab, "trained")
    expect(state(shown, "train", "succeeded")).to_be_visible()
    expect(rows(shown)).to_have_count(1)


# One look a frame for four seconds, taken in the page itself so that nothing of the kernel is asked: how many
# milliseconds each value was shown, less what the page itself took longer than usual from one look to the next.
WATCH = """bar => new Promise((resolve) => {
  const spans = [];
  let value = bar.ariaValueNow, shown = 0, before = performance.now();
  const end = before + 4000;
  const look = (now) => {
    shown += Math.min(now - before, 50);
    before = now;
    if (bar.ariaValueNow !== value || now > end) {
      spans.push(shown);
      [value, shown] = [bar.ariaValueNow, 0];
    }
    if (now > end) resolve(spans);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def test_the_panel_moves_and_obeys_while_a_cell_sleeps(lab: Lab) -> None:
    notebook = opened(
        lab,
        "job = monitor.submit(steps, 600, until='long-may-end', name='long')\n"
        "endless = monitor.submit(steps, 2000, name='endless')",
        "import time\ntime.sleep(120)",
        "job.result()",
    )
    notebook.run_and_wait(1)
    shown = notebook.output(0)
    for name in ("long", "endless"):
        expect(progress(shown, name)).to_be_visible()

    sleeping = notebook.run(2)
    cancel(shown, "endless")
    expect(state(shown, "endless", "cancelled")).to_be_visible()
    spans = progress(shown, "long").evaluate(WATCH)
    assert notebook.is_running(sleeping)
    notebook.interrupt()
    notebook.wait_for_run(sleeping, check=False)
    let_end(lab, "long-may-end")
    notebook.run_and_wait(3)

    assert max(spans) < 2500, spans
    expect(notebook.output(3)).to_contain_text("600")
    expect(state(shown, "long", "succeeded")).to_be_visible()


def test_views_come_and_go(lab: Lab) -> None:
    notebook = opened(
        lab, "job = monitor.submit(steps, 2000, name='train')", "JobMonitor() is monitor"
    )
    first, second = notebook.output(0), notebook.new_view_for_output(0)
    notebook.run_and_wait(1)
    for shown in (first, second):
        expect(state(shown, "train", "running")).to_be_visible()
    chip(first, "running").click()
    expect(chip(first, "running")).to_have_attribute("aria-pressed", "true")
    expect(chip(second, "running")).to_have_attribute("aria-pressed", "false")

    notebook.clear_output(0)
    expect(panel(first)).to_have_count(0)
    notebook.run_and_wait(0)
    notebook.run_and_wait(2)

    expect(notebook.output(2)).to_contain_text("True")
    expect(progress(first, "train")).to_be_visible()
    expect(panel(first)).to_contain_text("live")


def test_a_reload_in_the_middle_shows_the_same_jobs(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 2000, name='train')")
    notebook.run_and_wait(1)
    expect(progress(notebook.output(0), "train")).to_be_visible()

    notebook.reload()

    shown = notebook.output(0)
    expect(progress(shown, "train")).to_be_visible()
    expect(panel(shown)).to_contain_text("live")
    cancel(shown, "train")
    expect(state(shown, "train", "cancelled")).to_be_visible()


def test_interrupt_and_restart_leave_the_jobs_alone(lab: Lab) -> None:
    submitted = "job = monitor.submit(steps, 2000, until='survivor-may-end', name='survivor')"
    notebook = opened(lab, submitted, "print('waits')\nawait job")
    notebook.run_and_wait(1)
    waiting = notebook.run(2)
    shown = notebook.output(0)
    expect(notebook.output(2)).to_contain_text("waits")  # sooner, an interrupt would find no cell
    expect(state(shown, "survivor", "running")).to_be_visible()
    notebook.interrupt()
    notebook.wait_for_run(waiting, check=False)
    expect(notebook.output(2)).to_contain_text(re.compile("KeyboardInterrupt|CancelledError"))
    expect(state(shown, "survivor", "running")).to_be_visible()
    notebook.restart_kernel()

    expect(panel(shown)).to_contain_text("not live")
    expect(panel(shown)).to_contain_text("JobMonitor()")
    again = notebook.insert_and_run(MONITOR)
    expect(row(notebook.output(again), "survivor")).to_be_visible()
    let_end(lab, "survivor-may-end")
    end = notebook.insert_and_run("print(monitor.jobs[0].result(timeout=60))")
    expect(notebook.output(end)).to_contain_text("2000")
    expect(state(notebook.output(again), "survivor", "succeeded")).to_be_visible()


def test_a_kernel_that_dies_takes_no_job_with_it(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 2000, name='survivor')")
    notebook.run_and_wait(1)
    shown = notebook.output(0)
    expect(progress(shown, "survivor")).to_be_visible()

    notebook.kill_kernel()

    expect(panel(shown)).to_contain_text("not live")
    expect(panel(shown)).to_contain_text("JobMonitor()")
    expect(row(shown, "survivor").get_by_role("button", name="Cancel survivor")).to_have_count(0)
    again = notebook.output(notebook.insert_and_run(MONITOR))
    cancel(again, "survivor")
    expect(state(again, "survivor", "cancelled")).to_be_visible()


def test_a_saved_notebook_is_small_readable_and_holds_no_secret(lab: Lab) -> None:
    notebook = opened(lab, "await monitor.submit(steps, 3, name='train')", "monitor")
    notebook.run_and_wait(1)
    notebook.run_and_wait(2)
    expect(state(notebook.output(2), "train", "succeeded")).to_be_visible()
    notebook.save()
    text = json.dumps(notebook.saved())
    backend = lab.server.backend()

    assert backend is not None
    assert backend.key not in text
    assert len(text) < 20_000
    assert "1 succeeded" in text
    assert "train" in text


@pytest.mark.parametrize("trusted", [True, False])
def test_a_notebook_opened_again(lab: Lab, tmp_path: Path, trusted: bool) -> None:
    """Untrusted, as from somebody else, it shows what was saved; trusted, it is live when its cell is run."""
    notebook = opened(lab, "await monitor.submit(steps, 3, name='train')", "monitor")
    notebook.run_and_wait(1)
    notebook.run_and_wait(2)
    expect(state(notebook.output(2), "train", "succeeded")).to_be_visible()
    notebook.save()
    document = notebook.saved()
    notebook.close()
    lab.server.shut_down_kernels()
    if not trusted:
        document.cells.append(nbformat.v4.new_markdown_cell("Not signed."))
    nbformat.write(document, tmp_path / "saved.ipynb")

    again = lab.open(tmp_path / "saved.ipynb")

    shown = again.output(2)
    if not trusted:
        expect(shown).to_contain_text("1 succeeded")
        expect(shown).to_contain_text("train")
    again.run_and_wait(0)
    expect(panel(again.output(0))).to_contain_text("live")


def test_the_panel_follows_the_theme(lab: Lab) -> None:
    notebook = opened(lab)
    shown = panel(notebook.output(0))

    notebook.set_theme("dark")
    expect(shown).to_have_css("background-color", "rgb(33, 33, 33)")
    notebook.set_theme("light")

    expect(shown).to_have_css("background-color", "rgb(255, 255, 255)")
