"""What a stranger gets: the wheel that a checkout builds, what it installs, and the notebooks as committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from jupyter_jobs.cli import demo
from tests.support.own_folders import own_folders

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MAX_BUNDLE = 48 * 1024
MAX_NOTEBOOK = 64 * 1024

# Keys and tokens by their shape: AppSync's API keys, JWTs, AWS access keys.
SECRET = re.compile(r"da2-[a-z0-9]{20,}|eyJ[\w-]{8,}\.[\w-]+\.|(?:AKIA|ASIA)[A-Z0-9]{16}")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])(?:/(?:root|home|Users|work|tmp|private|var)/|[A-Z]:\\\\)\S*"
)


def run(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; a failure shows all it said."""
    ended = subprocess.run(
        command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert ended.returncode == 0, f"{command} failed:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy that holds what git would: no bundle, no node_modules."""
    checkout = tmp_path_factory.mktemp("checkout")
    listed = run(*("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    assert not (checkout / "jupyter_jobs/static").exists()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")

    run(*pip, "--no-deps", "--wheel-dir", "dist", ".", cwd=checkout)

    (built,) = (checkout / "dist").iterdir()
    return built


@pytest.mark.timeout(900)
def test_the_wheel_holds_all_that_is_not_python(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "jupyter_jobs/jobs/schema.graphql",
        "jupyter_jobs/py.typed",
        *(f"jupyter_jobs/static/{name}" for name in demo.NOTEBOOKS),
        "jupyter_jobs/static/widget.css",
        "jupyter_jobs/static/widget.js",
    } <= held
    assert not [name for name in held if not name.startswith("jupyter_jobs")]


@pytest.mark.timeout(900)
def test_the_bundle_is_small_and_complete(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        bundle = archive.read("jupyter_jobs/static/widget.js")
        style = archive.read("jupyter_jobs/static/widget.css")

    assert len(bundle) + len(style) <= MAX_BUNDLE
    assert not re.search(rb"""(?:from|import)\s*\(?["']https?:""", bundle)
    assert not re.search(rb"""@import|url\(["']?https?:""", style)


@pytest.mark.timeout(900)
def test_the_wheel_installs_alone_and_opens_a_monitor(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", venv, "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-compile", wheel, cwd=tmp_path)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    with own_folders(tmp_path / "folders") as folders:
        printed = run(
            *(venv / "bin/python", "-c"),
            "import jupyter_jobs; m = jupyter_jobs.JobMonitor(); print(jupyter_jobs.__file__, m)",
            cwd=tmp_path,
            environ=environ | folders,
        )

    assert printed.startswith(str(venv))
    assert "JobMonitor(this machine: " in printed


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_committed_notebook_is_clean(path: Path) -> None:
    text = path.read_text()

    assert "widgets" not in nbformat.read(path, as_version=4).metadata, "it holds widget state"
    assert "jupyter.widget-view" not in text, "it shows a widget that is gone with its kernel"
    assert len(text) <= MAX_NOTEBOOK
    assert MACHINE_PATH.findall(text) == []
    assert SECRET.findall(text) == []
