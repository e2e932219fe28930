"""The backend of this machine, asked for its own pages: what is not about jobs, and no other API has."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from jupyter_jobs.cli.exits import Usage
from jupyter_jobs.errors import BackendUnavailable, NotSupported
from jupyter_jobs.jobs.embedded import EmbeddedBackend, ask

__all__ = ["add_data_dir", "ask_page"]


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add which backend is meant."""
    parser.add_argument(
        "--data-dir", metavar="DIR", help="of the folder's backend; default the user's own"
    )


def ask_page(
    backend: EmbeddedBackend, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a page answers.

    Raises:
        BackendUnavailable: It does not answer.
        NotSupported: Its release has no such page.
        Usage: It does not do that; says why.
    """
    who = f"the backend, process {backend.pid},"
    content = None if body is None else json.dumps(body).encode()
    try:
        status, answer = ask(backend, method, path, content)
    except OSError as error:
        raise BackendUnavailable(f"{who} does not answer any more: {error}") from error
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        raise NotSupported(
            f"the backend, of jupyter_jobs {backend.version}, cannot do that: jupyter-jobs stop ends it, its jobs go on, "
            "and the next use starts one that can"
        )
    if status not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
        raise BackendUnavailable(f"{who} answered {path} with HTTP {status}")
    told: dict[str, Any] = json.loads(answer)
    if status == HTTPStatus.CONFLICT:
        raise Usage("; ".join(str(error["message"]) for error in told["errors"]))
    return told
