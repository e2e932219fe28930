from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.jobs.kinds import Command, Notebook
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.jobs.requests import submit_input
from jupyter_jobs.testing.submitted import Submitted

COLUMNS = ("group", "params", "rules", "tags", "key", "after", "retryOf")


def train(rate: float, *, epochs: int = 1) -> float:
    return rate * epochs


class Trainer:
    def fit(self) -> None: ...


def read(*request: Any, **options: Any) -> Submitted:
    given = submit_input(request[0], request[1:], options.pop("kwargs", {}), **options)
    return Submitted.read(
        {**dict.fromkeys(COLUMNS), "priority": "MEDIUM", **given}, given["payload"]
    )


def test_a_function_comes_back_with_its_arguments() -> None:
    job = read(train, 0.1, kwargs={"epochs": 3})

    assert (job.kind, job.name, job.function) == (JobKind.FUNCTION, "train", train)
    assert (job.args, job.kwargs) == ((0.1,), {"epochs": 3})


def test_only_what_was_said_is_an_option() -> None:
    plain = read(train, 0.1)
    full = read(
        train, 0.1, priority="HIGH", tags=["a"], key="k", timeout=60, retries=2, env={"A": "1"}
    )

    assert plain.options == {}
    assert full.options == {
        "priority": "HIGH",
        "tags": ["a"],
        "key": "k",
        "timeout": 60.0,
        "retries": 2,
        "env": {"A": "1"},
    }


def test_a_folder_is_an_option_where_it_is_another(tmp_path: Path) -> None:
    assert read(train, 0.1, cwd=tmp_path).options == {"cwd": str(tmp_path)}


def test_a_request_has_its_params() -> None:
    job = read("Process data", params={"day": 1})

    assert (job.names, job.params, job.function) == (("Process data",), {"day": 1}, None)
    assert (job.args, dict(job.kwargs)) == ((), {})


def test_a_notebook_has_its_parameters(tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").write_text(json.dumps({"cells": []}))

    job = read(Notebook(tmp_path / "report.ipynb", parameters={"day": 1}))

    assert job.names == ("report.ipynb", "report")
    assert job.kwargs == {"day": 1}


@pytest.mark.parametrize(
    ("request_", "options", "names"),
    [
        (train, {}, ("train",)),
        (train, {"name": "nightly"}, ("train", "nightly")),
        (Command(["sleep", "1"]), {}, ("sleep",)),
        (Command(["python", "train.py"]), {}, ("python", "train.py")),
        (Command.shell("ls *.csv | wc -l"), {}, ("ls", "ls *.csv | wc -l")),
    ],
)
def test_a_job_has_the_names_that_a_script_may_use(
    request_: Any, options: dict[str, Any], names: tuple[str, ...]
) -> None:
    args = (0.1,) if request_ is train else ()

    assert read(request_, *args, **options).names == names


def test_a_method_is_known_by_its_own_name_too() -> None:
    assert read(Trainer().fit).names == ("Trainer.fit", "fit")


def test_a_command_has_its_arguments() -> None:
    assert read(Command(["sleep", "1"])).args[1:] == ("1",)
    assert read(Command.shell("ls | wc")).args == ("ls | wc",)
