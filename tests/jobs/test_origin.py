import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_jobs.jobs.origin import origin


def ran(folder: Path, script: str, **env: str) -> str:
    """What `sweep.py` prints; its last line is the 4th or a later one."""
    path = folder / "sweep.py"
    path.write_text("from jupyter_jobs.jobs.origin import origin\n" + textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, path.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.getcwd(), **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def in_cells(folder: Path, *cells: str, **env: str) -> list[str]:
    """What the cells print in a real IPython."""
    script = f"""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in {cells!r}:
            shell.run_cell("from jupyter_jobs.jobs.origin import origin\\n" + cell, store_history=True)
    """
    return ran(folder, script, IPYTHONDIR=str(folder), **env).splitlines()


def test_in_a_script_it_is_the_line(tmp_path: Path) -> None:
    assert ran(tmp_path, "\n\n\nprint(origin())") == "sweep.py, line 5\n"


def test_in_a_module_of_the_users_it_is_the_line_there(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(
        "from jupyter_jobs.jobs.origin import origin\n\ndef go():\n    return origin()\n"
    )

    assert ran(tmp_path, "import models\nprint(models.go())") == "models.py, line 4\n"


def test_a_librarys_line_is_not_the_users(tmp_path: Path) -> None:
    script = """
        import functools
        print(functools.partial(origin)())
        print(next(map(lambda _: origin(), [0])))
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool:
            print(pool.submit(origin).result())
    """

    assert ran(tmp_path, script).splitlines() == [
        "sweep.py, line 4",
        "sweep.py, line 5",
        "sweep.py",
    ]


def test_what_was_typed_or_piped_has_no_place() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from jupyter_jobs.jobs.origin import origin; print(origin())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "None\n"


def test_a_script_started_from_a_notebook_is_a_script(tmp_path: Path) -> None:
    assert ran(tmp_path, "print(origin())", JPY_SESSION_NAME="/home/me/night.ipynb") == (
        "sweep.py, line 2\n"
    )


def test_in_a_notebook_it_is_the_cell_however_deep(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(
        "from jupyter_jobs.jobs.origin import origin\n\ndef go():\n    return origin()\n"
    )

    told = in_cells(
        tmp_path,
        "print(origin())",
        "import models\ndef deep(): return [models.go() for _ in range(1)][0]",
        "print(models.go())",
        "print(deep())",
        JPY_SESSION_NAME="/home/me/secret project/train.ipynb",
    )

    assert told == ["train.ipynb, cell 1", "train.ipynb, cell 3", "train.ipynb, cell 4"]


def test_a_callback_belongs_to_the_cell_that_wrote_it(tmp_path: Path) -> None:
    told = in_cells(
        tmp_path,
        "import atexit\n_ = atexit.register(lambda: print(origin()))",
        "print(origin())",
        JPY_SESSION_NAME="train.ipynb",
    )

    assert told == ["train.ipynb, cell 2", "train.ipynb, cell 1"]


def test_a_thread_that_no_cell_runs_on_has_the_notebook_only(tmp_path: Path) -> None:
    told = in_cells(
        tmp_path,
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: print(pool.submit(origin).result())",
        JPY_SESSION_NAME="train.ipynb",
    )

    assert told == ["train.ipynb"]


@pytest.mark.parametrize(
    ("session", "in_vscode", "told"),
    [
        ("/home/me/train.ipynb", None, "train.ipynb, cell 7"),
        ("train.py", None, "train.py, cell 7"),
        ("/home/me/console-1-3f2c", None, "cell 7"),
        ("", "/home/me/train.ipynb", "train.ipynb, cell 7"),
        ("", r"c:\Users\me\train.ipynb", "train.ipynb, cell 7"),
        ("", None, "cell 7"),
    ],
)
def test_the_notebooks_name_is_what_its_host_tells(
    monkeypatch: pytest.MonkeyPatch, session: str, in_vscode: str | None, told: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    shell: Any = SimpleNamespace(
        user_ns={"__vsc_ipynb_file__": in_vscode},
        compile=SimpleNamespace(format_code_name=lambda file: ("Cell", "In[7]")),
    )

    assert origin(shell) == told


def test_an_old_ipython_tells_the_cell_that_runs_and_a_strange_one_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)

    assert origin(SimpleNamespace(user_ns={}, compile=None, execution_count=3)) == "cell 3"
    assert origin(SimpleNamespace(user_ns={})) is None
