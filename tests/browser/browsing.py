"""What all harnesses share: a browser context that keeps the errors of our own code, and pictures of its pages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    expect,
    sync_playwright,
)

from tests.browser.server import PATIENCE_S, Server

__all__ = ["OURS", "Browsing", "launched"]

expect.set_options(timeout=PATIENCE_S * 1000)

EVERYTHING = re.compile("")
# What comes from a widget's module, which anywidget imports from a blob, or from anywidget itself.
OURS = re.compile(r"blob:|anywidget|jupyter_jobs")


class Browsing:
    """One browser context.

    Attributes:
        console_errors: What was thrown or written to the console as an error, in all pages, as text.
        context: Playwright's context.
    """

    def __init__(
        self,
        context: BrowserContext,
        ours: re.Pattern[str] = EVERYTHING,
        server: Server | None = None,
    ) -> None:
        """Watch a context; errors count when their text, stack or place matches `ours`."""
        self.console_errors: list[str] = []
        self.context = context
        self._server = server
        self._ours = ours
        context.set_default_timeout(PATIENCE_S * 1000)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._on_error(error.error))

    def screenshot(self, folder: Path, name: str) -> list[Path]:
        """Save a picture of each open page; where they are."""
        folder.mkdir(parents=True, exist_ok=True)
        pictures = []
        for number, page in enumerate(self.context.pages, start=1):
            picture = folder / f"{name}-{number}.png"
            page.screenshot(path=picture)
            pictures.append(picture)
        return pictures

    def log(self) -> str:
        """What the server, if there is one, wrote last."""
        return self._server.log() if self._server else ""

    def close(self) -> None:
        """Close all pages."""
        self.context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and self._ours.search(
            f"{message.text} {message.location['url']}"
        ):
            self.console_errors.append(message.text)

    def _on_error(self, error: Error) -> None:
        text = error.stack or str(error)
        if self._ours.search(text):
            self.console_errors.append(text)


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium: the one that `CHROMIUM` names, else the system's.

    Raises:
        FileNotFoundError: There is none.
    """
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        raise FileNotFoundError(
            "no Chromium: install Debian's package chromium, or set CHROMIUM to its path"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            # Root has no sandbox; without a network the background services only fill the console.
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()
