"""Executes a notebook from top to bottom and keeps the executed copy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from jupyter_jobs.worker.job import CurrentJob
from jupyter_jobs.worker.outcome import Failure
from jupyter_jobs.worker.runners import Work


def run(work: Work) -> str:
    """Execute it and return the path of the executed copy, which is kept after an error too."""
    source = Path(work.payload["path"])
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]  # nbformat leaves it without types
    inject_parameters(notebook, work.payload.get("parameters") or {})
    job = CurrentJob(work.id, work.folder, outline=True)
    copy = job.dir / source.name
    client = _Client(
        notebook,
        job,
        timeout=None,
        kernel_name=notebook.metadata.get("kernelspec", {}).get("name") or "python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(Path.cwd())}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise Failure(error.ename, error.evalue, error.traceback) from None
    except DeadKernelError:
        raise Failure(
            "DeadKernelError", "the notebook's kernel died (perhaps out of memory)"
        ) from None
    finally:
        nbformat.write(notebook, copy)  # type: ignore[no-untyped-call]  # nbformat leaves it without types
    return str(copy)


def inject_parameters(notebook: Any, parameters: Mapping[str, Any]) -> None:
    """Put a cell that sets `parameters` after the cell tagged `parameters`, or first, as papermill does."""
    if not parameters:
        return
    code = "\n".join(
        ["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())]
    )
    cell = nbformat.v4.new_code_cell(code, metadata={"tags": ["injected-parameters"]})  # type: ignore[no-untyped-call]  # nbformat leaves it without types
    tagged = [
        index
        for index, each in enumerate(notebook.cells)
        if "parameters" in each.metadata.get("tags", ())
    ]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, cell)


class _Client(NotebookClient):
    """Reports each cell as it starts, and prints what the cells print."""

    def __init__(self, notebook: Any, job: CurrentJob, **options: Any) -> None:
        super().__init__(notebook, **options)
        self._job = job
        self._steps = [
            index
            for index, cell in enumerate(notebook.cells)
            if cell.cell_type == "code"
            and cell.source.strip()
            and "injected-parameters" not in cell.metadata.get("tags", ())
        ]
        self.on_cell_start = self._cell_starts
        self.on_cell_executed = self._cell_ended

    def _cell_starts(self, cell: Any, cell_index: int) -> None:
        if cell_index in self._steps:
            step, steps = self._steps.index(cell_index), len(self._steps)
            self._job.progress(step, steps, f"cell {step + 1} of {steps}")

    def _cell_ended(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        if cell_index in self._steps:
            self._job.progress(self._steps.index(cell_index) + 1, len(self._steps))

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "stream":
            stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
            stream.write(msg["content"]["text"])
        return super().output(outs, msg, display_id, cell_index)
