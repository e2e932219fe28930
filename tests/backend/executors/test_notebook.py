from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_jobs.backend.executors import Submission, notebook
from jupyter_jobs.backend.refusal import Refusal


def test_a_notebook_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "report.ipynb"
    with pytest.raises(Refusal, match="There is no file"):
        notebook.check(Submission("r", {"path": str(path)}, "python"))

    path.touch()

    notebook.check(Submission("r", {"path": str(path), "parameters": {"a": 1}}, "python"))


def test_parameters_are_an_object(tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").touch()
    payload = {"path": str(tmp_path / "report.ipynb"), "parameters": [1]}

    with pytest.raises(Refusal, match="parameters must be an object"):
        notebook.check(Submission("r", payload, "python"))
