from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from jupyter_jobs.cli import main
from jupyter_jobs.cli.access import opened_at
from jupyter_jobs.jobs.api import JobApi
from tests.cli.terminals import Terminal, on_terminal
from tests.support.backend import PATIENCE_S, RunningBackend
from tests.support.following import target

Run = Callable[..., tuple[int, str, str]]

_COMMAND = ("-m", "jupyter_jobs.cli")


@dataclass
class Shell:
    """Runs commands as a shell does: each a process."""

    environ: dict[str, str]

    def __call__(self, *words: str, **environ: str) -> tuple[int, str, str]:
        """Run one to its end: exit code, standard output, standard error."""
        ran = subprocess.run(
            [sys.executable, *_COMMAND, *words],
            stdin=subprocess.DEVNULL,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return ran.returncode, ran.stdout, ran.stderr

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run one beside the block."""
        with subprocess.Popen(
            [sys.executable, *_COMMAND, *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def on_terminal(
        self, *words: str, columns: int = 80, **environ: str
    ) -> AbstractContextManager[Terminal]:
        """Run one on a terminal of its own."""
        return on_terminal([*_COMMAND, *words], {**self.environ, **environ}, columns)


def _environ(backend: RunningBackend) -> dict[str, str]:
    return {
        **_kept(),
        "JUPYTER_JOBS_ENDPOINT": backend.http,
        "JUPYTER_JOBS_API_KEY": backend.key,
    }


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "COLUMNS"}


def _runner(
    backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process: exit code, standard output, standard error."""
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, value in _environ(backend).items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def waits(
    external_backend: RunningBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Commands to a backend whose jobs wait for the test to work them off; in this process."""
    return _runner(external_backend, monkeypatch, capsys)


@pytest.fixture
def works(
    backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Commands to a backend that runs jobs; in this process."""
    return _runner(backend, monkeypatch, capsys)


@pytest.fixture
def shell(backend: RunningBackend) -> Shell:
    """Commands as processes, to a backend that runs jobs."""
    return Shell(_environ(backend))


@pytest.fixture
def own_shell(own_backend: RunningBackend) -> Shell:
    """Commands as processes, about a backend that the test has alone, which they find as that of this machine."""
    folder = own_backend.data_dir
    return Shell(
        {
            **_kept(),
            "JUPYTER_JOBS_DATA_DIR": str(folder),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
    )


@pytest.fixture
def waiting_shell(external_backend: RunningBackend) -> Shell:
    """Commands as processes, to a backend whose jobs wait for the test to work them off."""
    return Shell(_environ(external_backend))


@pytest.fixture
def api(external_backend: RunningBackend) -> Iterator[JobApi]:
    """What asks the backend whose jobs wait for the test."""
    with opened_at(target(external_backend)) as asks:
        yield asks
