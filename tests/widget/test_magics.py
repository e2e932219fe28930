import subprocess
import sys
import textwrap
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.widget.magics import values
from tests.support.backend import PATIENCE_S


def test_a_cell_takes_along_what_it_reads_of_the_notebook() -> None:
    space = {"rows": [1, 2], "scale": 3, "total": 0, "other": object()}

    assert values("total = sum(rows) * scale\ntotal", space) == {"rows": [1, 2], "scale": 3}


@pytest.mark.parametrize(
    ("cell", "space", "message"),
    [
        ("rows.mean()", {}, "takes rows from the notebook, where there is none"),
        ("f(rows, 1)", {}, "takes f and rows from the notebook"),
        ("x = 1\n!ls", {}, "line 2 is not: !ls; magics and !commands work in the notebook only"),
        ("1 +", {}, "line 1 is not: 1 +"),
        ("get_ipython().system('ls')", {"get_ipython": print}, "a job has no notebook"),
        ("next(rows)", {"rows": (n for n in "ab")}, "rows, of type generator, cannot be sent"),
    ],
)
def test_a_cell_that_cannot_be_a_job_says_why(
    cell: str, space: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        values(cell, space)

    assert message in str(caught.value)


def in_ipython(code: str) -> str:
    """Run lines with IPython's `shell` at hand, which has the extension; what is printed."""
    prelude = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "jupyter_jobs")
        def refused(magic, *args):
            try:
                magic(*args)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
    """
    program = textwrap.dedent(prelude) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("started_backends_end")
def test_a_cell_runs_as_a_job_and_its_job_can_be_asked_later() -> None:
    told = in_ipython(
        r"""
        shell.run_cell("rows, scale = [1, 2, 3], 10")
        cell = "# sum it up\ntotal = sum(rows)\ntotal * scale"
        assert shell.run_cell_magic("job", "summed --tag 'last night' --timeout 60", cell) is None
        job = shell.user_ns["summed"]
        print(job.result(60), job.name, job.tags, "total" in shell.user_ns)
        print(shell.run_cell_magic("job", '--name "two words"', "1").name)
        monitor = shell.run_line_magic("jobs", "")
        print(monitor)
        monitor.close()
        print(refused(shell.run_cell_magic, "job", "--priority URGENT", "1"))
        print(refused(shell.run_cell_magic, "job", "1x", "1"))
        print(refused(shell.run_line_magic, "jobs", "failed"))
        """
    ).splitlines()

    assert told[:2] == ["60 sum it up ('last night',) False", "two words"]
    assert told[2].startswith("JobMonitor(this machine: ")
    assert told[3].startswith("InvalidJob: there is no priority 'URGENT'")
    assert told[4].startswith("UsageError: %%job takes the name of a variable first")
    assert told[5].startswith("UsageError: %jobs takes no arguments")
