"""Makes `pytest --nbval notebooks` repeatable: folders, a backend and an API of its own, one group for each notebook."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.own_api import own_api
from tests.support.own_folders import own_folders

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    stack = ExitStack()
    config.add_cleanup(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="notebooks-"))
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    for name, value in stack.enter_context(own_folders(Path(folder) / "own")).items():
        patch.setenv(name, value)
    patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for name, value in stack.enter_context(own_api(Path(folder) / "api")).items():
        patch.setenv(name, value)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # As a Jupyter server tells its kernels; nbval starts a notebook's kernel at its first cell, after this.
    os.environ["JPY_SESSION_NAME"] = str(item.path)
