import os
import subprocess
import sys

import pytest

from jupyter_jobs.cli import main
from jupyter_jobs.cli.commands import COMMANDS, parse
from tests.cli.conftest import Run, Shell
from tests.support.backend import PATIENCE_S, RunningBackend
from tests.support.following import submit

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_an_example_and_json(name: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as raised:
        main([name, "--help"])

    out = capsys.readouterr().out
    assert raised.value.code == 0
    assert "--json" in out
    examples = out.partition("examples:\n")[2].splitlines()
    assert examples
    assert all(f"jupyter-jobs {name}" in line for line in examples)


def test_help_lists_the_commands_and_the_exit_codes(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    out = capsys.readouterr().out
    for word in (*COMMANDS, "124  the time was up"):
        assert f"\n    {word}" in out or f"\n  {word}" in out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["show"],
        ["wait"],
        ["list", "--limit", "many"],
        ["list", "--limit", "0"],
        ["logs", "a", "--tail", "-1"],
        ["wait", "a", "--timeout", "soon"],
        ["logs", "a", "--since", "once"],
    ],
)
def test_what_is_not_understood_is_code_2(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)

    assert raised.value.code == 2
    assert "usage: jupyter-jobs" in capsys.readouterr().err


def test_a_program_without_the_dashes_is_told_where_they_go(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["submit", "python", "train.py", "--epochs", "3"])

    said = capsys.readouterr().err
    assert raised.value.code == 2
    assert "unrecognized arguments: train.py --epochs 3; a program stands after two dashes" in said


def test_the_words_after_two_dashes_are_the_programs() -> None:
    args = parse(["submit", "--wait", "--", "python", "--json", "--"])

    assert args.program == ["python", "--json", "--"]
    assert (args.wait, args.json) == (True, False)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["submit", "Proces data"], 2, "Process data"),
        (["submit", ""], 2, "the request is empty"),
        (["submit", "Process data", "--priority", "URGENT"], 2, "HIGH, MEDIUM, LOW"),
        (["submit", "Process data", "--params", "{"], 2, "--params must be JSON"),
        (["submit", "--", "no-such-program"], 2, "no program 'no-such-program'"),
        (["submit", "missing.ipynb"], 2, "no notebook at"),
        (["submit", __file__ + ".ipynb", "-p", "day"], 2, "-p takes NAME=VALUE"),
        (["submit", "--env", "=1", "--", "true"], 2, "--env takes NAME=VALUE"),
        (["submit"], 2, "submit takes one thing"),
        (["submit", "Process data", "--", "true"], 2, "submit takes one thing"),
        (["submit", "Process data", "--tag", " "], 2, "a tag is a non-empty string"),
        (["list", "--status", "DONE"], 2, "no status 'DONE'"),
        (["list", "--endpoint", "ftp://example.com"], 2, "must begin with https://"),
        (["cancel"], 2, "cancel which jobs?"),
        (["retry", "nobody", "--tag", "x"], 2, "ids, or options that choose jobs"),
        (["show", "nobody"], 3, "there is no job 'nobody'"),
        (["logs", "nobody"], 3, "there is no job 'nobody'"),
        (["wait", "nobody"], 3, "there is no job 'nobody'"),
        (["retry", "nobody"], 3, "there is no job 'nobody'"),
        (["cancel", "nobody"], 3, "there is no job 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    works: Run, words: list[str], code: int, sentence: str
) -> None:
    told, out, err = works(*words)

    assert (told, out) == (code, "")
    assert err.startswith("jupyter-jobs: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_mistake_of_ours_is_no_traceback(waits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("no\nsuch thing")

    monkeypatch.setattr("jupyter_jobs.cli.listing.matching", fail)

    assert waits("list") == (
        *(1, ""),
        "jupyter-jobs: this is a mistake in jupyter-jobs: LookupError: no\nsuch thing\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_causes_no_complaint(
    external_backend: RunningBackend, waiting_shell: Shell, unbuffered: str
) -> None:
    submit(external_backend, "piped")
    script = '"$0" -m jupyter_jobs.cli list --json | true; echo ${PIPESTATUS[0]}'

    ran = subprocess.run(
        ["bash", "-c", script, sys.executable],
        env={**waiting_shell.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert (ran.stdout, ran.stderr) == ("141\n", "")


def test_a_terminal_that_lacks_a_mark_gets_another(
    external_backend: RunningBackend, waiting_shell: Shell
) -> None:
    submit(external_backend, "ascii", name="naïve")

    code, out, err = waiting_shell("list", "--group", "ascii", PYTHONIOENCODING="ascii")

    assert (code, err) == (0, "")
    assert "? queued     na?ve" in out
    assert os.linesep in out
