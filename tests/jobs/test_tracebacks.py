import pickle
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core import getipython, ultratb

from jupyter_jobs.errors import JobFailed
from jupyter_jobs.jobs.tracebacks import Shown, remote_frames, show_with

SOURCE = "def parse(day):\n    year = day[:4]\n    return check(day)\n\n\ndef check(day):\n    raise ValueError(day)\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clean.py"
    path.write_text(SOURCE)
    return path


def traceback_of(file: str | Path) -> str:
    return (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line 3, in parse\n    return check(day)\n           ^^^^^^^^^^\n'
        f'  File "{file}", line 7, in check\n    raise ValueError(day)\n'
        "ValueError: 2026-13-01\nand more\n"
    )


def test_the_calls_of_a_traceback_are_found_without_its_sentence() -> None:
    frames = remote_frames(traceback_of("/a/clean.py"))

    assert [(f.file, f.line, f.name, f.source) for f in frames] == [
        ("/a/clean.py", 3, "parse", ["return check(day)"]),
        ("/a/clean.py", 7, "check", ["raise ValueError(day)"]),
    ]


def test_what_stands_between_the_calls_stays() -> None:
    again = "During handling of the above exception, another exception occurred:"
    frames = remote_frames(f"{traceback_of('/a.py')}\n{again}\n\n{traceback_of('/b.py')}")
    between = next(frame for frame in frames if not frame.file)

    assert between.source[0] == "ValueError: 2026-13-01"
    assert again in between.source
    assert frames[-1].file == "/b.py"


def test_a_recursion_is_said_as_python_says_it() -> None:
    frames = remote_frames(
        '  File "/a.py", line 1, in f\n    f()\n  [Previous line repeated 970 more times]\n'
        '  File "/a.py", line 2, in g\nRecursionError: deep'
    )

    assert frames[1].source == ["  [Previous line repeated 970 more times]"]
    assert frames[2].name == "g"


def test_a_text_of_another_form_stays_as_it_is() -> None:
    [whole] = remote_frames("Cell In[3], line 2\n----> 2 boom()\nE: no")

    assert whole.source == ["Cell In[3], line 2", "----> 2 boom()", "E: no"]


# In IPython.


def failed(traceback: str, *log: str) -> JobFailed:
    return JobFailed(
        "parse failed: ValueError: 2026", name="parse", traceback=traceback, log_tail=log
    )


def shown(error: BaseException, why: JobFailed) -> str:
    show_with(error, why)
    lines = vars(error)["_render_traceback_"]()
    assert all(isinstance(line, str) for line in lines)
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    compiler = SimpleNamespace(
        format_code_name=lambda name: ("Cell", "In[3]") if "ipykernel" in name else None
    )
    shell = SimpleNamespace(
        InteractiveTB=ultratb.FormattedTB(mode="Context", theme_name="nocolor"),
        colors="nocolor",
        compile=compiler,
    )
    monkeypatch.setattr(getipython, "get_ipython", lambda: shell)
    return shell


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_the_readers_lines_come_first_then_the_jobs_then_the_sentence(file: Path) -> None:
    text = shown(raised(ValueError("2026-13-01")), failed(traceback_of(file), "reading"))

    assert re.search(
        r"ValueError +Traceback.*raise error.*In the job parse:\n"
        r".*clean\.py:3, in parse\n.*clean\.py:7, in check\n"
        r".*Last lines it printed:\n  reading\n\nValueError: 2026-13-01$",
        text,
        re.DOTALL,
    ), text


def test_a_call_is_shown_with_the_lines_around_it_where_the_file_is_here(file: Path) -> None:
    text = shown(raised(ValueError("no")), failed(traceback_of(file)))

    assert (
        "clean.py:3, in parse\n      1 def parse(day):\n      2     year = day[:4]\n"
        "----> 3     return check(day)\n      4 \n      5 \n"
    ) in text


def test_a_file_that_was_changed_or_is_not_here_is_not_shown(file: Path) -> None:
    traceback = traceback_of(file)
    file.write_text("# new\n" + SOURCE)

    for where in (traceback, traceback_of("/nowhere/clean.py")):
        text = shown(raised(ValueError("no")), failed(where))
        assert "clean.py:3, in parse\n----> 3 return check(day)\n" in text
        assert "year" not in text


def test_a_cell_has_its_number() -> None:
    text = shown(raised(ValueError("no")), failed(traceback_of("/tmp/ipykernel_7/8.py")))

    assert "Cell In[3], line 3, in parse" in text


def test_calls_of_libraries_are_one_line_each(file: Path) -> None:
    library = file.parent / "site-packages" / "lib.py"
    library.parent.mkdir()
    library.write_text(SOURCE)
    text = shown(raised(ValueError("no")), failed(traceback_of(library)))

    assert "----> 3     return check(day)" in text
    assert "year" not in text


def test_beside_a_traceback_only_the_last_lines_stand(file: Path) -> None:
    log = [f"line {n}." for n in range(20)]

    assert "line 14." not in shown(raised(ValueError("no")), failed(traceback_of(file), *log))
    assert "line 0." in shown(raised(ValueError("no")), failed("", *log))


def test_nothing_secret_is_shown(file: Path) -> None:
    text = shown(raised(ValueError("no")), failed("", "password=hush"))

    assert "password=[hidden]" in text


def test_what_was_said_in_another_way_is_not_said_twice(file: Path) -> None:
    error = failed(traceback_of(file), "reading")
    error.add_note("In the job:\nit was so")
    error.add_note("Mine.")
    text = shown(raised(error), error)

    assert "it was so" not in text
    assert "Mine." in text
    assert error.__notes__ == ["In the job:\nit was so", "Mine."]


def test_colours_are_used_where_the_shell_has_them(file: Path, shell: SimpleNamespace) -> None:
    shell.colors = "linux"

    assert "\x1b[32m" in shown(raised(ValueError("no")), failed(traceback_of(file)))


@pytest.mark.parametrize("mode", ["Plain", "Minimal", "Verbose"])
def test_other_ways_of_ipython_to_show_errors_are_its_own(
    file: Path, shell: SimpleNamespace, mode: str
) -> None:
    shell.InteractiveTB.set_mode(mode)
    text = shown(raised(ValueError("no good")), failed(traceback_of(file)))

    assert "no good" in text
    assert "In the job parse:" not in text


def test_an_error_that_is_shown_so_still_travels(file: Path) -> None:
    error = ValueError("no")
    show_with(error, failed(traceback_of(file)))
    travelled = pickle.loads(pickle.dumps(error))

    assert travelled.args == ("no",)
    assert isinstance(vars(travelled)["_render_traceback_"], Shown)
    assert vars(travelled)["_render_traceback_"].error is travelled


def test_an_error_without_a_place_for_it_is_shown_as_any_other() -> None:
    class Slotted:
        __slots__ = ()

    error: Any = Slotted()
    show_with(error, failed(""))

    assert not hasattr(error, "_render_traceback_")
