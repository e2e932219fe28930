import functools
import os
import subprocess
import sys
import threading
import types
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.once import Fingerprints, work_key


def mark(value: Any) -> str:
    return Fingerprints().of(value, "the work")


def cell(source: str, name: str = "cell", lines_before: int = 0, **values: Any) -> dict[str, Any]:
    """The names of a cell that ran, in a `__main__` of its own."""
    names: dict[str, Any] = {"__name__": "__main__", **values}
    exec(compile("\n" * lines_before + source, name, "exec"), names)
    return names


TRAIN = """
RATE = 0.1
def scaled(x):
    return x * RATE
def train(x, *, epochs=3):
    "Words."
    return [scaled(x) for _ in range(epochs)]
"""


def test_a_cell_that_runs_again_elsewhere_is_the_same_work() -> None:
    first = cell(TRAIN, "/tmp/ipykernel_1/1.py")["train"]
    again = cell(TRAIN, "/tmp/ipykernel_2/7.py", lines_before=9)["train"]

    assert mark(first) == mark(again)


@pytest.mark.parametrize(
    ("was", "is_"),
    [
        ("epochs=3", "epochs=4"),
        ("range(epochs)", "range(epochs + 1)"),
        ("x * RATE", "x + RATE"),
        ("RATE = 0.1", "RATE = 0.2"),
        ("def train(x,", "def train(x, y=0,"),
    ],
)
def test_other_code_defaults_helpers_or_globals_are_other_work(was: str, is_: str) -> None:
    assert mark(cell(TRAIN)["train"]) != mark(cell(TRAIN.replace(was, is_))["train"])


@pytest.mark.parametrize(
    ("was", "is_"),
    [('"Words."', '"Other words."'), ("    return x", "    # a comment\n    return x")],
)
def test_words_for_people_are_no_other_work(was: str, is_: str) -> None:
    assert mark(cell(TRAIN)["train"]) == mark(cell(TRAIN.replace(was, is_))["train"])


def test_a_global_that_is_not_read_is_none_of_the_works_business() -> None:
    source = TRAIN + "unrelated = 1\n"

    assert mark(cell(TRAIN)["train"]) == mark(cell(source)["train"])


def test_an_attribute_with_the_name_of_a_global_is_not_that_global() -> None:
    source = "def f(x):\n    return x.lock\n"
    with_lock = cell(source, lock=threading.Lock())["f"]

    assert mark(with_lock) == mark(cell(source)["f"])


def test_functions_that_call_each_other_and_themselves_are_told() -> None:
    source = (
        "def odd(n):\n    return n and even(n - 1)\ndef even(n):\n    return not n or odd(n - 1)\n"
    )

    assert mark(cell(source)["odd"]) == mark(cell(source, lines_before=2)["odd"])
    assert mark(cell(source)["odd"]) != mark(cell(source.replace("not n", "n"))["odd"])


def make_adder(n: int) -> Any:
    def add(x: int) -> int:
        return x + n

    return add


def test_a_closure_counts_with_what_it_holds() -> None:
    assert mark(make_adder(1)) == mark(make_adder(1))
    assert mark(make_adder(1)) != mark(make_adder(2))


def test_a_closure_that_waits_for_its_value_is_told() -> None:
    def outer() -> Any:
        def inner() -> Any:
            return late

        found = mark(inner)
        late = 1
        return found, mark(inner)

    empty, full = outer()
    assert empty != full


CLASSES = """
import abc, functools
from dataclasses import dataclass, field
from enum import Enum
class Colour(Enum):
    RED = 1
class Base(abc.ABC):
    step = 1
    @abc.abstractmethod
    def go(self): ...
@dataclass
class Model(Base):
    size: int
    seen: list = field(default_factory=list)
    @property
    def twice(self):
        return self.size * 2
    @functools.cached_property
    def kept(self):
        return self.size
    @staticmethod
    def still(): return 1
    @classmethod
    def made(cls): return cls(1)
    def go(self): return self.size * self.step
model = Model(3)
def work():
    return model.go(), Colour.RED
"""


def test_classes_and_objects_of_a_cell_count_with_their_code() -> None:
    first = cell(CLASSES, "a")
    again = cell(CLASSES, "b", lines_before=5)

    for name in ("Model", "model", "Colour", "work"):
        assert mark(first[name]) == mark(again[name]), name
    assert mark(first["model"].go) == mark(again["model"].go)
    for was, is_ in (("size * 2", "size * 3"), ("step = 1", "step = 2"), ("return 1", "return 2")):
        assert mark(cell(CLASSES.replace(was, is_))["work"]) != mark(first["work"]), was


