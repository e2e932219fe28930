from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jupyter_jobs.backend.executors import EXECUTORS, Submission
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.worker.runners import RUNNERS


def test_each_kind_is_checked_and_run() -> None:
    assert set(EXECUTORS) == set(RUNNERS) == {kind.value for kind in JobKind}


def test_without_a_payload_the_backends_own_python_does_it() -> None:
    submission = Submission.read("Process data", None)

    assert (submission.payload, submission.python) == ({}, sys.executable)


@pytest.mark.parametrize("payload", ["not json", "[]", '"text"', "[" * 100_000])
def test_a_payload_is_a_json_object(payload: str) -> None:
    with pytest.raises(Refusal, match="payload must be a JSON object"):
        Submission.read("r", payload)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"python": "/no/such/python"}, "There is no interpreter /no/such/python"),
        ({"python": "/usr"}, "There is no interpreter /usr"),
        ({"python": __file__}, "There is no interpreter"),
        ({"python": "no-such-python"}, "There is no interpreter no-such-python"),
        ({"python": "/no/\0"}, "There is no interpreter"),
        ({"cwd": "/no/such/folder"}, "The folder to run in does not exist: /no/such/folder"),
    ],
)
def test_what_is_not_there_is_named(payload: dict[str, str], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        Submission.read("r", json.dumps(payload))


@pytest.mark.parametrize("python", [sys.executable, "sh"])
def test_an_interpreter_is_named_by_its_path_or_found_by_its_name(python: str) -> None:
    assert Submission.read("r", json.dumps({"python": python})).python == python


def test_texts_and_files_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    here = Submission("r", {"text": "t", "file": str(tmp_path / "there"), "empty": ""}, "python")

    assert (here.text("text"), here.file("file")) == ("t", tmp_path / "there")
    for name in ("missing", "empty"):
        with pytest.raises(Refusal, match=f"payload lacks '{name}'"):
            here.text(name)
    with pytest.raises(Refusal, match="There is no file t"):
        here.file("text")
