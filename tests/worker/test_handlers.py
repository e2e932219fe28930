from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import InvalidCall
from jupyter_jobs.worker.handlers import HANDLERS, handler, load_handlers


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    known, modules = dict(HANDLERS), set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    HANDLERS.clear()
    HANDLERS.update(known)
    for name in set(sys.modules) - modules:
        if not name.startswith("jupyter_jobs"):
            del sys.modules[name]


def test_a_handler_is_registered_under_its_name_and_stays_what_it_was() -> None:
    @handler("Twice")
    def twice(params: int) -> int:
        return 2 * params

    assert HANDLERS["Twice"] is twice
    assert twice(21) == 42


def test_two_functions_cannot_handle_one_name() -> None:
    handler("Once")(lambda params: None)

    with pytest.raises(ValueError, match="'Once' is handled by"):
        handler("Once")(print)


def test_a_name_cannot_be_blank() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        handler(" ")


def test_a_handler_without_its_name_is_told_to_have_one() -> None:
    bare: Any = handler

    with pytest.raises(InvalidCall, match=r'write @handler\("…"\)'):

        @bare
        def report(params: object) -> None: ...


def test_the_samples_are_always_there() -> None:
    assert load_handlers() == {}
    assert "Process data" in HANDLERS


def test_modules_come_from_the_variable_and_from_the_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("one_handlers", "two_handlers"):
        (tmp_path / f"{name}.py").write_text(
            f"from jupyter_jobs.worker import handler\n@handler('{name}')\ndef run(params): ...\n"
        )
    monkeypatch.setenv("JUPYTER_JOBS_HANDLERS", "one_handlers")

    assert load_handlers(" two_handlers, ") == {}
    assert {"one_handlers", "two_handlers"} <= HANDLERS.keys()


def test_a_broken_module_is_named_and_harms_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken_handlers.py").write_text("raise ImportError('no pandas')")
    (tmp_path / "good_handlers.py").write_text(
        "from jupyter_jobs.worker import handler\n@handler('Good')\ndef run(params): ...\n"
    )

    failures = load_handlers("broken_handlers,good_handlers")

    assert failures == {"broken_handlers": "ImportError: no pandas"}
    assert "Good" in HANDLERS
