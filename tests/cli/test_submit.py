import json
import sys
from pathlib import Path
from typing import Any

from tests.cli.conftest import Run, Shell
from tests.support.backend import RunningBackend


def record(backend: RunningBackend, id_: str) -> dict[str, Any]:
    query = "query ($id: ID!) { getJob(id: $id) { name group kind priority params request } }"
    job: dict[str, Any] = backend.execute(query, {"id": id_})["data"]["getJob"]
    return job


def test_a_named_request_is_submitted_as_it_is_told(
    waits: Run, external_backend: RunningBackend
) -> None:
    code, out, err = waits(
        *("submit", "Process data", "--priority", "high", "--name", "mine"),
        *("--params", '{"rows": 7}', "--group", "shell"),
    )

    assert (code, err) == (0, "")
    assert record(external_backend, out.strip()) == {
        "name": "mine",
        "group": "shell",
        "kind": "REQUEST",
        "priority": "HIGH",
        "params": '{"rows": 7}',
        "request": "Process data",
    }


def test_a_submission_may_be_told_as_json(waits: Run) -> None:
    code, out, err = waits("submit", "work", "--tag", "night", "--tag", "lr=0.1", "--json")

    job = json.loads(out)
    assert (code, err) == (0, "")
    assert (job["request"], job["tags"], job["status"]) == ("work", ["night", "lr=0.1"], "QUEUED")
    assert (job["submittedFrom"], job["group"]) == ("command line", "terminal")


def test_a_program_runs_and_its_end_is_waited_for(works: Run, backend: RunningBackend) -> None:
    code, out, err = works("submit", "--wait", "--", sys.executable, "-c", "print('-- hello')")
    assert (code, err) == (0, "succeeded\n")
    assert record(backend, out.strip())["kind"] == "COMMAND"

    assert works("logs", out.strip()) == (0, "-- hello\n", "")


def test_a_program_needs_no_arguments(works: Run, backend: RunningBackend) -> None:
    code, out, _ = works("submit", "--wait", "--", "true")

    assert code == 0
    assert record(backend, out.strip())["kind"] == "COMMAND"


def test_a_wait_for_a_job_that_fails_fails(shell: Shell) -> None:
    code, _, err = shell("submit", "--wait", "--", "false")

    assert (code, err) == (1, "failed\n")


def test_a_program_runs_where_and_with_what_it_is_told(works: Run, tmp_path: Path) -> None:
    words = ("--cwd", str(tmp_path), "--env", "A=1=2", "--env", "B=")

    code, out, _ = works("submit", "--follow", *words, "--", "sh", "-c", 'echo "$PWD $A<$B>"')

    assert code == 0
    assert out.splitlines()[1] == f"{tmp_path} 1=2<>"


def test_json_of_a_wait_is_the_job_as_it_ended_and_of_a_log_its_lines_too(works: Run) -> None:
    _, out, err = works("submit", "--wait", "--json", "--", "echo", "hi")
    assert (json.loads(out)["status"], err) == ("SUCCEEDED", "")

    _, out, err = works("submit", "--follow", "--json", "--", "echo", "hi")
    first, *lines, last = map(json.loads, out.splitlines())
    assert (first["id"], last["status"], err) == (last["id"], "SUCCEEDED", "")
    assert [line["text"] for line in lines] == ["hi"]


def test_a_notebook_runs_with_its_parameters(works: Run, tmp_path: Path) -> None:
    source = "print(f'report of {day}, {rows + 1} rows')"
    cell = {
        "cell_type": "code",
        "id": "c1",
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }
    path = tmp_path / "report.ipynb"
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )

    code, out, err = works(
        "submit", str(path), "-p", "day=2026-11-22 at noon", "-p", "rows=6", "--wait"
    )
    assert (code, err) == (0, "succeeded\n")
    executed = json.loads(works("show", out.strip(), "--json")[1])["result"]
    assert "report of 2026-11-22 at noon, 7 rows" in Path(executed).read_text()


def test_the_rules_of_a_job_go_with_it(waits: Run) -> None:
    first, second = (waits("submit", "work")[1].strip() for _ in range(2))

    code, out, err = waits(
        *("submit", "work", "--timeout", "1h", "--queue-timeout", "90s", "--retries", "2"),
        *("--backoff", "5s", "--cpus", "1", "--after", first[:13], "--after", second, "--json"),
    )

    job = json.loads(out)
    assert (code, err) == (0, "")
    assert job["rules"] == {
        "timeout": 3600,
        "queueTimeout": 90,
        "retries": 2,
        "backoff": 5,
        "cpus": 1,
    }
    assert job["after"] == [first, second]
    assert waits("submit", "work", "--after", "nobody")[0] == 3


def test_a_key_submits_once(waits: Run) -> None:
    words = ("submit", "work", "--key", "nightly", "--group", "keys")
    code, out, err = waits(*words)
    assert (code, err) == (0, "")

    again = waits(*words)
    assert again[:2] == (0, out)
    assert again[2].startswith("jupyter-jobs: the key 'nightly' has this job already, submitted at")
    assert waits(*words, "--again")[1] != out
    code, _, err = waits("submit", "other work", "--key", "nightly", "--group", "keys")
    assert code == 1
    assert "nightly" in err
