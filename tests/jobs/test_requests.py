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
from jupyter_jobs.jobs.requests import OPTIONS, Command, Notebook, submit_input


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


def test_a_command_given_as_a_string_is_told_both_ways_out() -> None:
    with pytest.raises(TypeError, match=r"\['ls', '-l'\].*Command\.shell"):
        Command("ls -l")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_a_parameter_named_like_an_option_points_to_partial(option: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def work({option}): return {option}", namespace)

    with pytest.raises(TypeError, match=r"functools\.partial"):
        submit_input(namespace["work"])
    assert submit_input(functools.partial(namespace["work"], **{option: 1}))["name"] == "work"
