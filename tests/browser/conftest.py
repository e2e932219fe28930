from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import Lab
from tests.browser.lab_server import LabServer

SCREENSHOTS = Path(__file__).with_name("screenshots")

# Covers the start of server and browser, which the first test pays for.
TIMEOUT_S = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.when == "call" and report.failed and lab is not None:
        pictures = lab.screenshot(SCREENSHOTS, file_name(item.name))
        report.sections.append(("screenshots", "\n".join(map(str, pictures))))
        report.sections.append(("JupyterLab", lab.server.log()))
        if lab.console_errors:
            report.sections.append(("console", "\n".join(lab.console_errors)))
    return report


def file_name(test_name: str) -> str:
    return re.sub(r"[^\w-]+", "-", test_name).strip("-")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> None:
    """Playwright keeps threads and sockets of its own until the last test has ended."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        pytest.fail("no Chromium: install Debian's package chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            # Root has no sandbox; without a network the background services only fill the console.
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(lab_server: LabServer, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Lab]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    lab = Lab(lab_server, context, workspace=file_name(request.node.name))
    yield lab
    lab.close()
    assert lab.console_errors == []
