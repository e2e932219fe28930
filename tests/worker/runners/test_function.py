from __future__ import annotations

import base64
import pickle
from pathlib import Path

from tests.support.shim import function, run_shim


def test_a_function_gets_its_arguments_and_gives_its_result(tmp_path: Path) -> None:
    outcome = run_shim(tmp_path / "job", "FUNCTION", function(lambda a, b: a * b, 6, 7))

    assert outcome == {"status": "SUCCEEDED", "result": 42}


def test_an_exception_comes_with_the_users_frames_and_the_last_lines(tmp_path: Path) -> None:
    def fails() -> None:
        print("before")  # noqa: T201  # what a job prints is its log
        raise ValueError("bad day")

    error = run_shim(tmp_path / "job", "FUNCTION", function(fails))["error"]

    assert (error["type"], error["message"], error["log"]) == ("ValueError", "bad day", ["before"])
    assert "in fails" in error["traceback"]
    assert error["traceback"].count("  File ") == 1


def test_the_exception_itself_is_kept(tmp_path: Path) -> None:
    def fails() -> None:
        try:
            raise KeyError("monday")
        except KeyError as error:
            raise ValueError("bad day") from error

    error = run_shim(tmp_path / "job", "FUNCTION", function(fails))["error"]

    loaded = pickle.loads((tmp_path / "job" / "error.pickle").read_bytes())
    assert error["loadable"] is True
    assert (repr(loaded), repr(loaded.__cause__)) == ("ValueError('bad day')", "KeyError('monday')")


def test_an_exception_that_cannot_be_kept_is_told_all_the_same(tmp_path: Path) -> None:
    def fails() -> None:
        raise ValueError(open(__file__))  # a file cannot be pickled

    error = run_shim(tmp_path / "job", "FUNCTION", function(fails))["error"]

    assert error["type"] == "ValueError"
    assert "loadable" not in error
    assert not (tmp_path / "job" / "error.pickle").exists()


def test_a_function_that_cannot_be_loaded_says_where(tmp_path: Path) -> None:
    missing = base64.b64encode(b"cno_such_module\nfunction\n.").decode()

    error = run_shim(tmp_path / "job", "FUNCTION", {"function": missing})["error"]

    assert error["type"] == "ModuleNotFoundError"
    assert "could not be loaded in the job's process" in error["traceback"]


def test_a_result_that_is_no_json_is_kept_as_a_pickle(tmp_path: Path) -> None:
    outcome = run_shim(tmp_path / "job", "FUNCTION", function(lambda: {1, 2}))

    pickled = (tmp_path / "job" / "result.pickle").read_bytes()
    assert outcome == {"status": "SUCCEEDED", "resultSize": len(pickled)}
    assert pickle.loads(pickled) == {1, 2}
