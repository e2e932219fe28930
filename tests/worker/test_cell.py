import pickle
import traceback

import pytest

from jupyter_jobs.worker.cell import Cell, names_read


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 1\nx + 1", []),
        ("x = x + 1", ["x"]),
        ("total += 1", ["total"]),
        ("for row in rows:\n    total = total + row", ["rows", "total"]),
        ("print(len(rows))", ["rows"]),
        ("import math\nmath.sqrt(x)", ["x"]),
        ("def f(a):\n    return g(a) + h\ng = abs\nf(1)", ["h"]),
        ("[a * b for a in rows]", ["b", "rows"]),
        ("class A:\n    size = 3\n    area = size * width", ["width"]),
        ("(lambda a: a + b)(1)", ["b"]),
        ("def f():\n    global n\n    n = 1\nf()", []),
        ("await fetch(url)", ["fetch", "url"]),
        ("df.groupby('day').sum()", ["df"]),
        ("", []),
    ],
)
def test_the_names_that_a_cell_takes_from_its_notebook(source: str, names: list[str]) -> None:
    assert names_read(source) == names


def test_what_is_not_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        names_read("!ls")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a * b", 42),
        ("c = a * b\nc", 42),
        ("c = a * b", None),
        ("", None),
        ("def f(n):\n    return n and n * f(n - 1) or 1\nf(a - 3)", 6),
        ("import asyncio\nawait asyncio.sleep(0, a)", 6),
        ("import asyncio\nc = await asyncio.sleep(0, a)\nc + 1", 7),
    ],
)
def test_a_cell_gives_the_value_that_it_ends_with(source: str, value: object) -> None:
    cell = pickle.loads(pickle.dumps(Cell(source, {"a": 6, "b": 7})))

    assert cell() == value


def test_a_traceback_shows_the_line_of_the_cell() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        Cell("a = 1\na / 0")()

    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "<cell>", line 2' in shown
    assert "a / 0" in shown


def test_its_values_are_not_shown() -> None:
    assert repr(Cell("key", {"key": "secret"})) == "Cell(source='key')"
