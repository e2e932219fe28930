import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidCall, InvalidJob
from jupyter_jobs.jobs.kinds import Command, Notebook
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.jobs.work import kind_of


def train(size: int) -> int:
    return size


def test_each_kind_of_request_is_known_by_what_it_is(tmp_path: Path) -> None:
    requests = ["Process data", Command(["ls"]), Notebook("report.ipynb"), train]

    assert [kind_of(request).kind for request in requests] == [
        JobKind.REQUEST,
        JobKind.COMMAND,
        JobKind.NOTEBOOK,
        JobKind.FUNCTION,
    ]


def test_a_name_that_nobody_gave_is_the_works() -> None:
    def name(request: Any, words: str = "words") -> str:
        return kind_of(request).default_name(words)

    assert name("Process data") == name(Notebook("report.ipynb")) == "words"
    assert name(train) == "train"
    assert name(Command(["python", "jobs/etl.py", "--fast"])) == "etl.py"
    assert name(Command(["/usr/bin/make", "all"])) == "make"
    assert name(Command.shell("x" * 50), "x" * 50) == "x" * 39 + "…"


def test_the_parts_of_a_call_are_the_function_and_its_arguments_by_name() -> None:
    work = kind_of(train).work((3,), {}, (), many=False)

    assert work.parts == [("train", train), ("the argument size", 3)]


def test_a_callable_that_tells_no_parameters_is_taken_as_it_is() -> None:
    work = kind_of(dict).work((), {"name": 1}, (), many=False)

    assert work.parts == [("dict", dict), ("the argument arguments", ((), {"name": 1}))]


def test_a_parameter_of_a_notebook_is_a_python_name(tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").write_text("{}")
    notebook = Notebook(tmp_path / "report.ipynb", parameters={"a day": 1})

    with pytest.raises(InvalidJob, match="'a day' cannot be a parameter"):
        kind_of(notebook).work((), {}, (), many=False)


def test_parameters_of_a_notebook_have_names(tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").write_text("{}")
    parameters: Any = ["day"]

    with pytest.raises(InvalidJob, match=r"names and values, as \{.*, not \['day'\]"):
        kind_of(Notebook(tmp_path / "report.ipynb", parameters)).work((), {}, (), many=False)


def test_a_file_that_is_no_notebook_is_told_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('hello')")

    with pytest.raises(InvalidJob, match=r"train\.py is no notebook; run a script by Command"):
        kind_of(Notebook(tmp_path / "train.py")).work((), {}, (), many=False)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (train, "give a function its arguments directly"),
        (Command(["ls"]), "give a Command its values in its list of arguments"),
        (Notebook("report.ipynb"), "give a Notebook its values by parameters="),
    ],
)
def test_params_go_to_a_named_request_alone(request_: Any, says: str) -> None:
    with pytest.raises(InvalidCall, match=f"params= is for a named request; {says}"):
        kind_of(request_).work((), {}, {"params"}, many=False)


def test_an_argument_that_cannot_travel_is_named() -> None:
    with pytest.raises(InvalidJob, match="the argument size of train cannot be sent"):
        kind_of(train).work((threading.Lock(),), {}, (), many=False)


def test_a_function_that_cannot_travel_is_named_where_its_arguments_can() -> None:
    lock = threading.Lock()

    def guarded(size: int) -> bool:
        return lock.locked()

    with pytest.raises(InvalidJob, match=r"^guarded cannot be sent"):
        kind_of(guarded).work((3,), {}, (), many=False)


@pytest.mark.parametrize(
    ("request_", "keywords", "says"),
    [
        ("Process data", {"timeot": 1}, r"no option 'timeot'; did you mean timeout=\?.*params="),
        ("Process data", {"lr": 1}, r"no option 'lr'; give a named request its values by params="),
        (Command(["ls"]), {"lr": 1}, "a Command its values in its list of arguments"),
        (Notebook("report.ipynb"), {"lr": 1}, "by parameters="),
        (
            train,
            {"size": 1, "timeot": 1},
            r"unexpected keyword argument 'timeot'; did you mean timeout=\?",
        ),
    ],
)
def test_a_keyword_that_is_no_option_is_told_where_it_goes(
    request_: Any, keywords: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        kind_of(request_).work((), keywords, (), many=False)
