import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_jobs.cli import demo
from tests.cli.conftest import Run
from tests.support.backend import RunningBackend


def test_the_demo_shows_four_outcomes(backend: RunningBackend, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "jupyter_jobs.cli", "demo"],
        env={
            **os.environ,
            "JUPYTER_JOBS_ENDPOINT": backend.http,
            "JUPYTER_JOBS_API_KEY": backend.key,
            "COLUMNS": "160",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=55,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    *table, function, command, notebook, failure = ran.stdout.splitlines()
    for name, status in [
        ("function", "✔ succeeded"),
        ("command", "✔ succeeded"),
        ("notebook", "✔ succeeded"),
        ("fails on purpose", "✖ failed"),
    ]:
        [line] = [line for line in table if f" {name} " in line]
        assert line.split(maxsplit=1)[1].startswith(status)
    assert function.startswith("function: 3.1")
    assert command == "command: 0"
    assert notebook == "notebook: report.ipynb"
    assert failure.startswith("fails on purpose failed: ValueError: bad day '2026-13-01'")
    assert os.listdir(tmp_path) == []


def test_the_demo_tells_its_jobs_as_json(backend: RunningBackend, works: Run) -> None:
    code, out, err = works("demo", "--json")

    assert (code, err) == (0, "")
    assert [(job["name"], job["status"]) for job in json.loads(out)] == [
        ("function", "SUCCEEDED"),
        ("command", "SUCCEEDED"),
        ("notebook", "SUCCEEDED"),
        ("fails on purpose", "FAILED"),
    ]


def test_the_lab_opens_a_copy_of_the_quickstart_and_keeps_one_that_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[list[str]] = []

    def call(words: list[str]) -> int:
        opened.append(words[1:])
        return 7

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "call", call)

    assert demo.open_lab() == 7
    assert opened == [["-m", "jupyterlab", demo.NOTEBOOKS[0]]]
    assert "JobMonitor()" in Path(demo.NOTEBOOKS[0]).read_text("utf-8")
    assert set(os.listdir()) == set(demo.NOTEBOOKS)
    Path(demo.NOTEBOOKS[0]).write_text("mine")
    demo.open_lab()
    assert Path(demo.NOTEBOOKS[0]).read_text() == "mine"


def test_an_interrupted_lab_is_an_interrupted_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "call", interrupt)

    assert demo.open_lab() == 130
