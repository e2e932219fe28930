from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import comm
import pytest

from jupyter_jobs.widget.monitor import JobMonitor
from tests.support.monitor import Comm, closed


@pytest.fixture(autouse=True)
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", Comm)


@pytest.fixture(autouse=True)
def _closed_in_the_end(request: pytest.FixtureRequest) -> Iterator[None]:
    if "anyio_backend" in request.fixturenames:
        request.getfixturevalue("_closed_on_its_loop")
        yield
    else:
        yield
        for monitor in list(JobMonitor._monitors.values()):
            monitor.close()


@pytest.fixture
async def _closed_on_its_loop() -> AsyncIterator[None]:
    yield
    for monitor in list(JobMonitor._monitors.values()):
        await closed(monitor)
