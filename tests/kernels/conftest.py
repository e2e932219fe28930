from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kernels.environments import FOLDER
from tests.kernels.matrix import Click, Seen, Setup, Visit, visit_all


@pytest.fixture(scope="session")
def visits(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[Setup, Visit]:
    """What was seen on the kernels, and in the cells, that the chosen tests are about."""
    chosen = [params for item in request.session.items if (params := asked(item))]
    kept = os.environ.get(FOLDER) or request.config.cache.mkdir("kernels")
    return visit_all(
        dict.fromkeys(params["setup"] for params in chosen),
        dict.fromkeys(params["cell"] for params in chosen if "cell" in params),
        Path(kept),
        tmp_path_factory.mktemp("kernels"),
    )


def asked(item: pytest.Item) -> Mapping[str, Any]:
    """The parameters of a test that looks at visits."""
    if "visits" not in getattr(item, "fixturenames", ()):
        return {}
    params: Mapping[str, Any] = item.callspec.params  # type: ignore[attr-defined]  # a function has it
    return params


@pytest.fixture
def visit(visits: dict[Setup, Visit], setup: Setup) -> Visit:
    return visits[setup]


@pytest.fixture
def seen(visit: Visit, cell: str) -> Seen:
    """What was seen of one cell."""
    found = visit.cells[cell]
    if isinstance(found, Exception):
        raise found
    return found


@pytest.fixture
def click(visit: Visit) -> Click:
    if isinstance(visit.click, Exception):
        raise visit.click
    assert visit.click is not None
    return visit.click
