import io
import json
import sys

import pytest

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.terminal import coloured, one_line, plain
from jupyter_jobs.jobs.model import WIRE_NAMES, Job

NASTY = "a\x1b[2J\x1b]0;title\x07b\u202ec\x9b31m\x1bPq\x1b\\d\x1bMe"


def test_plain_text_has_neither_sequences_nor_hidden_characters() -> None:
    assert plain(NASTY) == "abcde"
    assert plain("two\n\tlines\r") == "two\n\tlines"
    assert plain("a string without its end \x1b]0;and all") == "a string without its end "


def test_one_line_has_no_line_ends() -> None:
    assert one_line(" a\r\nb\n  c\x1b[31m ") == "a b c"


def test_colours_stay_where_they_may_and_end_with_the_line() -> None:
    assert coloured("\x1b[31mred\x1b[2J") == "\x1b[31mred\x1b[0m"
    assert coloured("plain\x1b[H") == "plain"


def test_json_of_a_job_has_the_names_of_the_schema_and_values_in_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    body = {"id": "j", "status": "FAILED", "version": 1, "error": '{"type": "ValueError"}'}
    body |= {"params": '{"day": "\\u202e"}', "submittedFrom": "x", "tags": ["a"]}

    terminal.print_json([Job.from_wire(body)])

    out = capsys.readouterr().out
    [told] = json.loads(out)
    assert list(told) == list(WIRE_NAMES.values())
    assert told["error"] == {"type": "ValueError"}
    assert (told["submittedFrom"], told["tags"], told["rules"]) == ("x", ["a"], {})
    assert out.isascii()


def test_a_complaint_is_safe_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.complain("no \x1b[2Jkey da2-abcdefghijklmnopqrstuvwxyz")

    assert capsys.readouterr().err == "jupyter-jobs: no key [hidden]\n"


def test_lines_may_be_of_any_length_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal.width() is None

    monkeypatch.setenv("COLUMNS", "66")
    assert terminal.width() == 66


def test_a_terminal_without_abilities_is_not_drawn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert terminal.is_live(Tty())
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_live(Tty())
    monkeypatch.setenv("TERM", "xterm")
    assert not terminal.is_live(io.StringIO())
