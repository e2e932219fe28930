"""Take a picture of every scene of `js/demo.html`, in both themes and three widths.

    python tests/browser/gallery.py FOLDER [--scene NAME ...] [--sheets] [--measure]

`--sheets` also lays out the pictures of each theme and width side by side, for a look at once. `--measure` runs the
10,000-job scene instead and prints what a frame costs. Needs Node, for the demo page, and Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

JS = Path(__file__).parents[2] / "js"
SCENES = (
    *("empty", "running", "running-open", "log", "cancel-asking", "mixed", "mixed-open"),
    *("cancel-many", "done", "done-open", "failed", "failed-open", "failures", "failures-open"),
    *("failures-lost", "retry-sent", "collapsed", "help", "busy", "reconnecting", "stale"),
    *("refused", "closed", "silent", "many", "many-searched", "many-filtered", "vscode"),
    *("long", "long-open", "long-end", "again-sent", "batch"),
    *("form", "form-wrong", "form-refused"),
)
THEMES = ("light", "dark")
WIDTHS = (900, 560, 320)
MARGIN = 24  # of the demo page's body
SHEET_WIDTH = 1900
SHEET = """<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 0; padding: 32px; columns: {across}; column-gap: 0;
         font: 13px/20px system-ui, sans-serif; color: #888; }}
  [data-theme="light"] {{ background: #fff }} [data-theme="dark"] {{ background: #111 }}
  h1 {{ column-span: all; margin: 0 24px 16px; font-size: 20px; font-weight: 600 }}
  figure {{ margin: 0 0 8px; break-inside: avoid }}
  figcaption {{ position: relative; z-index: 1; margin: 0 24px -20px }}
  img {{ display: block; width: 100% }}
</style><body data-theme="{theme}"><h1>The panel, {theme}, {width} px</h1>{cells}"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Pictures of the panel in every state.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scene", action="append", choices=SCENES)
    parser.add_argument("--sheets", action="store_true")
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with demo_page() as demo, chromium() as browser:
        if options.measure:
            measure(browser, demo)
            return 0
        pictures = 0
        for theme in THEMES:
            for width in WIDTHS:
                for scene in options.scene or SCENES:
                    query = {"scene": scene, "theme": theme, "width": str(width)}
                    target = options.folder / f"{scene}-{theme}-{width}.png"
                    take(browser, demo, query, target)
                    pictures += 1
                if options.sheets:
                    names = options.scene or SCENES
                    lay_out(browser, options.folder, names, theme, width)
    sys.stdout.write(f"{pictures} pictures in {options.folder}\n")
    return 0


@contextmanager
def demo_page() -> Iterator[Path]:
    """Build the demo page into a folder that goes away again."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", "build.mjs", "--demo", folder], cwd=JS, check=True)
        yield Path(folder) / "demo.html"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser, demo: Path, query: dict[str, str], height: int) -> Iterator[Page]:
    width = int(query.get("width", "900")) + 2 * MARGIN
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=2)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{demo.as_uri()}?{urlencode(query)}")
    page.locator(".jj-root").first.wait_for()
    page.wait_for_function("document.documentElement.dataset.played === 'yes'")
    yield page
    page.close()
    if faults:
        sys.exit(f"{query}: {faults}")


def lay_out(browser: Browser, folder: Path, scenes: Sequence[str], theme: str, width: int) -> None:
    """Put the pictures of one theme and width side by side, each below its name."""
    across = max(1, SHEET_WIDTH // width)
    cells = "".join(
        f"<figure><figcaption>{name}</figcaption><img src='{name}-{theme}-{width}.png'></figure>"
        for name in scenes
    )
    sheet = folder / f"sheet-{theme}-{width}.html"
    sheet.write_text(SHEET.format(theme=theme, width=width, across=across, cells=cells))
    try:
        page = browser.new_page(
            viewport={"width": across * (width + 2 * MARGIN) + 64, "height": 400}
        )
        page.goto(sheet.as_uri())
        page.screenshot(path=sheet.with_suffix(".png"), full_page=True)
        page.close()
    finally:
        sheet.unlink()


def take(browser: Browser, demo: Path, query: dict[str, str], target: Path) -> None:
    with page_of(browser, demo, query, height=400) as page:
        page.screenshot(path=target, full_page=True, animations="disabled")


def measure(browser: Browser, demo: Path, seconds: int = 10) -> None:
    """Print how smooth the panel is, and what one drawing costs, while 500 of 10,000 jobs change at 20 Hz."""
    with page_of(browser, demo, {"scene": "storm"}, height=600) as page:
        for how, scroll in (("at rest", 0), ("scrolling", 30), ("scrolling fast", 200)):
            seen = page.evaluate(FRAMES, {"ms": seconds * 1000, "scroll": scroll})
            gaps, draws = sorted(seen["gaps"]), sorted(seen["draws"])
            sys.stdout.write(
                f"{how}: {len(gaps) / seconds:.1f} frames a second, p99 {gaps[int(len(gaps) * 0.99)]:.1f} ms; "
                f"{len(draws)} drawings, median {median(draws):.2f} ms, "
                f"p95 {draws[int(len(draws) * 0.95)]:.2f} ms\n"
            )
        sys.stdout.write(f"rows in the page: {page.locator('.jj-row').count()}\n")


# A drawing is what a frame's callback does, with the rendering that it leaves to the microtasks.
FRAMES = """({ms, scroll}) => new Promise((resolve) => {
  const list = document.querySelector(".jj-list");
  const gaps = [], draws = [];
  const real = window.requestAnimationFrame;
  window.requestAnimationFrame = (draw) => real((now) => {
    const began = performance.now();
    draw(now);
    queueMicrotask(() => draws.push(performance.now() - began));
  });
  const end = performance.now() + ms;
  let last = performance.now();
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (scroll) list.scrollTop = (list.scrollTop + scroll) % (list.scrollHeight - 400);
    if (now < end) return real(frame);
    window.requestAnimationFrame = real;
    resolve({ gaps: gaps.slice(1), draws });
  };
  real(frame);
})"""


if __name__ == "__main__":
    sys.exit(main())
