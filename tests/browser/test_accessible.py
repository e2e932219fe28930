"""Every scene of the demo page, in both themes, wide and narrow, before axe-core."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import violations
from tests.browser.gallery import SCENES, demo_page

PANEL = "section[aria-label=Jobs]"
WIDTHS = (900, 320)

# Puts the scene into a theme and a width, and waits until nothing more changes: a scene goes on after its first paint,
# as a reader who clicks does.
SETTING = """([theme, width]) => new Promise((resolve) => {
  document.documentElement.dataset.theme = theme;
  document.body.style.width = `${width}px`;
  let quiet;
  const observer = new MutationObserver(() => wait());
  const wait = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => { observer.disconnect(); resolve(); }, 100);
  };
  observer.observe(document, { subtree: true, childList: true, attributes: true });
  wait();
})"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Path]:
    with demo_page() as page:
        yield page


@pytest.fixture(scope="module")
def sheet(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("scene", SCENES)
def test_no_scene_breaks_a_rule(demo: Path, sheet: Page, scene: str) -> None:
    sheet.goto(f"{demo.as_uri()}?scene={scene}")
    sheet.locator(PANEL).wait_for()
    found: dict[str, list[str]] = {}
    for theme, width in itertools.product(("light", "dark"), WIDTHS):
        sheet.evaluate(SETTING, [theme, width])
        for text in violations(sheet, PANEL):
            found.setdefault(text, []).append(f"{theme} {width} px")

    assert not found, "\n".join(
        f"{text}\n    in {', '.join(where)}" for text, where in found.items()
    )
