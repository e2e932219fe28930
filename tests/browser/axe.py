"""axe-core in a page: what it finds against WCAG 2.2 AA and good practice, as text that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

__all__ = ["violations"]

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},  # new in WCAG 2.2, off in axe unless asked for
    "resultTypes": ["violations"],
    "preload": False,  # of style sheets from elsewhere, which there are none of
}


def violations(page: Page, part: str) -> list[str]:
    """What is wrong with a part of the page.

    Args:
        page: Any page; axe is put into it when it is not there.
        part: A CSS selector. The rules for whole pages, as that there is one `main`, are left out.

    Returns:
        For each rule that is broken: the rule, the first element, how to put it right, and how many more there are.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("([part, rules]) => axe.run(part, rules)", [part, RULES])
    return [_report(violation) for violation in found["violations"]]


def _report(violation: dict[str, Any]) -> str:
    first, *others = violation["nodes"]
    remedy = first["failureSummary"].replace("\n", "\n    ")
    more = f"\n    and {len(others)} elements more" if others else ""
    return f"{violation['id']}: {violation['help']}\n    {first['html'][:200]}\n    {remedy}{more}"
