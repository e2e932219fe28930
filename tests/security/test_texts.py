"""What a job says is anybody's text: it steers no terminal, begins no line of a log, and is no HTML."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.cli import main
from jupyter_jobs.cli.commands import COMMANDS
from jupyter_jobs.jobs import calls
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.requests import submit_input
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget import fallback
from jupyter_jobs.widget.snapshot import take
from tests.cli.terminals import on_terminal
from tests.support.backend import RunningBackend

TITLE = "\x1b]0;pwned\x07"  # sets the title of the window
CLEAR = "\x1b[2J\x9b2J\x1bc"
TURNED = "\u202eevil\u2066"  # turns the reading direction
NASTY = f"job{TITLE}{CLEAR}\x1b[31mred\x00\x08\r\n{TURNED}\x1bP1$r\x1b\\\x85"
TAG = "tag\x1b[2J\u202e\x9b1m"
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;'\""


def work(nasty: str) -> None:
    """Say it in every way that a job has."""
    import sys
    from pathlib import Path

    from jupyter_jobs import current_job

    job = current_job()
    job.progress(1, 2, nasty)
    job.metrics(**{nasty: 1.0})
    (Path(job.dir) / nasty.replace("/", "").replace("\x00", "")).write_text(nasty)
    for stream in (sys.stdout, sys.stderr):
        stream.write(nasty + "\n")
        stream.flush()
    raise ValueError(nasty)


@pytest.fixture(scope="module")
def nasty(backend: RunningBackend) -> str:
    """The id of a job that has said all of it, and failed."""
    api = JobApi(AppSyncClient(backend.http, ApiKeyAuth(backend.key)))
    body = submit_input(
        work, (NASTY,), name=NASTY, tags=[TAG], key=TAG, group="g", submitted_from=NASTY
    )
    try:
        job = api.run_sync(calls.submit(body))
        with pytest.MonkeyPatch.context() as patch:
            settings(patch, backend)
            assert main(["wait", job["id"]]) == 1
    finally:
        asyncio.run(api.wire.aclose())
    id_: str = job["id"]
    return id_


def settings(patch: pytest.MonkeyPatch, backend: RunningBackend) -> None:
    patch.setenv("JUPYTER_JOBS_ENDPOINT", backend.http)
    patch.setenv("JUPYTER_JOBS_API_KEY", backend.key)


def seen(text: str) -> list[str]:
    """The characters of an output that are not to be seen."""
    return sorted({char for char in text if not (char.isprintable() or char in "\n\t")})


NOTHING: Mapping[str, str] = {
    "demo": "shows jobs of its own making",
    "serve": "shows where it listens; its log is tried below",
}
"""Commands that show no job of anybody else's, and why."""

WORDS: Mapping[str, Callable[[str], list[str]]] = {
    "submit": lambda id_: ["submit", "--name", NASTY, "--wait", "--", "true"],
    "watch": lambda id_: ["watch", "--all", "--until-done"],
    "list": lambda id_: ["list", "--all"],
    "show": lambda id_: ["show", id_],
    "logs": lambda id_: ["logs", id_],
    "metrics": lambda id_: ["metrics", id_],
    "files": lambda id_: ["files", id_],
    "result": lambda id_: ["result", id_],
    "wait": lambda id_: ["wait", id_],
    "cancel": lambda id_: ["cancel", id_],
    "retry": lambda id_: ["retry", id_],
    "prune": lambda id_: ["prune", "--older-than", "30d", "--group", NASTY],
    "stop": lambda id_: ["stop", "--data-dir", "/nowhere" + NASTY.replace("\x00", "")],
    "key": lambda id_: ["key", "--data-dir", "/nowhere" + NASTY.replace("\x00", "")],
    "top": lambda id_: ["top"],
    "doctor": lambda id_: ["doctor", "--profile", NASTY],
}


def test_every_command_is_tried() -> None:
    assert {*WORDS, *NOTHING} == {*COMMANDS}


@pytest.mark.parametrize("as_json", [False, True], ids=["words", "json"])
@pytest.mark.parametrize("command", WORDS)
def test_no_text_of_a_job_steers_the_terminal(
    backend: RunningBackend,
    nasty: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    as_json: bool,
) -> None:
    settings(monkeypatch, backend)
    words = WORDS[command](nasty)
    if as_json:
        words = [words[0], "--json", *words[1:]]

    code = main(words)
    out, err = capsys.readouterr()

    assert code in (0, 1, 2, 3, 4)
    assert seen(out) == []
    assert seen(err) == []
    assert out + err


@pytest.mark.parametrize("command", ["list", "show", "logs", "watch"])
def test_nor_where_it_is_drawn(backend: RunningBackend, nasty: str, command: str) -> None:
    environ = {"JUPYTER_JOBS_ENDPOINT": backend.http, "JUPYTER_JOBS_API_KEY": backend.key}
    words = ["-m", "jupyter_jobs.cli", *WORDS[command](nasty)]
    with on_terminal(words, {**os.environ, **environ}, 100) as terminal:
        terminal.exit_code()
        drawn = terminal.said

    for evil in ("\x1b]", "\x1b[2J", "\x9b", "\x1bc", "\x1bP", "\u202e", "\x07", "\x08", "\x00"):
        assert evil not in drawn


def test_a_text_begins_no_line_of_the_log(backend: RunningBackend, nasty: str) -> None:
    log = (backend.data_dir / "backend.log").read_text()

    assert seen(log.replace("\n", "")) == []
    for line in log.splitlines():
        assert {"time", "level", "event"} <= json.loads(line).keys()


class Page(HTMLParser):
    """What of a page is not text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def page(**texts: Any) -> str:
    store = JobStore()
    for status in ("RUNNING", "FAILED", "QUEUED"):
        store.merge({"id": f"{HTML}{status}", "version": 1, "status": status, **texts})
    return fallback.html(take(store, None))


def test_a_text_is_no_html_of_a_saved_notebook() -> None:
    evil = dict.fromkeys(("name", "request", "message", "group", "submittedFrom", "batch"), HTML)
    error = json.dumps({"type": HTML, "message": HTML, "traceback": HTML})

    shown = Page(page(**evil, error=error, tags=[HTML], params=json.dumps(HTML)))
    plain = Page(page(name="job"))

    assert shown.elements <= plain.elements | {"b", "br", "span"}
    assert shown.attributes == plain.attributes == {"style"}


def test_a_panel_that_is_printed_steers_no_terminal() -> None:
    store = JobStore()
    error = json.dumps({"type": NASTY, "message": NASTY, "traceback": NASTY})
    for status in ("RUNNING", "FAILED", "QUEUED"):
        texts = {"name": NASTY, "message": NASTY, "error": error, "submittedFrom": NASTY}
        store.merge({"id": status, "version": 1, "status": status, **texts})
    picture = take(store, None)

    assert seen(fallback.text(picture)) == []
    assert seen(fallback.html(picture)) == []


def test_the_page_sets_text_as_text_alone() -> None:
    sources = Path(__file__).parents[2] / "js/src"
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "dangerouslySet", "document.write")

    found = [
        f"{path.name}: {way}"
        for path in sources.rglob("*.ts*")
        for way in ways
        if way in path.read_text()
    ]

    assert found == []
