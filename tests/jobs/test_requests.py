import base64
import functools
import json
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from jupyter_jobs.errors import InvalidJob, NotSupported
from jupyter_jobs.jobs.options import DEFAULTS
from jupyter_jobs.jobs.requests import Command, Notebook, Submission, submit_input


def payload(body: dict[str, Any]) -> dict[str, Any]:
    return json.loads(body["payload"])


def train(size: int, lr: float = 0.1) -> float:
    return size * lr


def test_a_function_travels_with_its_arguments() -> None:
    body = submit_input(train, (128,), {"lr": 0.5}, group="g")
    function, args, kwargs = cloudpickle.loads(base64.b64decode(payload(body)["function"]))

    assert function(*args, **kwargs) == 64.0
    assert (body["kind"], body["name"], body["request"]) == (
        "FUNCTION",
        "train",
        "train(128, lr=0.5)",
    )
    assert body["priority"] == "MEDIUM"
    assert payload(body)["python"] == sys.executable


def test_every_submit_has_an_id_of_its_own() -> None:
    assert submit_input("x")["id"] != submit_input("x")["id"]


def test_a_named_request_takes_json_parameters() -> None:
    body = submit_input("Process data", params={"rows": 3}, priority="high", name="mine")

    assert (body["kind"], body["request"], body["name"]) == ("REQUEST", "Process data", "mine")
    assert body["params"] == '{"rows": 3}'
    assert body["priority"] == "HIGH"


def test_tags_and_origin_travel_where_there_are_any() -> None:
    body = submit_input(train, (1,), tags=("sweep", "lr=0.1"), submitted_from="train.ipynb, cell 5")

    assert (body["tags"], body["submittedFrom"]) == (["sweep", "lr=0.1"], "train.ipynb, cell 5")
    assert not {"tags", "submittedFrom"} & set(submit_input(train, (1,)))


def test_handlers_of_this_process_travel_with_a_named_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_HANDLERS", "my_handlers")

    assert payload(submit_input("Process data"))["handlers"] == "my_handlers"


def test_an_endpoint_that_runs_nothing_gets_no_more_than_the_seeds_fields() -> None:
    assert set(submit_input("Process data", runs_here=False)) == {
        "id",
        "request",
        "name",
        "priority",
    }
    with pytest.raises(NotSupported, match="by name"):
        submit_input(train, (1,), runs_here=False)


def test_python_in_a_command_is_this_python() -> None:
    body = submit_input(Command(["python", "train.py", "--day", "2026-11-22"]))

    assert Path(payload(body)["args"][0]).parent == Path(sys.executable).parent
    assert (body["name"], body["request"]) == ("train.py", "python train.py --day 2026-11-22")


def test_a_shell_line_stays_a_line() -> None:
    body = submit_input(Command.shell("ls *.csv | wc -l", env={"LANG": "C"}))

    assert payload(body)["shell"] == "ls *.csv | wc -l"
    assert payload(body)["env"] == {"LANG": "C"}
    assert body["request"] == "ls *.csv | wc -l"


def test_a_notebook_runs_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "report.ipynb").write_text("{}")
    body = submit_input(Notebook(tmp_path / "report.ipynb", parameters={"day": "2026-11-22"}))

    assert payload(body)["path"] == str(tmp_path / "report.ipynb")
    assert payload(body)["cwd"] == str(tmp_path)
    assert (body["name"], json.loads(body["params"])) == ("report.ipynb", {"day": "2026-11-22"})


