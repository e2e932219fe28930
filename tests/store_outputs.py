"""Run the notebooks and store their outputs, as they are committed: `python tests/store_outputs.py [notebook …]`.

Without a reader, so that the outputs hold no time, no duration and no widget, and are the same after another run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.own_api import own_api  # noqa: E402  found by the line above
from tests.support.own_folders import own_folders  # noqa: E402  found by the line above


def store_outputs(path: Path) -> None:
    """Execute a notebook in a fresh kernel and a fresh backend, and write it back."""
    notebook = nbformat.read(path, as_version=4)
    with (
        tempfile.TemporaryDirectory() as folder,
        own_folders(Path(folder) / "own") as own,
        own_api(Path(folder) / "api") as api,
    ):
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        os.environ.update(own, **api, JPY_SESSION_NAME=str(path))
        os.environ.update(PYTHONPATH=str(ROOT), PATH=programs, JUPYTER_JOBS_NONINTERACTIVE="1")
        NotebookClient(
            notebook,
            store_widget_state=False,
            record_timing=False,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()
    # What the kernel says of itself differs from machine to machine.
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    chosen = [Path(name).resolve() for name in sys.argv[1:]]
    for path in chosen or sorted((ROOT / "notebooks").glob("*.ipynb")):
        store_outputs(path)
