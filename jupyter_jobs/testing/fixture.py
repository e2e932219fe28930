"""The fixture for pytest; the only module that imports it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_jobs.testing.scripted import ScriptedJobs

__all__ = ["scripted_jobs"]


@pytest.fixture
def scripted_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedJobs]:
    """A backend of this test's own, which every `JobMonitor()` finds, and whose jobs follow a script."""
    with ScriptedJobs(tmp_path_factory.mktemp("scripted_jobs")) as jobs:
        yield jobs
