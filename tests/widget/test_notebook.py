import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import IPython
import pytest
from traitlets.config import Config

from jupyter_jobs.widget.notebook import config, default_group, running_loop


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What stands for the IPython that this would be a cell of."""
    shell = SimpleNamespace(config=Config(), user_ns={})
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    return shell


def test_outside_ipython_nothing_is_configured() -> None:
    assert config() == {}


def test_the_notebooks_configuration_is_what_ipython_knows(shell: SimpleNamespace) -> None:
    assert config() == {}

    shell.config.JobMonitor.region = "eu-west-1"
    assert config() == {"region": "eu-west-1"}


async def test_the_loop_is_the_one_that_runs() -> None:
    assert running_loop() is asyncio.get_running_loop()


def test_no_loop_is_none() -> None:
    assert running_loop() is None


def test_the_group_of_a_notebook_in_vs_code_is_its_own(
    shell: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell.user_ns["__vsc_ipynb_file__"] = "/home/me/analysis.ipynb"

    assert default_group().startswith("analysis-")


def test_a_group_is_one_notebooks_and_tells_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/secret-client/My report.ipynb")
    group = default_group()
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/other/My report.ipynb")

    assert re.fullmatch(r"My report-[0-9a-f]{8}", group)
    assert default_group() != group
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/secret-client/My report.ipynb")
    assert default_group() == group


def test_outside_a_notebook_the_group_is_the_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    (tmp_path / "analysis").mkdir()
    monkeypatch.chdir(tmp_path / "analysis")

    assert default_group().startswith("analysis-")
