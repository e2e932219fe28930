"""A marimo notebook, served, with folders and a backend that are all its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.browser.server import Server

__all__ = ["MarimoServer"]

ADDRESS = re.compile(r"http://localhost:\d+")


class MarimoServer(Server):
    """One notebook.

    Args:
        folder: An empty one.
        mode: `run` shows the notebook as an application, `edit` with its cells, which run when it is opened.
        source: The notebook's text.
    """

    def __init__(self, folder: Path, mode: str, source: str) -> None:
        super().__init__(folder)
        self._mode = mode
        self._source = source

    def command(self) -> list[str]:
        notebook = self.folder / "notebook.py"
        notebook.write_text(self._source)
        # Where marimo keeps its settings and what it remembers between runs.
        settings = self.folder / "xdg" / "marimo"
        settings.mkdir(parents=True)
        (settings / "marimo.toml").write_text("[runtime]\nauto_instantiate = true\n")
        xdg = str(settings.parent)
        self.environ |= {"XDG_CONFIG_HOME": xdg, "XDG_STATE_HOME": xdg, "XDG_CACHE_HOME": xdg}
        return [
            *(sys.executable, "-m", "marimo", "-y", self._mode),
            *(str(notebook), "--headless", "--no-token", "--host", "127.0.0.1"),
        ]

    def served_at(self) -> str | None:
        found = ADDRESS.search(self.log())
        return found and found[0]
