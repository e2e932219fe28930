from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bare_api import BareApi


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()
