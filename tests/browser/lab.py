"""JupyterLab, or Notebook 7, in a real browser, driven by its own commands.

A `LabServer` is one server whose folders are all its own. A `Lab` is one browser context with one workspace on
that server. A `NotebookPage` is one notebook in it. Cells are run by JupyterLab's commands, never by its menus, which
race the kernel's start; every wait is for a condition, never for time.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import nbformat
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.browsing import OURS, Browsing
from tests.browser.lab_server import LabServer

__all__ = ["Lab", "NotebookPage"]

PAGE_SIDE = Path(__file__).with_name("lab.js")

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Lab(Browsing):
    """One workspace of a server, in a browser context of its own.

    Attributes:
        server: The server.
    """

    def __init__(self, server: LabServer, context: BrowserContext, workspace: str) -> None:
        super().__init__(context, OURS, server)
        self.server = server
        self.workspace = workspace
        context.add_init_script(path=PAGE_SIDE)

    def open(self, notebook: Sequence[str] | Path) -> NotebookPage:
        """Open a notebook in a new page and wait until its kernel is idle.

        Args:
            notebook: The sources of its code cells, or a notebook file, of which a copy is opened.
        """
        number = len(self.context.pages) + 1
        if isinstance(notebook, Path):
            document = nbformat.read(notebook, as_version=4)
        else:
            cells = [nbformat.v4.new_code_cell(source) for source in notebook]
            document = nbformat.v4.new_notebook(cells=cells)
        document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = f"{self.workspace}-{number}.ipynb"
        nbformat.write(document, self.server.notebooks / path)
        page = self.context.new_page()
        workspace = f"{self.workspace}-{number}"
        page.goto(self.server.address(path, workspace))
        opened = NotebookPage(self, page, path)
        opened.wait_until_idle()
        return opened

    def close(self) -> None:
        """Close all pages, end all jobs and kernels, and undo what the server remembers of this workspace."""
        super().close()
        self.server.cancel_jobs()
        self.server.shut_down_kernels()
        self.server.forget_theme()


class NotebookPage:
    """One notebook in one page of a `Lab`. Cells are named by their index.

    Attributes:
        page: Playwright's page.
        path: The notebook's path on the server.
    """

    def __init__(self, lab: Lab, page: Page, path: str) -> None:
        self.lab = lab
        self.page = page
        self.path = path

    def wait_until_idle(self) -> None:
        """Wait until the notebook is open and its kernel has nothing to do."""
        self.page.wait_for_function("path => lab.kernelStatus(path) === 'idle'", arg=self.path)

    def run(self, index: int) -> int:
        """Start a cell and return at once; the number is for `wait_for_run`."""
        self._make_current()
        number = self.page.evaluate("([path, index]) => lab.start(path, index)", [self.path, index])
        return int(number)

    def is_running(self, number: int) -> bool:
        """Whether a started cell has not ended."""
        return not self.page.evaluate("number => lab.runs[number]", number)

    def wait_for_run(self, number: int, *, check: bool = True) -> None:
        """Wait until a started cell has ended.

        Raises:
            AssertionError: `check` is set and the cell shows an error; the text is its traceback.
        """
        self.page.wait_for_function("number => lab.runs[number]", arg=number)
        error = self.page.evaluate("number => lab.runs[number].error", number)
        if check and error:
            raise AssertionError(re.sub(r"\x1b\[[\d;]*m", "", error))

    def run_and_wait(self, index: int, *, check: bool = True) -> None:
        """Run a cell to its end; see `wait_for_run`."""
        self.wait_for_run(self.run(index), check=check)

    def insert_and_run(self, source: str, *, check: bool = True) -> int:
        """Add a cell at the end and run it to its end; its index."""
        index = int(
            self.page.evaluate("([path, source]) => lab.append(path, source)", [self.path, source])
        )
        self.run_and_wait(index, check=check)
        return index

    def sources(self) -> list[str]:
        """What is in the cells, in their order."""
        found: list[str] = self.page.evaluate(
            "path => lab.panel(path).content.widgets.map(({ model }) => model.sharedModel.source)",
            self.path,
        )
        return found

    def mode(self) -> str:
        """`command` or `edit`."""
        return str(self.page.evaluate("path => lab.panel(path).content.mode", self.path))

    def cell(self, index: int) -> Locator:
        """A cell, input and output."""
        return self._panel.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def output(self, index: int) -> Locator:
        """What a cell shows below its source."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def new_view_for_output(self, index: int) -> Locator:
        """Open a second view of a cell's output beside the notebook."""
        self._make_current()
        self._command(index, "notebook:create-output-view")
        return self.page.locator(".jp-LinkedOutputView").last

    def clear_output(self, index: int) -> None:
        """Take away what a cell shows."""
        self._make_current()
        self._command(index, "notebook:clear-cell-output")

    def kill_kernel(self) -> None:
        """End the kernel as the system does when memory runs out, and wait until the server has started another."""
        index = self.insert_and_run("import os\nprint(os.getpid())")
        os.kill(int(self.output(index).inner_text()), signal.SIGKILL)
        self.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
        self.wait_until_idle()

    def restart_kernel(self) -> None:
        """Start the kernel anew, as the button does after its question, and wait until it is idle."""
        self._of_panel("panel.sessionContext.restartKernel()")
        self.wait_until_idle()

    def interrupt(self) -> None:
        """Interrupt the kernel, as the button does."""
        self._of_panel("panel.sessionContext.session.kernel.interrupt()")

    def save(self) -> None:
        """Save the notebook."""
        self._of_panel("panel.context.save()")

    def saved(self) -> nbformat.NotebookNode:
        """The notebook as the server's disk has it."""
        return nbformat.read(self.lab.server.notebooks / self.path, as_version=4)

    def reload(self) -> None:
        """Save the notebook and load the page anew; the kernel lives on.

        In a page that loads slowly JupyterLab's widget manager calls itself restored before it is, and the widget's
        place then says "model not found" for good (seen in one of ten reloads with the CPU slowed down eightfold,
        November 2026). As a reader would, this loads the page once more then, twice at most.
        """
        self.save()
        for _ in range(3):
            self.page.reload()
            self.wait_until_idle()
            expect(self._panel.get_by_text("Loading widget...")).to_have_count(0)
            if not self._panel.get_by_text("Error displaying widget: model not found").count():
                return

    def set_theme(self, theme: str) -> None:
        """Switch JupyterLab to its `light` or `dark` theme."""
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })",
            THEMES[theme],
        )
        light = "true" if theme == "light" else "false"
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light)

    def close(self) -> None:
        """Close the page; its kernel lives on until the end of the test."""
        self.page.close()

    @property
    def _panel(self) -> Locator:
        panel_id = self.page.evaluate("path => lab.panel(path).id", self.path)
        return self.page.locator(f'[id="{panel_id}"]')

    def _make_current(self) -> None:
        if not self.page.evaluate("path => lab.isCurrent(path)", self.path):
            self.page.evaluate(
                "path => jupyterapp.shell.activateById(lab.panel(path).id)", self.path
            )
            self.page.wait_for_function("path => lab.isCurrent(path)", arg=self.path)

    def _command(self, index: int, name: str) -> None:
        self.page.evaluate(
            "async ([path, index, name]) => { await lab.command(path, index, name) }",
            [self.path, index, name],
        )

    def _of_panel(self, expression: str) -> None:
        self.page.evaluate(
            f"async path => {{ const panel = lab.panel(path); await {expression} }}", self.path
        )
