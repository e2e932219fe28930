from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jupyter_jobs.backend.life.handles import raise_open_files


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_once_and_the_former_one_told() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    first, second = raise_open_files(), raise_open_files()

    assert (first, second) == (256, None)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256


def test_a_system_that_does_not_allow_it_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    def refused(*limits: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    with monkeypatch.context() as system:
        system.setattr(resource, "setrlimit", refused)
        told = raise_open_files()

    assert told is None
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 256


def test_where_there_are_no_such_limits_nothing_is_done() -> None:
    code = (
        "import sys; sys.modules['resource'] = None\n"
        "from jupyter_jobs.backend.life.handles import raise_open_files\n"
        "print(raise_open_files())"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "None\n"
