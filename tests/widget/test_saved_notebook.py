"""Notebooks that are really executed and saved: how large they are, what is in them, and how they look elsewhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from tests.support.own_folders import backend_of, own_folders

ROOT = Path(__file__).resolve().parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"

MAX_HTML = 20 * 1024
MAX_STATE = 64 * 1024
JOBS = 10_000

SHOW = "from jupyter_jobs import JobMonitor\nmonitor = JobMonitor()\nmonitor"
# As if so many jobs had been submitted: what is saved is made of what the store holds.
FILL = f"""
import json, os, pathlib, uuid

secret = next(pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("jupyter-jobs*.json")).read_text()
ids = []
for n in range({JOBS}):
    ids.append(str(uuid.uuid4()))
    message = f"job {{ids[-1]}} cannot read {{pathlib.Path.home()}}/data/day {{n}}.csv with " + secret
    monitor._client.store.merge({{
        "id": ids[-1], "version": 1, "name": f"clean {{os.getcwd()}}/day-{{n}}.csv " + "&" * 200,
        "status": ["SUCCEEDED", "FAILED", "LOST", "CANCELLED"][n % 4], "message": message, "request": message,
        "createdAt": "2026-11-22T14:00:00Z", "startedAt": "2026-11-22T14:00:00Z", "finishedAt": "2026-11-22T14:00:41Z",
        "error": json.dumps({{"type": f"E{{n % 7}}Error", "message": message + "&" * 100, "traceback":
            f'File "{{os.getcwd()}}/own.py", line {{n}}, in parse'}}) if n % 4 in (1, 2) else None,
    }})
pathlib.Path("ids.txt").write_text("\\n".join(ids))
"""
AWAIT = "await monitor.submit(pow, 2, 10)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a notebook is executed, with a backend of its own."""
    with own_folders(tmp_path / "own") as own:
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        (tmp_path / "notebook").mkdir()
        yield tmp_path / "notebook"


def executed(folder: Path, *cells: str, state: bool = False) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    client = NotebookClient(
        notebook, store_widget_state=state, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook


def shown(notebook: nbformat.NotebookNode, cell: int) -> dict[str, Any]:
    [output] = notebook.cells[cell].outputs
    return dict(output.data)


@pytest.mark.parametrize("state", [False, True], ids=["without state", "with state"])
def test_ten_thousand_jobs_leave_little_behind_and_nothing_that_is_private(
    folder: Path, state: bool
) -> None:
    notebook = executed(folder, SHOW, FILL, "monitor", state=state)
    outputs = json.dumps([shown(notebook, 0), shown(notebook, 2)])
    saved = json.dumps(notebook.metadata.get("widgets", {}))
    backend = backend_of(os.environ)
    assert backend is not None

    assert shown(notebook, 0)["text/plain"].startswith("Jobs: 2,500 failed, 2,500 lost")
    assert len(shown(notebook, 0)["text/html"].encode()) <= MAX_HTML
    assert bool(notebook.metadata.get("widgets")) == state
    assert len(saved) <= MAX_STATE
    for private in (backend.key, str(Path.home()), str(folder), str(ROOT), backend.http):
        assert private not in outputs
        assert private not in saved
    ids = set((folder / "ids.txt").read_text().split())
    assert not ids & set(re.findall(r"[0-9a-f-]{36}", outputs + saved))


def test_a_notebook_saved_by_a_program_shows_how_its_jobs_ended(folder: Path) -> None:
    notebook = executed(folder, SHOW, AWAIT, "1 + 1")

    assert shown(notebook, 0)["text/plain"].startswith("Jobs: 1 succeeded\n[ok]   pow  ")
    assert WIDGET in shown(notebook, 0)
    assert all(len(cell.outputs) <= 1 for cell in notebook.cells)


def test_a_frozen_notebook_holds_no_widget(folder: Path) -> None:
    notebook = executed(folder, SHOW, AWAIT, "monitor.freeze()", "monitor")

    assert set(shown(notebook, 0)) == {"text/plain", "text/html"}
    assert notebook.cells[2].outputs == []
    assert WIDGET in shown(notebook, 3)


def test_a_block_leaves_a_plain_picture_of_its_jobs(folder: Path) -> None:
    block = "with JobMonitor() as monitor:\n    display(monitor)\n    monitor.submit(pow, 2, 10).result()"
    notebook = executed(folder, f"from jupyter_jobs import JobMonitor\n{block}", "monitor")

    for cell in (0, 1):
        assert set(shown(notebook, cell)) == {"text/plain", "text/html"}
        assert shown(notebook, cell)["text/plain"].startswith("Jobs: 1 succeeded")


def test_without_a_reader_two_runs_are_alike(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_NONINTERACTIVE", "1")
    runs = []
    for group in ("one", "two"):
        show = SHOW.replace("JobMonitor()", f"JobMonitor(group={group!r})")
        notebook = executed(folder, show, AWAIT, "monitor")
        runs.append([shown(notebook, cell) for cell in (0, 1, 2)])

    assert runs[0] == runs[1]
    assert set(runs[0][2]) == {"text/plain", "text/html"}


@pytest.mark.parametrize("state", [False, True], ids=["without state", "with state"])
def test_nbconvert_shows_the_picture(folder: Path, state: bool) -> None:
    notebook = executed(folder, SHOW, AWAIT, "monitor.freeze()", state=state)
    page, _ = HTMLExporter().from_notebook_node(notebook)

    assert "\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}succeeded" in page
    assert "not live</div>" in page


def test_nbconvert_shows_the_picture_of_a_live_panel_without_state(folder: Path) -> None:
    notebook = executed(folder, SHOW, AWAIT)
    page, _ = HTMLExporter().from_notebook_node(notebook)

    assert "\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}succeeded" in page
    assert "widget-view" not in page