def test_what_a_decorator_wraps_counts() -> None:
    source = "import functools\n@functools.cache\ndef f(x):\n    return x + 1\n"

    assert mark(cell(source)["f"]) == mark(cell(source, lines_before=1)["f"])
    assert mark(cell(source)["f"]) != mark(cell(source.replace("+ 1", "+ 2"))["f"])


def test_the_text_of_an_own_module_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("helpers_of_mine")
    module.__file__ = str(tmp_path / "helpers_of_mine.py")
    Path(module.__file__).write_text("a = 1")
    before = mark(module)
    Path(module.__file__).write_text("a = 2")
    changed = mark(module)
    Path(module.__file__).unlink()

    assert before != changed
    assert mark(module) not in (before, changed)


def test_what_was_installed_counts_by_its_name(tmp_path: Path) -> None:
    module = types.ModuleType("installed_somewhere")
    module.__file__ = str(tmp_path / "library" / "installed_somewhere" / "__init__.py")
    Path(module.__file__).parent.mkdir(parents=True)
    (tmp_path / "library" / "installed_somewhere-1.0.dist-info").mkdir()
    Path(module.__file__).write_text("a = 1")
    before = mark(module)
    Path(module.__file__).write_text("a = 2")

    assert mark(module) == before


def test_a_class_written_in_c_counts_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_jobs.jobs.once._is_of_a_library", lambda module, file: False)

    assert mark(OrderedDict) != mark(array)
    assert mark(array("d", [1.0])) != mark(array("d", [2.0]))


class Shade(Enum):
    DARK = 1


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, -1),
        ("1", b"1"),
        ((1, 2), [1, 2]),
        ([1, [2]], [[1], 2]),
        (["ab", "c"], ["a", "bc"]),
        ({1: 2}, {2: 1}),
        ({1}, frozenset({1})),
        (None, ...),
        (1j, 2j),
        (bytearray(b"a"), b"a"),
        (Point(1), Point(2)),
        (Shade.DARK, 1),
        (Path("a"), Path("b")),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (functools.partial(print, 1), functools.partial(print, 2)),
        (OrderedDict(a=1), OrderedDict(a=2)),
        (len, max),
        (os.path.join, os.path.split),
        (os, sys),
    ],
)
def test_different_values_differ(one: Any, other: Any) -> None:
    assert mark(one) != mark(other)
    assert mark(one) == mark(one)


def test_order_counts_where_there_is_one() -> None:
    assert mark({"a": 1, "b": 2}) == mark({"b": 2, "a": 1})
    assert mark([1, 2]) != mark([2, 1])


def test_values_that_hold_themselves_are_told() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    same: list[Any] = [1]
    same.append(same)

    assert mark(loop) == mark(same)


PROGRAM = """
import sys
from jupyter_jobs.jobs.requests import submit_input
def helper(words):
    return {"fold", "train", "test"} & set(words)
def work(words, table, *, day="mon"):
    return helper(words), table, day
class Model:
    size = 3
body = submit_input(work, ({"a", "b", "c", "d"}, {"x": 1, "y": Model()}), {"day": "tue"}, key="auto")
print(body["key"])
"""


def test_another_process_makes_the_same_key() -> None:
    keys = {
        subprocess.run(
            [sys.executable, "-c", "\n" * seed + PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }

    assert len(keys) == 1
    assert keys.pop().startswith("auto-")


def test_what_has_no_fingerprint_is_named_with_a_way_out() -> None:
    source = "def f(x):\n    with lock:\n        return x\n"

    with pytest.raises(
        InvalidJob, match=r"fingerprint of f, and lock, which it uses.*key=\"report"
    ):
        Fingerprints().of(cell(source, lock=threading.Lock())["f"], "f")
    with pytest.raises(InvalidJob, match="the argument x, and an object of type lock has none"):
        Fingerprints().of([threading.Lock()], "the argument x")


def test_one_that_failed_leaves_nothing_open() -> None:
    fingerprints = Fingerprints()
    value = [1, threading.Lock()]
    with pytest.raises(InvalidJob):
        fingerprints.of(value, "it")

    value.pop()
    assert fingerprints.of(value, "it") == mark([1])


def test_with_a_key_of_the_users_own_such_a_value_stands_by_its_type() -> None:
    lenient = Fingerprints(lenient=True)

    assert lenient.of([1, threading.Lock()], "it") == lenient.of([1, threading.Lock()], "it")
    assert lenient.of([1, threading.Lock()], "it") != lenient.of([2, threading.Lock()], "it")


def test_what_is_nested_too_deeply_is_told() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(InvalidJob, match="nested too deeply"):
        mark(deep)
    assert Fingerprints(lenient=True).of(deep, "it")


def test_a_key_is_of_the_name_and_the_work() -> None:
    keys = {work_key(*pair) for pair in (("a", "1"), ("a", "2"), ("b", "1"), ("a1", ""))}

    assert len(keys) == 4
