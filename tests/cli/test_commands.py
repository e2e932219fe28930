import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend import server
from jupyter_jobs.backend.session import Timing
from jupyter_jobs.cli import commands, main
from jupyter_jobs.jobs import calls
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend
from tests.support.following import submit

Run = Callable[..., tuple[int, str, str]]
Capture = pytest.CaptureFixture[str]

NASTY = "a\x1b[2J\x1b]0;title\x07b\u202ec\x9b31m"


def runner(backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Run:
    """Run one command against a backend; exit code, standard output, standard error."""
    monkeypatch.setenv("JUPYTER_JOBS_ENDPOINT", backend.http)
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", backend.key)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def waits(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> Run:
    """Commands to a backend whose jobs wait for the test to work them off."""
    return runner(external_backend, monkeypatch, capsys)


@pytest.fixture
def works(backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Run:
    """Commands to a backend that runs jobs."""
    monkeypatch.setattr(commands, "_POLL", 0.05)
    return runner(backend, monkeypatch, capsys)


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


def test_a_program_runs_and_its_end_is_waited_for(works: Run, backend: RunningBackend) -> None:
    code, out, err = works("submit", "--wait", "--", sys.executable, "-c", "print('-- hello')")
    assert (code, err) == (0, "succeeded\n")
    assert record(backend, out.strip())["kind"] == "COMMAND"

    assert works("logs", out.strip()) == (0, "-- hello\n", "")


def test_a_program_needs_no_arguments(works: Run, backend: RunningBackend) -> None:
    code, out, _ = works("submit", "--wait", "--", "true")

    assert code == 0
    assert record(backend, out.strip())["kind"] == "COMMAND"


def test_a_wait_for_a_job_that_fails_fails(works: Run) -> None:
    code, _, err = works("submit", "--wait", "--", "false")

    assert (code, err) == (1, "failed\n")


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
    assert "report of 2026-11-22 at noon, 7 rows" in Path(json.loads(executed)).read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["submit", "Proces data"], "Process data"),
        (["submit", ""], "the request is empty"),
        (["submit", "Process data", "--priority", "URGENT"], "HIGH, MEDIUM, LOW"),
        (["submit", "Process data", "--params", "{"], "--params must be JSON"),
        (["submit", "--", "no-such-program"], "no program 'no-such-program'"),
        (["submit", "missing.ipynb"], "no notebook at"),
        (["submit", __file__ + ".ipynb", "-p", "day"], "-p takes NAME=VALUE"),
        (["submit"], "submit takes one thing"),
        (["submit", "Process data", "--", "true"], "submit takes one thing"),
        (["list", "--status", "DONE"], "no status 'DONE'"),
        (["show", "nobody"], "there is no job 'nobody'"),
        (["logs", "nobody"], "there is no job 'nobody'"),
        (["retry", "nobody"], "there is no job 'nobody'"),
        (["submit", "Process data", "--tag", " "], "a tag is a non-empty string"),
        (["cancel", "nobody"], "there is no job 'nobody'"),
        (["list", "--endpoint", "ftp://example.com"], "must begin with https://"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    works: Run, words: list[str], sentence: str
) -> None:
    code, out, err = works(*words)

    assert (code, out) == (1, "")
    assert err.startswith("jupyter-jobs: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["dance"], ["show"], ["retry"], ["list", "--limit", "many"]])
def test_what_is_not_understood_is_code_2(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)

    assert raised.value.code == 2
    assert "usage: jupyter-jobs" in capsys.readouterr().err


def test_an_interrupt_is_code_130(waits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)

    assert waits("submit", "work", "--wait")[0] == 130


def test_a_wrong_key_is_told_without_it(waits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", "da2-wrongwrongwrongwrongwrong1")

    code, _, err = waits("list")
    assert code == 1
    assert "check the key" in err
    assert "wrongwrong" not in err


def test_the_list_is_newest_first_and_of_one_group_or_state(
    waits: Run, external_backend: RunningBackend
) -> None:
    ids = [submit(external_backend, "listed", name=f"number {n}") for n in range(3)]
    external_backend.update(ids[0], status="RUNNING", progress=0.5, message="half")

    _, out, _ = waits("list", "--group", "listed")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [id_[:8] for id_ in ids[::-1]]
    assert "number 0" in out
    assert "half" in out
    _, out, _ = waits("list", "--group", "listed", "--json", "--limit", "2")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids[:0:-1]
    _, out, _ = waits("list", "--group", "listed", "--json", "--status", "running")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids[:1]
    _, out, _ = waits("list", "--json")
    assert set(ids) <= {json.loads(line)["id"] for line in out.splitlines()}


def test_the_list_has_the_newest_attempt_of_each_job(
    waits: Run, external_backend: RunningBackend
) -> None:
    first, other = (submit(external_backend, "attempts", tags=["night"]) for _ in range(2))
    external_backend.update(first, status="FAILED")
    second = waits("retry", first)[1].strip()
    external_backend.update(second, status="FAILED")
    third = waits("retry", second)[1].strip()
    external_backend.update(third, status="RUNNING")
    external_backend.update(other, status="FAILED")

    def listed(*words: str) -> list[str]:
        _, out, _ = waits("list", "--group", "attempts", "--json", *words)
        return [json.loads(line)["id"] for line in out.splitlines()]

    assert listed() == [third, other]
    assert listed("--all") == [third, second, other, first]
    assert listed("--status", "failed") == [other]
    assert listed("--status", "failed", "--all") == [second, other, first]
    assert listed("--limit", "1") == [third]
    _, out, _ = waits("list", "--group", "attempts")
    assert out.splitlines()[0].split() == ["id", "status", "job", "tags", "progress", "time"]
    assert "work (attempt 3)" in out
    assert "night" in out


def test_retry_prints_the_new_ids_and_what_could_not_be_done(
    waits: Run, external_backend: RunningBackend
) -> None:
    ids = [submit(external_backend, "retried", id=f"retried-{n}") for n in range(3)]
    for id_ in ids[:2]:
        external_backend.update(id_, status="LOST")

    code, out, err = waits("retry", "retried-0", ids[2], "retried-1")

    assert code == 1
    jobs = [json.loads(waits("show", id_, "--json")[1]) for id_ in out.split()]
    assert [(job["retryOf"], job["attempt"]) for job in jobs] == [(id_, 2) for id_ in ids[:2]]
    assert err == (
        f"jupyter-jobs: {ids[2][:8]}: Job {ids[2]} is queued; only a job that has ended can be retried. "
        "Wait for its end, or cancel it.\n"
    )
    assert waits("retry", *ids[:2]) == (0, out, "")


def test_show_tells_tags_place_and_attempt_where_there_are_any(
    waits: Run, external_backend: RunningBackend
) -> None:
    id_ = waits("submit", "work", "--tag", "night", "--tag", "lr=0.1")[1].strip()
    plain = submit(external_backend, "shown")
    external_backend.update(id_, status="LOST")
    retry = waits("retry", id_)[1].strip()

    shown = waits("show", retry)[1]

    assert "tags       night, lr=0.1\n" in shown
    assert "from       command line\n" in shown
    assert f"attempt    2, a retry of {id_}\n" in shown
    assert not {"tags", "from", "attempt"} & {
        line.split()[0] for line in waits("show", plain)[1].splitlines()
    }


def test_show_tells_all_of_a_job(waits: Run, external_backend: RunningBackend) -> None:
    id_ = submit(external_backend, "shown", name="mine", params='{"day": 1}')
    error = {"type": "ValueError", "message": "bad day", "traceback": "Traceback: line 7"}
    external_backend.update(id_, status="RUNNING", progress=0.25, message="reading")
    external_backend.update(id_, status="FAILED", error=json.dumps(error))

    code, out, _ = waits("show", id_)
    facts = dict(line.split(maxsplit=1) for line in out.splitlines() if line)
    assert code == 0
    assert {name: facts[name] for name in ("id", "name", "status", "progress", "params")} == {
        "id": id_,
        "name": "mine",
        "status": "failed",
        "progress": "25%",
        "params": '{"day": 1}',
    }
    assert facts["error"] == "ValueError: bad day"
    assert out.endswith("\nTraceback: line 7\n")
    assert json.loads(waits("show", id_, "--json")[1])["id"] == id_


def test_the_beginning_of_an_id_is_enough_if_it_is_one_jobs(
    waits: Run, external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_, group in (("twin-1", "one"), ("twin-2", "two"), ("only-1", "one")):
        submit(external_backend, group, id=id_)
    monkeypatch.setattr(calls.page, "__kwdefaults__", {"status": None, "limit": 1})

    assert "only-1" in waits("show", "on")[1]
    code, _, err = waits("show", "twin")
    assert code == 1
    assert "several jobs begin with 'twin'" in err
    assert "twin-2" in waits("show", "twin", "--group", "two")[1]


def test_cancel_tells_the_state_that_came_of_it(
    waits: Run, external_backend: RunningBackend
) -> None:
    waiting, running = (submit(external_backend, "cancelled") for _ in range(2))
    external_backend.update(running, status="RUNNING")

    assert waits("cancel", waiting) == (0, "cancelled\n", "")
    assert waits("cancel", running) == (0, "cancelling\n", "")


def test_logs_keep_the_streams_apart_and_come_whole_or_their_end(
    works: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LOG_PAGE", 10)
    program = "import sys\nfor n in range(25): print(n)\nprint('oh', file=sys.stderr)"
    id_ = works("submit", "--wait", "--", sys.executable, "-u", "-c", program)[1].strip()

    lines = [str(n) for n in range(25)]
    code, out, err = works("logs", id_)
    assert (code, out.split(), err) == (0, lines, "oh\n")
    code, out, err = works("logs", id_, "--tail", "13")
    assert [*out.split(), *err.split()] == [*lines[-12:], "oh"]


def test_nothing_that_a_job_says_steers_the_terminal(
    waits: Run, external_backend: RunningBackend
) -> None:
    error = {"type": NASTY, "message": NASTY, "traceback": NASTY}
    id_ = submit(external_backend, "nasty", name=NASTY, params=json.dumps(NASTY))
    external_backend.update(id_, status="RUNNING", message=NASTY)
    external_backend.update(id_, status="FAILED", error=json.dumps(error))

    shown = [waits("show", id_)[1], waits("list", "--group", "nasty")[1]]
    shown += [waits("list", "--json")[1], waits("show", id_, "--json")[1]]
    for text in shown:
        assert "[2J" in text
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)


def test_nothing_that_a_job_prints_steers_the_terminal(works: Run) -> None:
    program = f"print({NASTY!r})"
    id_ = works("submit", "--wait", "--", sys.executable, "-c", program)[1].strip()

    _, out, _ = works("logs", id_)
    assert out == "a[2J]0;titlebc31m\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_causes_no_complaint(
    external_backend: RunningBackend, unbuffered: str
) -> None:
    submit(external_backend, "piped")

    ran = subprocess.run(
        ["bash", "-c", '"$0" -m jupyter_jobs.cli list --json | true', sys.executable],
        env={
            **os.environ,
            "JUPYTER_JOBS_ENDPOINT": external_backend.http,
            "JUPYTER_JOBS_API_KEY": external_backend.key,
            "PYTHONUNBUFFERED": unbuffered,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["retry", "job-1"], "job-1: this API has no retryJob: submit the work again instead"),
        (["cancel", "job-1"], "this API has no cancelJob: a job runs to its own end"),
        (["logs", "job-1"], "this API has no jobLogs: what jobs print cannot be read"),
        (["show", "job-1"], "this API has no getJob: what is not told by an event stays unknown"),
        (["list"], "this API has no listJobs: it cannot tell which jobs there are"),
        (["list", "--profile", "nobody's"], 'there is no profile "nobody\'s"; choose one of'),
    ],
)
def test_what_an_api_cannot_do_is_said(waits: Run, command: list[str], said: str) -> None:
    code, out, err = waits(*command[:1], "--profile", "seed", *command[1:])

    assert (code, out) == (1, "")
    assert err.startswith(f"jupyter-jobs: {said}")


def test_serve_tells_where_it_is_and_ends_well(tmp_path: Path) -> None:
    with running_backend(tmp_path / "jobs") as backend:  # it has read the line of JSON
        assert backend.request("/stats")["connections"] == 0
        assert backend.realtime.startswith("ws://127.0.0.1:")

        assert backend.end() == 0


def test_serve_hands_its_limits_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[server.Options] = []

    def serve(options: server.Options) -> int:
        served.append(options)
        return 7

    monkeypatch.setattr(server, "serve", serve)
    limits = ["--keep-alive", "2.5", "--connection-timeout", "9.5", "--max-subscriptions", "3"]
    files = ["--auth", str(tmp_path / "auth.json"), "--faults", str(tmp_path / "faults.json")]

    assert main(["serve", *limits, *files]) == 7
    assert main(["serve"]) == 7
    assert served[0].timing == Timing(
        keep_alive_s=2.5, connection_timeout_ms=9_500, max_subscriptions=3
    )
    assert (served[0].auth, served[0].faults) == (tmp_path / "auth.json", tmp_path / "faults.json")
    assert served[1] == server.Options()


def test_a_limit_that_cannot_be_is_refused(capsys: Capture) -> None:
    assert main(["serve", "--max-age", "0"]) == 1
    assert capsys.readouterr().err == "jupyter-jobs: max_age_s must be more than 0, not 0.0\n"


def test_serve_ends_by_an_interrupt_too(tmp_path: Path) -> None:
    with running_backend(tmp_path / "jobs") as backend:
        backend.process.send_signal(signal.SIGINT)

        assert backend.process.wait(PATIENCE_S) == 0


def test_a_second_backend_for_a_folder_is_refused(own_backend: RunningBackend) -> None:
    second = subprocess.run(
        [
            *(sys.executable, "-m", "jupyter_jobs.cli", "serve"),
            *("--data-dir", str(own_backend.data_dir)),
        ],
        env={**os.environ, "JUPYTER_JOBS_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("jupyter-jobs: ")
    assert str(own_backend.data_dir) in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert own_backend.stats()["connections"] == 0
