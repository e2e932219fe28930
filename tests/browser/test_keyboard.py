"""JupyterLab's keys and the panel's: whoever has the focus has the keys."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.panel import panel, row, rows, state

CELLS = (
    "from tests.browser.work import parse, steps\n"
    "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor",
    "for name in ('first', 'second'):\n    monitor.submit(steps, 2000, name=name)",
)
# Each of them would cut, copy, add, run, leave or change a cell in command mode, or find something in the page.
COMMAND_MODE = ("x", "c", "a", "Enter", "ArrowDown", "ArrowUp", "f", "g", "r", "l")
HAS_FOCUS = "panel => panel.contains(document.activeElement)"
MANY_STOPS = 30


def test_keys_in_the_panel_are_not_the_notebooks(lab: Lab) -> None:
    notebook = lab.open(CELLS)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    shown = notebook.output(0)
    expect(rows(shown)).to_have_count(2)
    keyboard = notebook.page.keyboard
    row(shown, "first").focus()
    expect(row(shown, "first")).to_be_focused()
    before = notebook.sources()

    for key in COMMAND_MODE:
        keyboard.press(key)
        keyboard.press("Escape")
        assert panel(shown).evaluate(HAS_FOCUS), key

    assert notebook.sources() == before
    assert notebook.mode() == "command"
    expect(state(shown, "first", "running")).to_be_visible()


def test_tab_goes_through_the_panel_and_out_again(lab: Lab) -> None:
    notebook = lab.open(CELLS)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    shown = notebook.output(0)
    expect(rows(shown)).to_have_count(2)
    for name in ("first", "second"):
        expect(state(shown, name, "running")).to_be_visible()
    panel(shown).get_by_role("button").first.focus()

    stops: list[str] = []
    while panel(shown).evaluate(HAS_FOCUS) and len(stops) < MANY_STOPS:
        stops.append(notebook.page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
        notebook.page.keyboard.press("Tab")

    assert any('role="row"' in stop for stop in stops)
    assert len(stops) < MANY_STOPS, stops
