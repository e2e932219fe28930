"""Where things are in the panel, by role and text: the one place to change when the panel does."""

from __future__ import annotations

from playwright.sync_api import Locator

__all__ = ["cancel", "panel", "progress", "row", "state"]


def panel(shown: Locator) -> Locator:
    """The panel in an output, a view or a page."""
    return shown.get_by_role("region", name="Jobs", exact=True)


def row(shown: Locator, name: str) -> Locator:
    """The line of the job, or group, of this name."""
    return panel(shown).get_by_role("row").filter(has_text=name)


def state(shown: Locator, name: str, word: str) -> Locator:
    """The mark of a job's state, if it is `word`."""
    return row(shown, name).get_by_role("img", name=word, exact=True)


def progress(shown: Locator, name: str) -> Locator:
    """The progress bar of a job."""
    return row(shown, name).get_by_role("progressbar")


def cancel(shown: Locator, name: str) -> None:
    """Cancel a job, and say yes."""
    row(shown, name).get_by_role("button", name=f"Cancel {name}").click()
    row(shown, name).get_by_role("button", name="Cancel job").click()
