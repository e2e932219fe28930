"""The panel in a plain page, wired to a real monitor: for all that needs no front end of Jupyter's.

`Pages` opens them, in one browser context; a `PanelPage` is one of them, with as many views of the panel as a test
likes. A page takes a tenth of a second where JupyterLab takes four.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, Locator, Page

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.browsing import Browsing
from tests.browser.page_server import PageComm, PageServer

__all__ = ["Pages", "PanelPage"]


class Pages(Browsing):
    """Plain pages in one browser context; every error in them counts."""

    def __init__(self, server: PageServer, context: BrowserContext) -> None:
        super().__init__(context)
        self._page_server = server
        self._opened: list[PanelPage] = []

    def open(self, monitor: JobMonitor, *, csp: str = "", linked_style: bool = False) -> PanelPage:
        """A page that knows a monitor and shows no view of it yet.

        Args:
            monitor: Whose comm is a `PageComm`.
            csp: The page's content security policy.
            linked_style: Whether the page brings the panel's style sheet itself, because its policy keeps anywidget
                from adding one.
        """
        comm = monitor.comm
        assert isinstance(comm, PageComm)
        asked = {name: value for name, value in (("csp", csp), ("link", linked_style)) if value}
        url = f"{self._page_server.address_of(comm)}?{urlencode(asked)}"
        opened = PanelPage(self.context.new_page(), comm, url)
        opened.load()
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all pages.

        Raises:
            Exception: Whatever the widget raised when it was told something by a page.
        """
        super().close()
        for opened in self._opened:
            for fault in opened.comm.faults:
                raise fault


class PanelPage:
    """One page.

    Attributes:
        page: Playwright's page.
        comm: The kernel's end.
        requests: What the page asked the network for, but itself.
    """

    def __init__(self, page: Page, comm: PageComm, url: str) -> None:
        self.page = page
        self.comm = comm
        self.requests: list[str] = []
        self._url = url
        self._views = 0
        page.on("request", lambda request: self.requests.append(request.url))

    def load(self) -> None:
        """Load the page, or load it anew."""
        self.page.goto(self._url)
        self.page.wait_for_function("() => host.model")

    def view(self) -> Locator:
        """Show the panel in one more place."""
        self._views += 1
        id_ = f"view-{self._views}"
        self.page.evaluate("id => host.show(id)", id_)
        return self.page.locator(f"#{id_}")

    def remove(self, view: Locator) -> None:
        """Take a view away, as when an output is cleared."""
        self.page.evaluate("id => host.remove(id)", view.get_attribute("id"))

    def lose_kernel(self) -> None:
        """Cut the page off from its kernel."""
        self.page.evaluate("host.lose()")

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The page's own messages of a type, oldest first."""
        return self._messages("said", kind)

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """The kernel's messages of a type, oldest first."""
        return self._messages("heard", kind)

    def refused(self) -> list[str]:
        """What the page's policy kept from happening."""
        refused: list[str] = self.page.evaluate("host.refused")
        return refused

    def _messages(self, which: str, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate(
            "([which, kind]) => host[which].filter(({ type }) => type === kind)", [which, kind]
        )
        return found
