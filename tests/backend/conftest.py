from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.storage.repository import Repository
from tests.support.kept import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repository(tmp_path: Path, clock: Clock) -> Iterator[Repository]:
    opened = Repository(tmp_path / "jobs.sqlite", now=clock)
    yield opened
    opened.close()
