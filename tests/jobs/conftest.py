from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from jupyter_jobs.jobs.api import JobApi
from tests.support.backend import RunningBackend
from tests.support.following import api_of


@pytest.fixture
def api(external_backend: RunningBackend) -> Iterator[JobApi]:
    """Asks the backend whose named requests wait for a test."""
    api = api_of(external_backend)
    yield api
    asyncio.run(api.wire.aclose())
