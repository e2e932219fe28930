"""A server in a process of its own, with folders of its own, until a block ends."""

from __future__ import annotations

import os
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.support.own_folders import own_folders

__all__ = ["PATIENCE_S", "Server"]

REPOSITORY = Path(__file__).resolve().parents[2]

# How long a condition may take to come true. No test waits this long unless it fails.
PATIENCE_S = 60.0 * float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))

LAST_WORDS_S = 20.0


class Server(ABC):
    """What serves notebooks, and the folders that everything started by it uses.

    Args:
        folder: An empty one.

    Attributes:
        folder: Holds all folders, and the log.
        environ: What the server, its kernels and their backend have as environment.
        url: Where it is served.
    """

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log_path = folder / "server.log"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        own = self._stack.enter_context(own_folders(self.folder))
        # The tree under test, whether or not it is installed.
        search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        self.environ = {**os.environ, **own, "PYTHONPATH": search}
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @abstractmethod
    def command(self) -> list[str]:
        """Prepare the folders, and say what to run."""

    @abstractmethod
    def served_at(self) -> str | None:
        """Where it is served, None while it is not."""

    def log(self, lines: int = 40) -> str:
        """The last lines that the server and its kernels wrote."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> None:
        command = self.command()
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=self.environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._stack.callback(self._end)
        deadline = time.monotonic() + PATIENCE_S
        while (url := self.served_at()) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not serve:\n{self.log()}")
            time.sleep(0.05)
        self.url = url

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            pass  # as a Jupyter server does now and then; its kernels have ended, so it has nothing to lose
        finally:
            self._process.kill()
            self._process.wait()
