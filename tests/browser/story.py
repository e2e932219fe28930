"""Record what a reader sees from the first of many jobs to the last, in a real JupyterLab.

    python -m tests.browser.story FOLDER [--jobs 200] [--failing 10]

Saves numbered pictures and an `index.html` with a line about each.
"""

from __future__ import annotations

import argparse
import html
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.browsing import launched
from tests.browser.lab import Lab, NotebookPage
from tests.browser.lab_server import LabServer
from tests.browser.panel import chip, panel, row

__all__ = ["Story", "tell"]

SUBMIT = """
from tests.browser.work import parse
days = [f"2026-13-{{n:02}}" if n < {failing} else f"2026-11-{{n:02}}" for n in range({jobs})]
for day in days:
    monitor.submit(parse, day, name=f"parse {{day}}")
"""
MONITOR = "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor"
MEND = "open('mended', 'w').close()"
GROUP = "ValueError: bad day"


class Story:
    """Pictures in their order, each with what it shows.

    Args:
        folder: Where they go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.captions: list[str] = []

    def take(self, notebook: NotebookPage, caption: str) -> None:
        """Save a picture of the page, with the panel in sight: out of sight it draws nothing."""
        self.captions.append(caption)
        notebook.page.evaluate("jupyterapp.shell.collapseLeft()")
        notebook.cell(0).scroll_into_view_if_needed()
        notebook.page.screenshot(path=self._folder / self._name(len(self.captions)))

    def write_index(self) -> Path:
        """Save the page that shows them all; where it is."""
        figures = "\n".join(
            f'<figure><img src="{self._name(number)}" width="900">'
            f"<figcaption>{number}. {html.escape(caption)}</figcaption></figure>"
            for number, caption in enumerate(self.captions, start=1)
        )
        index = self._folder / "index.html"
        index.write_text(
            f'<!doctype html><meta charset="utf-8"><title>Many jobs</title>\n{figures}\n'
        )
        return index

    def _name(self, number: int) -> str:
        return f"{number:02}.png"


def tell(lab: Lab, story: Story, *, jobs: int, failing: int) -> None:
    """Submit jobs, see some fail, retry them, reload the page, restart the kernel, and see all end well."""
    notebook = lab.open([MONITOR, SUBMIT.format(jobs=jobs, failing=failing), MEND])
    notebook.run_and_wait(0)
    shown = notebook.output(0)
    expect(panel(shown)).to_contain_text("No jobs yet.")
    expect(panel(shown)).to_contain_text("live")
    story.take(notebook, "A monitor without jobs says what to type.")
    notebook.run_and_wait(1)
    expect(chip(shown, "succeeded")).to_be_visible()
    story.take(notebook, f"{jobs} jobs are submitted; the first have ended.")

    expect(chip(shown, "failed")).to_contain_text(str(failing))
    chip(shown, "failed").click()
    alike = row(shown, GROUP).first  # its jobs follow it when it is open
    expect(alike).to_contain_text(str(failing))
    story.take(notebook, f"Only failures are shown: {failing} of the same kind are one line.")
    alike.click()
    expect(alike).to_contain_text("Traceback")
    story.take(notebook, "The line opens: why they failed, in the newest of them.")
    notebook.run_and_wait(2)
    alike.get_by_role("button", name=f"Retry these {failing}").first.click()
    expect(row(shown, GROUP)).to_have_count(0)
    show_all = panel(shown).get_by_role("button", name="Show all").first
    if show_all.is_visible():  # not when all have ended already, and the output was drawn anew
        show_all.click()
    expect(chip(shown, "failed")).to_have_count(0)
    story.take(notebook, "The cause is mended, and all of them are retried at once.")

    notebook.reload()
    shown = notebook.output(0)
    expect(panel(shown)).to_contain_text("live")
    story.take(notebook, "The page was reloaded in the middle: the same jobs, live.")
    notebook.restart_kernel()
    expect(panel(shown)).to_contain_text("JobMonitor()")
    story.take(
        notebook, "The kernel was restarted: the panel says that it is not live, and what to run."
    )
    notebook.run_and_wait(0)
    expect(panel(shown)).to_contain_text("live")
    story.take(notebook, "The cell was run again: the jobs went on meanwhile.")
    expect(chip(shown, "succeeded")).to_contain_text(str(jobs))
    story.take(notebook, f"All {jobs} have succeeded.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--failing", type=int, default=10)
    options = parser.parse_args(arguments)
    expect.set_options(timeout=600_000)  # all jobs have to end
    story = Story(options.folder)
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(Path(folder)) as server,
        launched() as browser,
    ):
        context = browser.new_context(viewport={"width": 1100, "height": 760})
        lab = Lab(server, context, workspace="story")
        tell(lab, story, jobs=options.jobs, failing=options.failing)
        lab.close()
    sys.stdout.write(f"{story.write_index()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
