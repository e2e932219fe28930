from __future__ import annotations

import errno
import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker import outcome


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**70, 0.5, "", "ä😀", [], [1, [None]], {}, {"a": {"b": [1.5, "c"]}}],
    ids=repr,
)
def test_what_json_gives_back_exactly_is_the_result_itself(tmp_path: Path, value: Any) -> None:
    kept = outcome.keep_result(value, tmp_path)

    assert json.loads(json.dumps(kept)) == {"result": value}
    assert not (tmp_path / "result.pickle").exists()


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "a"},
        {"a": (1,)},
        {1, 2},
        b"bytes",
        float("inf"),
        OrderedDict(a=1),
        "\ud800",
        {"\ud800": 1},
        "x" * 70_000,
        "é" * 20_000,  # 40 KB of UTF-8, but 120 KB once JSON has escaped it
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_anything_else_comes_back_by_pickle(tmp_path: Path, value: Any) -> None:
    kept = outcome.keep_result(value, tmp_path)

    pickled = (tmp_path / "result.pickle").read_bytes()
    assert kept == {"resultSize": len(pickled)}
    assert pickle.loads(pickled) == value


def test_a_list_that_holds_itself_comes_back_by_pickle(tmp_path: Path) -> None:
    value: list[Any] = []
    value.append(value)

    assert "resultSize" in outcome.keep_result(value, tmp_path)


def test_a_long_list_is_not_gone_through_to_see_that_it_is_long(tmp_path: Path) -> None:
    value: list[Any] = [1] * 200_000
    room = outcome._Room(outcome.RESULT_LIMIT)

    assert not outcome._is_json(value, room)
    assert room._left < 0
    assert "resultSize" in outcome.keep_result(value, tmp_path)


def test_a_result_that_cannot_be_pickled_says_so_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(outcome.Failure, match=r"result of type generator .* return the path") as no:
        outcome.keep_result((number for number in [1]), tmp_path)

    assert "traceback" not in no.value.error  # no line of it would be the reader's
    assert list(tmp_path.iterdir()) == []


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    outcome.write_json(tmp_path / "outcome.json", {})
    outcome.keep_result((1,), tmp_path)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_file_that_is_missing_or_broken_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")

    assert outcome.read_json(tmp_path / "missing.json") is None
    assert outcome.read_json(tmp_path / "broken.json") is None


def test_an_error_has_its_type_message_and_the_frames_of_the_user() -> None:
    def fails() -> None:
        raise ValueError("bad day")

    with pytest.raises(ValueError, match="bad day") as caught:
        fails()

    error = outcome.describe_error(caught.value)
    assert (error["type"], error["message"]) == ("ValueError", "bad day")
    assert "in fails" in error["traceback"]


@pytest.mark.parametrize(
    ("status", "unfinished", "expected"),
    [
        (0, "", None),
        (3, "", {"type": "ExitCode", "message": "ended with exit code 3", "exitCode": 3}),
        (
            0,
            "the work was done",
            {
                "type": "ExitCode",
                "message": "ended with exit code 0 before the work was done",
                "exitCode": 0,
            },
        ),
        (
            -9,
            "",
            {
                "type": "Signal",
                "message": "killed by SIGKILL (perhaps out of memory)",
                "signal": "SIGKILL",
            },
        ),
        (-11, "", {"type": "Signal", "message": "killed by SIGSEGV", "signal": "SIGSEGV"}),
        (-63, "", {"type": "Signal", "message": "killed by signal 63", "signal": "signal 63"}),
    ],
)
def test_an_exit_is_told_in_words(
    status: int, unfinished: str, expected: dict[str, Any] | None
) -> None:
    assert outcome.describe_exit(status, unfinished=unfinished) == expected


def test_a_failure_loses_its_colours() -> None:
    failure = outcome.Failure("ValueError", "no", "\x1b[0;31mValueError\x1b[0m: no")

    assert failure.error["traceback"] == "ValueError: no"


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_an_error_is_cut_until_an_event_can_carry_it(letter: str) -> None:
    error = {"type": "E", "message": letter * 4000, "traceback": letter * 24_000 + "the end"}

    fitted = outcome.fit_error(error, [letter * 1000] * 20)

    assert len(json.dumps(fitted)) <= outcome.ERROR_LIMIT
    assert fitted["message"].startswith(letter)
    assert fitted["traceback"].endswith("the end")


def test_an_error_that_fits_is_left_alone() -> None:
    error = {"type": "E", "message": "m"}

    assert outcome.fit_error(error, ["line"]) == {"type": "E", "message": "m", "log": ["line"]}


@pytest.mark.parametrize(("limit", "said"), [(60, "60"), (0.5, "0.5"), (1e6, "1000000")])
def test_a_time_out_says_the_limit(limit: float, said: str) -> None:
    assert outcome.describe_timeout(limit)["message"] == f"ran longer than {said} s"


@pytest.mark.parametrize(
    ("run", "ended", "expected"),
    [
        (1, None, None),
        (1, {"status": "FAILED"}, "FAILED"),
        (2, {"status": "FAILED"}, None),
        (2, {"status": "SUCCEEDED", "run": 2}, "SUCCEEDED"),
        (3, {"status": "FAILED", "run": 2}, None),
    ],
)
def test_an_outcome_of_an_earlier_run_is_none(
    tmp_path: Path, run: int, ended: dict[str, Any] | None, expected: str | None
) -> None:
    outcome.write_json(tmp_path / "job.json", {"run": run})
    if ended is not None:
        outcome.write_json(tmp_path / "outcome.json", ended)

    assert (outcome.read_outcome(tmp_path) or {}).get("status") == expected


def test_what_a_run_came_to_is_forgotten_and_what_it_made_is_not(tmp_path: Path) -> None:
    for name in ("outcome.json", "work.json", "result.pickle", "error.pickle", "job.json"):
        (tmp_path / name).touch()

    outcome.forget(tmp_path)
    outcome.forget(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE])
def test_an_end_is_written_as_soon_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    slept: list[float] = []
    said: list[str] = []
    failures = [OSError(number, "No room")] * 8
    monkeypatch.setattr("time.sleep", slept.append)

    def write() -> str:
        if failures:
            raise failures.pop()
        return "written"

    assert outcome.persist(write, said.append) == "written"
    assert slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert said == ["the work is done, and is kept until it can be written down: No room"]


def test_what_cannot_be_written_for_another_reason_is_an_error(tmp_path: Path) -> None:
    said: list[str] = []

    with pytest.raises(FileNotFoundError):
        outcome.persist(lambda: outcome.write_json(tmp_path / "none" / "x", {}), said.append)
    assert said == []


def test_a_file_that_has_no_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*names: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)

    with pytest.raises(OSError, match="No space"):
        outcome.write_json(tmp_path / "x.json", {})
    with pytest.raises(OSError, match="No space"):
        outcome.keep_result((1,), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".part"] == []


def test_a_result_that_has_no_room_is_the_disks_fault_and_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cloudpickle.dump", full)

    with pytest.raises(OSError, match="No space"):
        outcome.keep_result((1,), tmp_path)
