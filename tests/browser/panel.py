"""Where things are in the panel, by role and text: the one place to change when the panel does."""

from __future__ import annotations

import re

from playwright.sync_api import Locator

__all__ = [
    "cancel",
    "chip",
    "group_by",
    "log",
    "open_details",
    "panel",
    "progress",
    "row",
    "rows",
    "search",
    "state",
]


def panel(shown: Locator) -> Locator:
    """The panel in an output, a view or a page."""
    return shown.get_by_role("region", name="Jobs", exact=True)


def rows(shown: Locator) -> Locator:
    """All lines of jobs and groups that are drawn."""
    return panel(shown).get_by_role("row").filter(has=shown.page.get_by_role("gridcell"))


def row(shown: Locator, name: str) -> Locator:
    """The line of the job, or group, of this name."""
    return rows(shown).filter(has_text=name)


def state(shown: Locator, name: str, word: str) -> Locator:
    """The mark of a job's state, if it is `word`."""
    return row(shown, name).get_by_role("img", name=word, exact=True)


def progress(shown: Locator, name: str) -> Locator:
    """The progress bar of a job."""
    return row(shown, name).get_by_role("progressbar")


def chip(shown: Locator, word: str) -> Locator:
    """The count of jobs in a state, which is a filter."""
    chips = panel(shown).get_by_role("group", name="Show only")
    return chips.get_by_role("button", name=re.compile(rf"^[\d,]+ {word}\b"))


def search(shown: Locator) -> Locator:
    """The field to search in."""
    return panel(shown).get_by_role("searchbox")


def group_by(shown: Locator) -> Locator:
    """The choice of how jobs are put together."""
    return panel(shown).get_by_role("combobox", name="Group jobs")


def log(shown: Locator) -> Locator:
    """A job's output as it comes."""
    return panel(shown).get_by_role("log")


def open_details(shown: Locator, name: str) -> None:
    """Open what stands below a job."""
    row(shown, name).get_by_role("button", name=f"Details of {name}").click()


def cancel(shown: Locator, name: str) -> None:
    """Cancel a job, and say yes."""
    row(shown, name).get_by_role("button", name=f"Cancel {name}").click()
    row(shown, name).get_by_role("button", name="Cancel job").click()
