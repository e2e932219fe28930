from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import socket
from threading import Thread

import pytest

from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.cli.pages import ask_page
from jupyter_jobs.errors import BackendUnavailable, NotSupported
from jupyter_jobs.jobs.embedded import EmbeddedBackend

BACKEND = EmbeddedBackend(
    http="", realtime="", pid=17, started=0, key="da2-of-the-test", version="0.0.1"
)


@contextmanager
def answering(status: int, text: str) -> Iterator[EmbeddedBackend]:
    """A backend whose pages all answer so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield replace(BACKEND, http=f"http://127.0.0.1:{server.server_port}/graphql")
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_is_read() -> None:
    with answering(200, '{"live": 3}') as backend:
        assert ask_page(backend, "GET", "/stats") == {"live": 3}


@pytest.mark.parametrize("status", [404, 405])
def test_a_release_without_the_page_is_told_with_what_to_do(status: int) -> None:
    with answering(status, "Not Found") as backend:
        with pytest.raises(NotSupported, match=r"of jupyter_jobs 0\.0\.1, cannot do that: jupyter"):
            ask_page(backend, "GET", "/key")


def test_what_it_does_not_do_is_told_in_its_words() -> None:
    with answering(409, '{"errors": [{"message": "It keeps its key."}]}') as backend:
        with pytest.raises(Usage, match="It keeps its key"):
            ask_page(backend, "GET", "/key")


def test_any_other_answer_is_told_by_its_number() -> None:
    with answering(503, "<html>") as backend:
        with pytest.raises(BackendUnavailable, match="process 17, answered /stats with HTTP 503"):
            ask_page(backend, "GET", "/stats")


def test_one_that_is_gone_is_told_by_its_process() -> None:
    with socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        backend = replace(BACKEND, http=f"http://127.0.0.1:{deaf.getsockname()[1]}/graphql")

        with pytest.raises(BackendUnavailable, match="process 17, does not answer any more"):
            ask_page(backend, "GET", "/stats")
