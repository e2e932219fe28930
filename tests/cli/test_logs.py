import json
import sys
from pathlib import Path

import pytest

from jupyter_jobs.jobs import calls
from tests.cli.conftest import Run, Shell
from tests.support.backend import PATIENCE_S

NASTY = "a\x1b[2J\x1b]0;title\x07b\u202ec\x9b31m"


def ran(run: Run, program: str) -> str:
    words = ("submit", "--wait", "--", sys.executable, "-u", "-c", program)
    return str(run(*words)[1].strip())


def test_logs_keep_the_streams_apart_and_come_whole_or_their_end(
    works: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LOG_PAGE", 10)
    id_ = ran(works, "import sys\nfor n in range(25): print(n)\nprint('oh', file=sys.stderr)")

    lines = [str(n) for n in range(25)]
    code, out, err = works("logs", id_)
    assert (code, out.split(), err) == (0, lines, "oh\n")
    code, out, err = works("logs", id_, "--tail", "13")
    assert [*out.split(), *err.split()] == [*lines[-12:], "oh"]
    told = json.loads(works("logs", id_[:13], "--tail", "2", "--json")[1])
    assert [(line["seq"], line["text"]) for line in told] == [(25, "24"), (26, "oh")]
    assert works("logs", id_, "--since", "1h")[1] == out_of(works, id_)
    assert works("logs", id_, "--since", "2126-01-01") == (0, "", "")


def out_of(run: Run, id_: str) -> str:
    return str(run("logs", id_)[1])


def test_nothing_that_a_job_prints_steers_the_terminal(works: Run) -> None:
    id_ = ran(works, f"print({NASTY!r})")

    assert works("logs", id_)[1] == "abc\n"


def test_a_log_is_followed_to_its_end(shell: Shell, tmp_path: Path) -> None:
    go = tmp_path / "go"
    program = (
        "import os, sys, time\nprint('begun', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "print('gone on', flush=True)\nsys.exit(3)"
    )
    id_ = shell("submit", "--", sys.executable, "-c", program)[1].strip()

    with shell.started("logs", "-f", id_) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        go.touch()
        assert process.communicate(timeout=PATIENCE_S) == ("gone on\n", "")

    assert process.returncode == 1
    code, out, _ = shell("logs", "-f", "--json", "--tail", "1", id_)
    assert (code, [json.loads(line)["text"] for line in out.splitlines()]) == (1, ["gone on"])


def test_the_log_of_a_job_that_succeeds_ends_well(shell: Shell) -> None:
    code, out, err = shell("submit", "--follow", "--", "echo", "hello")

    assert code == 0
    assert out.split()[1:] == ["hello"]
    assert err == "succeeded\n"
    assert shell("logs", "--follow", out.split()[0]) == (0, "hello\n", "")


def test_colours_are_for_those_who_look(shell: Shell) -> None:
    red = "print('\\x1b[31mred\\x1b[0m')"
    id_ = ran(shell, red)

    with shell.on_terminal("logs", id_) as terminal:
        assert terminal.exit_code() == 0
        assert "red" in terminal.said
    with shell.on_terminal("logs", id_, NO_COLOR="1") as terminal:
        assert terminal.exit_code() == 0
        assert terminal.said == "red\r\n"
