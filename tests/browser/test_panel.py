"""The panel in a real JupyterLab, fed by real jobs of the embedded backend."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab, NotebookPage

MONITOR = "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor"
STEPS = """
from jupyter_jobs import track
def steps(n, seconds=0.1):
    import time
    for step in track(range(n), message="working"):
        time.sleep(seconds)
    return n
"""


def panel(output: Locator) -> Locator:
    return output.get_by_role("region", name="Jobs")


def row(output: Locator, name: str) -> Locator:
    return panel(output).get_by_role("row").filter(has_text=name)


def state(output: Locator, name: str, word: str) -> Locator:
    return row(output, name).get_by_role("img", name=word)


def progress(output: Locator, name: str) -> int:
    bar = row(output, name).get_by_role("progressbar")
    return int(bar.get_attribute("aria-valuenow") or -1) if bar.count() else -1


def opened(lab: Lab, *cells: str) -> NotebookPage:
    """A notebook whose first cell shows the panel, live."""
    notebook = lab.open([MONITOR, STEPS, *cells])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    expect(panel(notebook.output(0))).to_contain_text("live")
    return notebook


def test_a_row_appears_moves_and_ends_without_another_cell(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 20, name='train')")
    notebook.run_and_wait(2)
    shown = notebook.output(0)

    expect(state(shown, "train", "running")).to_be_visible()
    bar = row(shown, "train").get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"[1-9]\d?"))
    expect(state(shown, "train", "succeeded")).to_be_visible()
    expect(panel(shown).get_by_role("row")).to_have_count(1)


def test_the_panel_moves_while_a_cell_sleeps_and_result_returns(lab: Lab) -> None:
    notebook = opened(
        lab,
        "job = monitor.submit(steps, 120, name='long')",
        "import time\ntime.sleep(10)",
        "job.result()",
    )
    notebook.run_and_wait(2)
    shown = notebook.output(0)
    expect(state(shown, "long", "running")).to_be_visible()
    sleeping = notebook.run(3)
    # One look every quarter second, taken in the page itself so that nothing of the kernel is asked.
    moments = notebook.page.evaluate(
        """async ([panel, number]) => {
            const seen = [], began = performance.now();
            while (!lab.runs[number]) {
                const bar = panel.querySelector('[role=progressbar]');
                const value = bar && bar.getAttribute('aria-valuenow');
                if (value !== null && value !== seen.at(-1)?.value) seen.push({ value, at: performance.now() - began });
                await new Promise(requestAnimationFrame);
            }
            return { seen, took: performance.now() - began };
        }""",
        [panel(shown).element_handle(), sleeping],
    )
    notebook.wait_for_run(sleeping)
    times = [0.0, *(moment["at"] for moment in moments["seen"]), moments["took"]]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]

    assert moments["took"] > 9000
    assert len(moments["seen"]) >= 8
    assert max(gaps) < 2500, gaps
    notebook.run_and_wait(4)
    expect(notebook.output(4)).to_contain_text("120")
    expect(state(shown, "long", "succeeded")).to_be_visible()


def test_two_views_are_in_step_and_a_reload_shows_the_same_jobs(lab: Lab) -> None:
    notebook = opened(
        lab, "job = monitor.submit(steps, 40, name='train')", "JobMonitor() is monitor, monitor"
    )
    first, second = notebook.output(0), notebook.new_view_for_output(0)
    notebook.run_and_wait(2)
    for shown in (first, second):
        expect(state(shown, "train", "running")).to_be_visible()
    notebook.run_and_wait(3)
    expect(notebook.output(3)).to_contain_text("True")
    notebook.reload()

    shown = notebook.output(0)
    expect(row(shown, "train")).to_be_visible()
    expect(state(shown, "train", "succeeded")).to_be_visible()
    expect(panel(shown)).to_contain_text("live")


def test_interrupt_and_restart_leave_the_jobs_alone(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 150, name='survivor')", "await job")
    notebook.run_and_wait(2)
    waiting = notebook.run(3)
    expect(state(notebook.output(0), "survivor", "running")).to_be_visible()
    notebook.interrupt()
    notebook.wait_for_run(waiting, check=False)
    expect(notebook.output(3)).to_contain_text(re.compile("KeyboardInterrupt|CancelledError"))
    expect(state(notebook.output(0), "survivor", "running")).to_be_visible()
    notebook.restart_kernel()

    again = notebook.insert_and_run(MONITOR)
    expect(row(notebook.output(again), "survivor")).to_be_visible()
    end = notebook.insert_and_run("print(monitor.jobs[0].result(timeout=60))")
    expect(notebook.output(end)).to_contain_text("150")
    expect(state(notebook.output(again), "survivor", "succeeded")).to_be_visible()


def test_cancel_asks_in_the_row_and_ends_the_job(lab: Lab) -> None:
    notebook = opened(lab, "job = monitor.submit(steps, 2000, name='endless')")
    notebook.run_and_wait(2)
    shown = notebook.output(0)
    expect(state(shown, "endless", "running")).to_be_visible()
    row(shown, "endless").get_by_role("button", name="Cancel endless").click()
    expect(row(shown, "endless")).to_contain_text("Cancel endless?")
    row(shown, "endless").get_by_role("button", name="Cancel job").click()

    expect(state(shown, "endless", "cancelled")).to_be_visible()


def test_a_failure_shows_its_reason_traceback_and_last_words(lab: Lab) -> None:
    notebook = opened(
        lab,
        "def parse(day):\n    print('parsing', day)\n    raise ValueError(f'bad day {day!r} <b>')\n"
        "job = monitor.submit(parse, '2026-13-01')",
    )
    notebook.run_and_wait(2)
    shown = notebook.output(0)
    expect(row(shown, "parse")).to_contain_text("ValueError: bad day '2026-13-01' <b>")
    row(shown, "parse").get_by_role("button", name="Details of parse").click()

    expect(row(shown, "parse")).to_contain_text("Traceback (most recent call last)")
    expect(row(shown, "parse")).to_contain_text("parsing 2026-13-01")


def test_a_saved_notebook_is_small_readable_and_holds_no_secret(lab: Lab) -> None:
    notebook = opened(lab, "await monitor.submit(steps, 3, name='train')", "monitor")
    notebook.run_and_wait(2)
    notebook.run_and_wait(3)
    expect(state(notebook.output(3), "train", "succeeded")).to_be_visible()
    notebook.save()
    text = json.dumps(notebook.saved())
    backend = lab.server.backend()

    assert backend is not None
    assert backend.key not in text
    assert len(text) < 20_000
    assert "1 succeeded" in text
    assert "train" in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_follows_the_theme(lab: Lab, theme: str) -> None:
    notebook = opened(lab, "await monitor.submit(steps, 1, name='done')")
    notebook.set_theme(theme)
    notebook.run_and_wait(2)
    colour = panel(notebook.output(0)).evaluate("element => getComputedStyle(element).color")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])

    assert (red + green + blue > 382) == (theme == "dark")
