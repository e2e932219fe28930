"""`%jobs` and `%%job`, after `%load_ext jupyter_jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.widget.monitor import JobMonitor
from jupyter_jobs.worker.cell import Cell, names_read

__all__ = ["JobMagics", "load"]

_TITLE_LIMIT = 40  # characters of a cell's first line that name its job


@magics_class
class JobMagics(Magics):
    """The magics of a notebook whose jobs one `JobMonitor()` shows."""

    @line_magic
    def jobs(self, line: str) -> JobMonitor:
        """Show the panel with the jobs of this notebook: `%jobs`."""
        if line.strip():
            raise UsageError(
                "%jobs takes no arguments; JobMonitor().find(status='failed', name='train') looks for some"
            )
        return JobMonitor()

    @magic_arguments()
    @argument("variable", nargs="?", help="takes the job, to ask it later: %%%%job training")
    @argument("--name", help="what the panel calls it; default its first line")
    @argument("--priority", default="MEDIUM", help="HIGH, MEDIUM or LOW")
    @argument("--key", help='submit once, however often the cell is run; "auto": until it changes')
    @argument("--again", action="store_true", help="with --key: run it again all the same")
    @argument("--tag", action="append", default=[], help="a word to find it by; may be repeated")
    @argument("--timeout", type=float, help="seconds that it may run")
    @argument("--retries", type=int, default=0, help="further runs when it fails")
    @argument("--cpus", type=int, help="CPUs that it takes")
    @cell_magic
    def job(self, line: str, cell: str) -> JobHandle[Any] | None:
        """Run this cell as a job, in a process of its own, and go on.

        The names that it takes from the notebook are sent along as they are now; what it binds stays in its process.
        Its result is the value that it ends with. Without a variable, the job is the cell's output.
        """
        parsed = vars(parse_argstring(self.job, line))
        said = {name: _unquoted(value) for name, value in parsed.items()}
        variable = said.pop("variable")
        if variable is not None and not variable.isidentifier():
            raise UsageError(f"%%job takes the name of a variable first, and {variable!r} is none")
        options = {"tags": said.pop("tag"), **said}
        options["name"] = options["name"] or _title(cell)
        shell = self.shell
        assert shell is not None  # magics are made for one
        job = JobMonitor().submit(Cell(cell, values(cell, shell.user_ns)), **options)
        if variable is None:
            return job
        shell.user_ns[variable] = job
        return None


def load(shell: InteractiveShell) -> None:
    """Make the magics known to a shell."""
    shell.register_magics(JobMagics)


def values(cell: str, space: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cell takes from its notebook, by name.

    Args:
        cell: Its code.
        space: The notebook's variables.

    Raises:
        InvalidJob: It is not plain Python, takes a name that the notebook lacks, or a value that cannot travel.
    """
    try:
        names = names_read(cell)
    except SyntaxError as error:
        text = (error.text or "").strip()
        hint = "; magics and !commands work in the notebook only" if text[:1] in ("!", "%") else ""
        raise InvalidJob(
            f"a cell that runs as a job is plain Python, and line {error.lineno} is not: {text}{hint}"
        ) from None
    lacks = [name for name in names if name not in space]
    if lacks:
        raise InvalidJob(
            f"this cell takes {_listed(lacks)} from the notebook, where there is none: run the cell that makes it first"
        )
    found = {name: space[name] for name in names}
    for name, value in found.items():
        _check(name, value)
    return found


def _unquoted(value: Any) -> Any:
    """Return an argument without the quotes that IPython leaves around it."""
    if isinstance(value, list):
        return [_unquoted(each) for each in value]
    is_quoted = isinstance(value, str) and len(value) > 1 and value[0] == value[-1] in "\"'"
    return value[1:-1] if is_quoted else value


def _check(name: str, value: Any) -> None:
    import cloudpickle

    if name in ("get_ipython", "display"):
        raise InvalidJob(
            f"a job has no notebook, so {name}() is not there; print, or end with the value"
        )
    try:
        cloudpickle.dumps(value)
    except Exception as error:  # pickling runs code of any class that it meets
        raise InvalidJob(
            f"{name}, of type {type(value).__name__}, cannot be sent to another process: {error}. Make it inside the cell"
        ) from error


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _title(cell: str) -> str:
    """Return the first line that says something: a comment, else code."""
    lines = [line.strip() for line in cell.splitlines() if line.strip(" #%\t")]
    text = lines[0].lstrip("#% ") if lines else "cell"
    return text if len(text) <= _TITLE_LIMIT else text[: _TITLE_LIMIT - 1] + "…"
