"""A JupyterLab server whose folders, kernels and backend are all its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from jupyter_jobs.jobs.embedded import EmbeddedBackend
from tests.support.own_folders import backend_of, own_folders

__all__ = ["PATIENCE_S", "LabServer"]

REPOSITORY = Path(__file__).resolve().parents[2]

# How long a condition may take to come true. No test waits this long unless it fails.
PATIENCE_S = 30.0 * float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))


class LabServer:
    """One JupyterLab server, and the folders that everything started by it uses.

    Attributes:
        folder: Holds all folders, and the log.
        notebooks: The server's root.
        environ: What the server, its kernels and their backend have as environment.
        url: Where it is served, with a slash at the end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.token = os.urandom(16).hex()
        self._log_path = folder / "server.log"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.notebooks.mkdir()
        own = self._stack.enter_context(own_folders(self.folder))
        # The tree under test, whether or not it is installed.
        search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        self.environ = {**os.environ, **own, "PYTHONPATH": search}
        self._settings = Path(own["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab/apputils-extension"
        self._settings.mkdir(parents=True)
        # Asking for news is a setting of a plugin; the server's own options do not stop it.
        (self._settings / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    "--LabApp.expose_app_in_browser=True",
                    "--ServerApp.ip=127.0.0.1",
                    "--ServerApp.port=0",
                    f"--ServerApp.root_dir={self.notebooks}",
                    f"--IdentityProvider.token={self.token}",
                ],
                env=self.environ,
                cwd=self.notebooks,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._stack.callback(self._end)
        try:
            self.url = self._wait_until_served()
        except BaseException:
            self._stack.close()
            raise
        self._stack.callback(self.shut_down_kernels)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()

    def _wait_until_served(self) -> str:
        info = Path(self.environ["JUPYTER_RUNTIME_DIR"], f"jpserver-{self._process.pid}.json")
        deadline = time.monotonic() + PATIENCE_S
        while not (info.exists() and info.read_text().endswith("}")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{self.log()}")
            time.sleep(0.05)
        return str(json.loads(info.read_text())["url"])

    def log(self, lines: int = 40) -> str:
        """The last lines that the server and its kernels wrote."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask the server's REST API; the decoded answer, or None where it has no body."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            body = response.read()
        return json.loads(body) if body else None

    def backend(self) -> EmbeddedBackend | None:
        """The embedded backend that the kernels share, or None while none was started."""
        return backend_of(self.environ)

    def forget_theme(self) -> None:
        """Undo what `NotebookPage.set_theme` saved."""
        (self._settings / "themes.jupyterlab-settings").unlink(missing_ok=True)

    def shut_down_kernels(self) -> None:
        """End all kernels; a cell that still runs is interrupted first, so that this does not wait for it."""
        for session in self.request("api/sessions"):
            self.request(f"api/kernels/{session['kernel']['id']}/interrupt", "POST")
            self.request(f"api/sessions/{session['id']}", "DELETE")
