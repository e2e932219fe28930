from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_jobs.worker.logfile import LogReader
from jupyter_jobs.worker.runners.notebook import inject_parameters
from tests.support.shim import RunningShim, running_shim

CELLS = nbformat.v4


def notebook(*sources: str, tagged: int | None = None) -> Any:
    cells = [CELLS.new_code_cell(source) for source in sources]
    if tagged is not None:
        cells[tagged].metadata["tags"] = ["parameters"]
    return CELLS.new_notebook(cells=cells)


def payload(folder: Path, book: Any, **parameters: Any) -> dict[str, Any]:
    path = folder / "report.ipynb"
    nbformat.write(book, path)
    return {"path": str(path), "parameters": parameters, "cwd": str(folder)}


@pytest.mark.parametrize(("tagged", "place"), [(0, 1), (1, 2), (None, 0)])
def test_parameters_come_after_the_tagged_cell_or_first(tagged: int | None, place: int) -> None:
    book = notebook("a = 1", "b = 2", tagged=tagged)

    inject_parameters(book, {"day": "2026-11-22", "flag": True, "none": None})

    assert book.cells[place].source == "# Parameters\nday = '2026-11-22'\nflag = True\nnone = None"
    assert book.cells[place].metadata["tags"] == ["injected-parameters"]


def test_without_parameters_no_cell_is_added() -> None:
    book = notebook("a = 1")

    inject_parameters(book, {})

    assert len(book.cells) == 1


def executed(shim: RunningShim) -> Any:
    return nbformat.read(shim.folder / "files" / "report.ipynb", as_version=4)


def test_a_notebook_results_in_its_executed_copy(tmp_path: Path) -> None:
    book = notebook("day = 'none'", "", "print('for', day)", "import os; os.getcwd()", tagged=0)
    with running_shim(tmp_path / "job", "NOTEBOOK", payload(tmp_path, book, day="monday")) as shim:
        reports = shim.remaining()
        outcome = shim.outcome()
        copy = executed(shim)

    assert outcome == {"status": "SUCCEEDED", "result": str(tmp_path / "job/files/report.ipynb")}
    assert copy.cells[3].outputs[0]["text"] == "for monday\n"
    assert copy.cells[4].outputs[0]["data"]["text/plain"] == repr(os.fspath(tmp_path))
    assert "widgets" not in copy.metadata
    assert (reports[-1]["done"], reports[-1]["total"]) == (3, 3)
    assert reports[-1]["message"].startswith("cell 3 of 3")  # perhaps with what was printed last
    assert "for monday" in [line.text for line in LogReader(tmp_path / "job/log").page().lines]


def test_a_cell_that_fails_fails_the_job_and_the_copy_is_kept(tmp_path: Path) -> None:
    book = notebook("1 / 0", "print('never')")
    with running_shim(tmp_path / "job", "NOTEBOOK", payload(tmp_path, book)) as shim:
        outcome = shim.outcome()
        copy = executed(shim)

    assert outcome["status"] == "FAILED"
    assert (outcome["error"]["type"], outcome["error"]["message"]) == (
        "ZeroDivisionError",
        "division by zero",
    )
    assert "\x1b" not in outcome["error"]["traceback"]
    assert copy.cells[0].outputs[0]["ename"] == "ZeroDivisionError"


def test_cells_have_the_jobs_environment_and_report_themselves(tmp_path: Path) -> None:
    book = notebook(
        "import os; print('have', os.environ['MINE'])",
        "from jupyter_jobs import current_job; current_job().progress(1, 8, 'by a cell')",
    )
    described = {**payload(tmp_path, book), "env": {"MINE": "here"}}
    with running_shim(tmp_path / "job", "NOTEBOOK", described) as shim:
        reports = shim.remaining()

    assert "have here" in [line.text for line in LogReader(tmp_path / "job/log").page().lines]
    assert (reports[-1]["progress"], reports[-1]["message"]) == (0.125, "by a cell")


def test_cancelling_a_notebook_ends_its_kernel(tmp_path: Path) -> None:
    book = notebook("print('ready', flush=True); import time; time.sleep(600)")
    with running_shim(tmp_path / "job", "NOTEBOOK", payload(tmp_path, book), grace=1.0) as shim:
        shim.message("cell 1 of 1")
        shim.cancel()

        assert shim.outcome() == {"status": "CANCELLED"}
        assert shim.processes() == set()
