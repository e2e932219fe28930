from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from jupyter_jobs.jobs.embedded import find_backend
from tests.support.backend import PATIENCE_S, RunningBackend, make_known, running_backend
from tests.support.leftovers import nothing_left

# The suite starts some hundred processes; without it each of them would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell ignores SIGINT for what it starts in the background, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest time limits go first, lest one worker is still at them when the others have ended."""
    limits: dict[Path, float] = {}
    for item in items:
        for marker in item.iter_markers("timeout"):
            limits[item.path] = max(limits.get(item.path, 0.0), *marker.args)
    items.sort(key=lambda item: -limits.get(item.path, 0.0))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No test leaves a thread, a task or a socket of ours behind."""
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _folders_of_its_own(
    _nothing_is_left: None,  # looks last, when whatever was patched is as it was
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No test touches the user's backend, jobs or settings."""
    for name in tuple(os.environ):
        if name.startswith(("JUPYTER_JOBS_", "AWS_")) and not name.startswith("JUPYTER_JOBS_TEST_"):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(folder / "jobs"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    make_known(folder / "runtime")


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend that runs jobs; shared by the tests of a module."""
    with running_backend(tmp_path_factory.mktemp("backend")) as running:
        yield running


@pytest.fixture
def own_backend(tmp_path: Path) -> Iterator[RunningBackend]:
    """A backend for one test alone."""
    with running_backend(tmp_path / "backend") as running:
        yield running


@pytest.fixture(scope="module")
def external_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    """A backend whose named requests wait for a test to work them off."""
    with running_backend(tmp_path_factory.mktemp("external"), "--external") as running:
        yield running


@pytest.fixture
def started_backends_end() -> Iterator[None]:
    """The embedded backends that a test starts end with it, in this process or in one that has ended."""
    before = {process.pid for process in psutil.Process().children()}
    yield
    started = [child for child in psutil.Process().children() if child.pid not in before]
    if (backend := find_backend()) and backend.pid not in {child.pid for child in started}:
        started.append(psutil.Process(backend.pid))
    for process in started:
        process.kill()
    psutil.wait_procs(started, PATIENCE_S)
