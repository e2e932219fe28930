"""The panel under the theme of VS Code, which may be another than the system's."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.page import Pages
from tests.browser.panel import panel, state
from tests.browser.vscode import THEMES, dress
from tests.support.backend import RunningBackend


@pytest.mark.parametrize(
    ("theme", "system"),
    [("vscode-light", "dark"), ("vscode-dark", "light"), ("vscode-high-contrast", "light")],
)
def test_the_colours_are_the_editors(
    pages: Pages,
    monitor: JobMonitor,
    external_backend: RunningBackend,
    theme: str,
    system: str,
) -> None:
    page = pages.open(monitor)
    page.page.emulate_media(color_scheme=system)  # type: ignore[arg-type]  # one of the two it takes
    dress(page.page, theme)
    shown = page.view()
    job = monitor.submit("train")
    external_backend.update(job.id, status="FAILED", error='{"type": "ValueError"}')
    mark = state(shown, "train", "failed")
    expect(mark).to_be_visible()

    expect(panel(shown)).to_have_css("background-color", rgb(THEMES[theme]["editor-background"]))
    expect(panel(shown)).to_have_css("color", rgb(THEMES[theme]["foreground"]))
    assert colours_in(mark) >= {rgb(THEMES[theme]["charts-red"])}


def test_another_theme_is_followed_at_once(pages: Pages, monitor: JobMonitor) -> None:
    page = pages.open(monitor)
    dress(page.page, "vscode-light")
    shown = page.view()
    expect(panel(shown)).to_have_css("background-color", "rgb(255, 255, 255)")

    dress(page.page, "vscode-dark")

    expect(panel(shown)).to_have_css("background-color", "rgb(31, 31, 31)")


def rgb(colour: str) -> str:
    red, green, blue = (int(part, 16) for part in re.findall("[0-9a-f]{2}", colour))
    return f"rgb({red}, {green}, {blue})"


def colours_in(mark: Locator) -> set[str]:
    """All colours that a mark is drawn in."""
    found: list[str] = mark.evaluate(
        """mark => [mark, ...mark.querySelectorAll("*")]
            .map(part => getComputedStyle(part)).flatMap(({ color, fill, stroke }) => [color, fill, stroke])"""
    )
    return set(found)
