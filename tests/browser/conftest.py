from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import comm
import pytest
from playwright.sync_api import Browser, ViewportSize

from jupyter_jobs.widget.monitor import JobMonitor
from tests.browser.browsing import Browsing, launched
from tests.browser.lab import Lab
from tests.browser.lab_server import LabServer
from tests.browser.page import Pages
from tests.browser.page_server import PageComm, PageServer
from tests.support.backend import RunningBackend
from tests.support.monitor import of

SCREENSHOTS = Path(__file__).with_name("screenshots")
WINDOW = ViewportSize(width=1280, height=900)

# Covers the start of server and browser, which the first test pays for.
TIMEOUT_S = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        for host in getattr(item, "funcargs", {}).values():
            if isinstance(host, Browsing):
                pictures = host.screenshot(SCREENSHOTS, file_name(item.name))
                report.sections.append(("screenshots", "\n".join(map(str, pictures))))
                report.sections.append(("console", "\n".join(host.console_errors)))
                report.sections.append(("server", host.log()))
    return report


def file_name(test_name: str) -> str:
    return re.sub(r"[^\w-]+", "-", test_name).strip("-")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> None:
    """Playwright keeps threads and sockets of its own until the last test has ended."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(lab_server: LabServer, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Lab]:
    context = chromium.new_context(viewport=WINDOW)
    lab = Lab(lab_server, context, workspace=file_name(request.node.name))
    yield lab
    lab.close()
    assert lab.console_errors == []


@pytest.fixture(scope="session")
def page_server() -> Iterator[PageServer]:
    with PageServer() as server:
        yield server


@pytest.fixture
def pages(page_server: PageServer, chromium: Browser) -> Iterator[Pages]:
    pages = Pages(page_server, chromium.new_context(viewport=WINDOW))
    yield pages
    pages.close()
    assert pages.console_errors == []


@pytest.fixture
def monitor(
    external_backend: RunningBackend,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[JobMonitor]:
    """A monitor whose comm leads to plain pages, and whose jobs wait for the test to work them off."""
    monkeypatch.setattr(comm, "create_comm", PageComm)
    with of(external_backend, file_name(request.node.name), loop="thread") as monitor:
        yield monitor
