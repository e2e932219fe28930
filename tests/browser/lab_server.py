"""JupyterLab or Notebook 7 as a server whose folders, kernels and backend are all its own."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from jupyter_jobs.jobs.embedded import EmbeddedBackend
from tests.browser.server import PATIENCE_S, Server
from tests.support.own_folders import backend_of

__all__ = ["LabServer"]

# The module that serves each front end, the option that shows its application to the page, and where a notebook is.
FRONT_ENDS = {
    "lab": (
        "jupyterlab",
        "--LabApp.expose_app_in_browser=True",
        "lab/workspaces/{workspace}/tree/{path}",
    ),
    "notebook": (
        "notebook",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "notebooks/{path}",
    ),
}


class LabServer(Server):
    """One Jupyter server.

    Args:
        folder: An empty one.
        front_end: `lab` for JupyterLab, `notebook` for Notebook 7.

    Attributes:
        notebooks: The server's root.
        token: What it asks for.
    """

    def __init__(self, folder: Path, front_end: str = "lab") -> None:
        super().__init__(folder)
        self.notebooks = folder / "notebooks"
        self.token = os.urandom(16).hex()
        self._module, self._exposed, self._address = FRONT_ENDS[front_end]

    def __enter__(self) -> Self:
        super().__enter__()
        self._stack.callback(self.shut_down_kernels)
        return self

    def command(self) -> list[str]:
        self.notebooks.mkdir()
        self._settings = (
            Path(self.environ["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "apputils-extension"
        )
        self._settings.mkdir(parents=True)
        # Asking for news is a setting of a plugin; the server's own options do not stop it.
        (self._settings / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )
        return [
            *(sys.executable, "-m", self._module, "--no-browser", "--allow-root"),
            self._exposed,
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--IdentityProvider.token={self.token}",
        ]

    def served_at(self) -> str | None:
        info = Path(self.environ["JUPYTER_RUNTIME_DIR"], f"jpserver-{self.pid}.json")
        if not (info.exists() and info.read_text().endswith("}")):
            return None
        return str(json.loads(info.read_text())["url"])

    def address(self, path: str, workspace: str) -> str:
        """Where a notebook is opened, in a workspace of its own if the front end has such."""
        place = self._address.format(workspace=workspace, path=path)
        return f"{self.url}{place}?token={self.token}"

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

    def cancel_jobs(self) -> None:
        """Ask for the end of all jobs, so that none takes another test's place in the queue."""
        backend = self.backend()
        if backend is None:
            return

        def execute(query: str) -> Any:
            request = urllib.request.Request(
                backend.http, json.dumps({"query": query}).encode(), {"x-api-key": backend.key}
            )
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return json.load(response)["data"]

        for status in ("QUEUED", "RUNNING"):
            page = execute(f"{{ listJobs(status: {status}, limit: 1000) {{ items {{ id }} }} }}")
            for job in page["listJobs"]["items"]:
                execute(f'mutation {{ cancelJob(id: "{job["id"]}") {{ id }} }}')

    def forget_theme(self) -> None:
        """Undo what `NotebookPage.set_theme` saved."""
        (self._settings / "themes.jupyterlab-settings").unlink(missing_ok=True)

    def shut_down_kernels(self) -> None:
        """End all kernels; a cell that still runs is interrupted first, so that this does not wait for it."""
        for session in self.request("api/sessions"):
            self.request(f"api/kernels/{session['kernel']['id']}/interrupt", "POST")
            self.request(f"api/sessions/{session['id']}", "DELETE")
