import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_jobs.errors import NotSupported
from jupyter_jobs.jobs.model import Job, JobKind
from jupyter_jobs.widget.repro import cell


def code(kind: JobKind | None, payload: Any = None, *, is_here: bool = True, **job: Any) -> str:
    """The cell, which must be one that IPython can read."""
    text = cell(Job(id="job-1", kind=kind, **{"request": "work", **job}), payload, is_here=is_here)
    ast.parse(TransformerManager().transform_cell(text))
    return text


def ran(text: str) -> str:
    program = [sys.executable, "-c", text]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_a_function_is_called_as_it_was_submitted() -> None:
    assert code(JobKind.FUNCTION, request="simulate(3,\n  seed=1)") == (
        "# simulate(3, seed=1)\n"
        "from jupyter_jobs import JobMonitor\n"
        "\n"
        "function, args, kwargs = JobMonitor().get('job-1').call()\n"
        "function(*args, **kwargs)\n"
    )


def test_a_command_is_run_in_its_folder(tmp_path: Path) -> None:
    program = "import os; print(os.getcwd(), os.environ['MODE'], 'it\\'s')"
    payload = {
        "args": [sys.executable, "-c", program],
        "cwd": str(tmp_path),
        "env": {"MODE": "fast"},
    }

    assert ran(code(JobKind.COMMAND, payload)) == f"{tmp_path} fast it's\n"


def test_a_shell_line_is_run_by_a_shell(tmp_path: Path) -> None:
    payload = {"shell": "echo 'a b' | tr a c; pwd", "cwd": str(tmp_path)}

    assert ran(code(JobKind.COMMAND, payload)) == f"c b\n{tmp_path}\n"


def test_a_commands_secrets_are_taken_from_the_environment_or_asked_for() -> None:
    payload = {
        "args": ["push", "--key", "da2-abcdefghijklmnopqrstuv"],
        "env": {"API_TOKEN": "s3cret", "MODE": "fast"},
    }
    text = code(JobKind.COMMAND, payload)

    assert "'API_TOKEN': os.environ['API_TOKEN'], 'MODE': 'fast'" in text
    assert text.startswith("# Put in what stands for [hidden]: it was a secret.\n")
    assert "s3cret" not in text
    assert "da2-" not in text


def test_a_notebook_is_run_with_its_parameters(tmp_path: Path) -> None:
    path = tmp_path / "my sweep.ipynb"
    sources = ["out = [rate, steps]", "import os; out.append(os.path.basename(os.getcwd()))"]
    cells = [
        {"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for s in sources
    ]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    )
    payload = {"path": str(path), "cwd": str(tmp_path), "parameters": {"rate": 0.5, "steps": None}}
    text = code(JobKind.NOTEBOOK, payload, request="my sweep.ipynb")

    assert text.splitlines()[:3] == ["# my sweep.ipynb", "rate = 0.5", "steps = None"]
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"shell.run_cell({text!r}).raise_error()\n"
        "print(shell.user_ns['out'])\n"
    )
    assert ran(program).splitlines()[-1] == f"[0.5, None, {tmp_path.name!r}]"


def test_a_request_calls_its_handler_or_is_submitted_again(tmp_path: Path) -> None:
    (tmp_path / "my_handlers.py").write_text(
        "from jupyter_jobs import handler\n"
        "@handler('clean it')\n"
        "def clean(params): print(params['day'])\n"
    )
    text = code(
        JobKind.REQUEST, {"handlers": "my_handlers"}, request="clean it", params={"day": "mon"}
    )

    assert ran(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{text}") == "mon\n"
    assert "else JobMonitor().submit('clean it', params=params)" in text


def test_a_request_without_parameters_has_none() -> None:
    text = code(None, request="tidy up")

    assert "params =" not in text
    assert "handler(None) if handler else JobMonitor().submit('tidy up')" in text


def test_a_request_elsewhere_is_submitted_again() -> None:
    text = code(JobKind.REQUEST, request="clean", params={"day": 1, "password": "x"}, is_here=False)

    assert "params = {'day': 1, 'password': '[hidden]'}" in text
    assert text.endswith("monitor.submit('clean', params=params)\n")


@pytest.mark.parametrize("kind", [JobKind.FUNCTION, JobKind.COMMAND, JobKind.NOTEBOOK])
def test_work_that_ran_elsewhere_is_refused_with_where_it_came_from(kind: JobKind) -> None:
    with pytest.raises(NotSupported, match=r"run the cell that submitted it: train.ipynb, cell 5"):
        code(kind, is_here=False, submitted_from="train.ipynb, cell 5")


@pytest.mark.parametrize("kind", [JobKind.COMMAND, JobKind.NOTEBOOK])
def test_work_that_is_not_kept_is_refused(kind: JobKind) -> None:
    with pytest.raises(NotSupported, match="not kept any more"):
        code(kind)


def test_no_job_can_smuggle_a_line_into_the_cell() -> None:
    evil = "x\nimport os\u2028import sys\r# '''\\"
    text = code(JobKind.REQUEST, request=evil)

    assert text.splitlines()[0].startswith("# x import os")
    assert repr(evil) in text
