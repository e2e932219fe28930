import re
from types import SimpleNamespace

import pytest
from IPython.core import getipython, ultratb

from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import JobsError
from jupyter_jobs.errors.shown import readers_view


def test_ipython_shows_the_readers_lines_and_the_sentence(shell: SimpleNamespace) -> None:
    error = mistake()
    shown = plain(error._render_traceback_())

    assert "Endpoint.parse(url)" in shown
    assert str(error) in shown
    assert "endpoint.py" not in shown
    assert "ValueError: not what" not in shown


def test_an_error_keeps_its_cause_after_it_was_shown(shell: SimpleNamespace) -> None:
    error = mistake()
    error._render_traceback_()

    assert isinstance(error.__cause__, ValueError)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_next is not None


def test_ipython_shows_all_of_an_error_if_asked_for(shell: SimpleNamespace) -> None:
    shell.InteractiveTB.set_mode("Verbose")
    shown = plain(mistake()._render_traceback_())

    assert "endpoint.py" in shown
    assert "ValueError: not what" in shown


def test_more_may_be_said_before_the_sentence_and_notes_left_out(shell: SimpleNamespace) -> None:
    error = mistake()
    error.add_note("Known: already.")
    error.add_note("Mine.")
    shown = plain(readers_view(error, lambda _: ["In the job:"], hidden=("Known:",)))

    assert shown.index("Endpoint.parse(url)") < shown.index("In the job:") < shown.index(str(error))
    assert "Mine." in shown
    assert "already" not in shown
    assert error.__notes__ == ["Known: already.", "Mine."]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    shell = SimpleNamespace(InteractiveTB=ultratb.FormattedTB(mode="Context"))
    monkeypatch.setattr(getipython, "get_ipython", lambda: shell)
    return shell


def mistake(url: str = "ftp://example.org") -> JobsError:
    """An error that was raised inside the package, because of something below."""
    try:
        Endpoint.parse(url)
    except JobsError as error:
        error.__cause__ = ValueError("not what the reader did")
        return error
    raise AssertionError("it was taken")


def plain(lines: list[str]) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))
