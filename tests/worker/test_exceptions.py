from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.exceptions import EXCEPTION_LIMIT, keep_exception
from jupyter_jobs.worker.outcome import Failure


class Picky(Exception):
    """Its `__init__` cannot be called with its `args`, as those of many a library."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class Liar(Exception):
    """Loads as something else."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Liar, ("another message",)

    def __new__(cls, *args: Any) -> Liar:
        return super().__new__(cls, "another message")

    def __str__(self) -> str:
        return str(id(self))


def raised(error: BaseException) -> BaseException:
    """The same, with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def kept(error: BaseException, folder: Path) -> BaseException:
    assert keep_exception(raised(error), folder)
    return pickle.loads((folder / "error.pickle").read_bytes())


def test_an_exception_comes_back_without_its_frames(tmp_path: Path) -> None:
    error = ValueError("bad day", 3)
    error.add_note("look at row 7")

    loaded = kept(error, tmp_path)

    assert (type(loaded), loaded.args) == (ValueError, ("bad day", 3))
    assert loaded.__notes__ == ["look at row 7"]
    assert loaded.__traceback__ is None


def test_its_causes_come_with_it(tmp_path: Path) -> None:
    try:
        try:
            try:
                raise KeyError("a")
            except KeyError:
                raise OSError("b")  # noqa: B904  # a context is wanted
        except OSError as cause:
            raise ValueError("c") from cause
    except ValueError as error:
        loaded = kept(error, tmp_path)

    assert repr(loaded.__cause__) == "OSError('b')"
    assert loaded.__cause__ is loaded.__context__
    assert loaded.__suppress_context__
    assert repr(loaded.__context__.__context__) == "KeyError('a')"  # type: ignore[union-attr]
    assert not loaded.__context__.__suppress_context__  # type: ignore[union-attr]


def test_a_long_chain_is_kept_in_part_and_quickly(tmp_path: Path) -> None:
    error = Exception("0")
    for number in range(1, 200):
        newer = Exception(str(number))
        newer.__cause__ = newer.__context__ = error
        error = newer

    loaded: BaseException | None = kept(error, tmp_path)

    messages = []
    while loaded is not None:
        messages.append(str(loaded))
        loaded = loaded.__cause__
    assert messages == [str(number) for number in range(199, 179, -1)]


def test_a_chain_that_is_a_circle_is_kept(tmp_path: Path) -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one

    loaded = kept(one, tmp_path)

    assert loaded.__cause__.__cause__ is loaded  # type: ignore[union-attr]  # so it was


def test_a_cause_that_cannot_be_kept_is_left_out(tmp_path: Path) -> None:
    error = ValueError("kept")
    error.__cause__ = ValueError(threading.Lock())

    assert kept(error, tmp_path).__cause__ is None


def test_an_exception_with_arguments_of_its_own_is_kept_too(tmp_path: Path) -> None:
    loaded = kept(Picky(404, why="no such day"), tmp_path)

    assert type(loaded) is Picky
    assert (str(loaded), loaded.code) == ("404: no such day", 404)


def test_a_class_that_is_only_known_here_comes_with_it(tmp_path: Path) -> None:
    class Local(Exception):
        pass

    loaded = kept(Local("x"), tmp_path)

    assert (type(loaded).__name__, str(loaded)) == ("Local", "x")


def test_a_group_is_kept(tmp_path: Path) -> None:
    loaded = kept(ExceptionGroup("two", [ValueError("a"), OSError("b")]), tmp_path)

    assert repr(loaded) == "ExceptionGroup('two', [ValueError('a'), OSError('b')])"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(threading.Lock()),
        ValueError("x" * EXCEPTION_LIMIT),
        Liar(),
        SystemExit(3),
        KeyboardInterrupt(),
        Failure("ValueError", "described already"),
    ],
    ids=["lock", "long", "liar", "exit", "interrupt", "failure"],
)
def test_what_would_not_come_back_is_not_kept(error: BaseException, tmp_path: Path) -> None:
    assert not keep_exception(raised(error), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    error = ValueError("x" * 600_000)
    error.__cause__ = ValueError("y" * 600_000)

    assert kept(error, tmp_path).__cause__ is None
    assert (tmp_path / "error.pickle").stat().st_mode & 0o777 == 0o600