def test_secrets_in_what_readers_see_are_hidden() -> None:
    def fetch(url: str, token: str) -> None: ...

    assert "hunter2" not in submit_input(fetch, ("u",), {"token": "hunter2"})["request"]
    assert "hunter2" not in submit_input(Command(["python", "--password=hunter2x"]))["request"]


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("request_", "kwargs", "error", "says"),
    [
        ("", {}, InvalidJob, "empty"),
        ("   ", {}, InvalidJob, "empty"),
        ("Process", {"priority": "URGENT"}, InvalidJob, "HIGH, MEDIUM, LOW"),
        ("Process", {"priority": 3}, InvalidJob, "HIGH, MEDIUM, LOW"),
        ("Process", {"params": {1, 2}}, InvalidJob, "must be JSON"),
        ("Process", {"params": float("nan")}, InvalidJob, "must be JSON"),
        ("Process", {"params": "x" * 200_000}, InvalidJob, "limit"),
        ("Process", {"name": " "}, InvalidJob, "name="),
        ("Process", {"tags": "sweep"}, InvalidJob, r"write tags=\['sweep'\]"),
        ("Process", {"args": (1,)}, TypeError, "params="),
        (Command(["no-such-program-here"]), {}, InvalidJob, "no program"),
        (Command(["ls"], cwd="/no/such/folder"), {}, InvalidJob, "folder"),
        (Notebook("missing.ipynb"), {}, InvalidJob, "no notebook"),
        (3, {}, InvalidJob, "type int"),
        (coroutine, {}, InvalidJob, "async"),
        (train, {"params": 1}, TypeError, "named request"),
        (train, {}, TypeError, "missing a required argument: 'size'"),
        (train, {"args": (1,), "kwargs": {"rate": 2}}, TypeError, "rate"),
        (print, {"args": (threading.Lock(),)}, InvalidJob, "inside the function"),
    ],
)
def test_what_cannot_run_is_refused_with_a_reason(
    request_: Any, kwargs: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        submit_input(request_, **kwargs)


def test_a_function_is_pickled_once_for_all_of_its_calls() -> None:
    bodies = Submission(made_here, {}).inputs([((n,), {}) for n in range(3)])
    loaded = [cloudpickle.loads(base64.b64decode(payload(body)["function"])) for body in bodies]

    assert [function(*args, **kwargs) for function, args, kwargs in loaded] == [1, 2, 3]
    assert [body["request"] for body in bodies] == ["made_here(0)", "made_here(1)", "made_here(2)"]
    assert len({body["id"] for body in bodies}) == 3


def test_arguments_of_all_types_travel_beside_one_another() -> None:
    class Made:
        size = 4

    plain = (None, True, 3, 0.5, "x", b"y")
    bodies = Submission(made_of_all, {}).inputs([(plain, {}), ((Made, lambda: 5), {})])
    (_, args, _), (_, (made, call), _) = (
        cloudpickle.loads(base64.b64decode(payload(body)["function"])) for body in bodies
    )

    assert args == plain
    assert (made.size, call()) == (4, 5)


def made_of_all(*args: Any) -> tuple[Any, ...]:
    return args


made_here = eval("lambda n: n + 1", {"__name__": "__main__"})
made_here.__qualname__ = "made_here"


def test_a_call_among_many_that_cannot_be_is_named() -> None:
    submission = Submission(train, {})

    with pytest.raises(TypeError, match=r"item 1: train: too many.*nothing was submitted"):
        submission.inputs([((1,), {}), ((1, 2, 3), {})])
    with pytest.raises(InvalidJob, match=r"item 0: the argument size of train cannot be sent"):
        submission.inputs([((threading.Lock(),), {})])


def test_work_that_is_the_same_has_the_same_key_and_mark() -> None:
    first = submit_input(train, (128,), {"lr": 0.5}, key="auto")
    again = submit_input(train, (), {"size": 128, "lr": 0.5}, key="auto")
    mine = submit_input(train, (128,), {"lr": 0.5}, key="mine", cwd=".")

    assert first["key"] == again["key"] == submit_input(train, (128, 0.5), key="auto")["key"]
    assert payload(first)["fingerprint"] == payload(again)["fingerprint"]
    assert mine["key"] == "mine"
    assert payload(mine)["fingerprint"] != payload(first)["fingerprint"]
    assert "fingerprint" not in payload(submit_input(train, (1,)))


@pytest.mark.parametrize(
    "other",
    [
        {"args": (129,)},
        {"args": (128,), "name": "other"},
        {"args": (128,), "cwd": "/"},
        {"args": (128,), "env": {"A": "1"}},
    ],
)
def test_other_work_or_another_name_has_another_key(other: dict[str, Any]) -> None:
    key = submit_input(train, (128,), key="auto")["key"]

    assert submit_input(train, key="auto", **other)["key"] != key


def test_a_script_and_a_notebook_are_the_same_work_while_their_code_is(tmp_path: Path) -> None:
    script, notebook = tmp_path / "etl.py", tmp_path / "report.ipynb"
    command = Command(["python", "etl.py"], cwd=tmp_path)

    def keys(code: str, output: str) -> list[str]:
        script.write_text(code)
        cells = [
            {"cell_type": "code", "source": code, "outputs": [output]},
            {"cell_type": "markdown", "source": output},
        ]
        notebook.write_text(json.dumps({"cells": cells}))
        return [submit_input(each, key="auto")["key"] for each in (command, Notebook(notebook))]

    first = keys("a = 1", "one")
    assert keys("a = 1", "two") == first
    assert not set(keys("a = 2", "one")) & set(first)


def test_an_unreadable_notebook_counts_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report.ipynb"
    path.write_text("{}")
    first = submit_input(Notebook(path), key="auto")["key"]
    path.write_text("[]")

    assert submit_input(Notebook(path), key="auto")["key"] != first


def test_the_options_have_the_last_word_on_folder_and_variables(tmp_path: Path) -> None:
    command = Command(["ls"], cwd="/", env={"A": "1", "B": "1"})
    sent = payload(submit_input(command, cwd=tmp_path, env={"B": 2}))
    (tmp_path / "report.ipynb").write_text("{}")
    notebook = submit_input(Notebook(tmp_path / "report.ipynb"), cwd="/", env={"A": "1"})

    assert (sent["cwd"], sent["env"]) == (str(tmp_path), {"A": "1", "B": "2"})
    assert (payload(notebook)["cwd"], payload(notebook)["env"]) == ("/", {"A": "1"})
    assert payload(submit_input(train, (1,), env={"A": "1"}))["env"] == {"A": "1"}
    with pytest.raises(NotSupported, match="say in params="):
        submit_input("Process data", env={"A": "1"}, runs_here=False)


@pytest.mark.parametrize("option", sorted(DEFAULTS))
def test_a_parameter_named_like_an_option_points_to_partial(option: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def work({option}): return {option}", namespace)

    with pytest.raises(TypeError, match=r"functools\.partial"):
        submit_input(namespace["work"])
    assert submit_input(functools.partial(namespace["work"], **{option: 1}))["name"] == "work"


def test_only_a_parameter_that_may_be_meant_is_refused() -> None:
    def fetch(url: str, timeout: float = 10) -> str:
        return url

    with pytest.raises(TypeError, match=r"functools\.partial\(fetch, timeout=…\)"):
        submit_input(fetch, ("u",), timeout=5)
    assert submit_input(fetch, ("u",))["request"] == "fetch('u')"
    assert json.loads(submit_input(fetch, ("u", 5), timeout=60)["rules"]) == {"timeout": 60}
