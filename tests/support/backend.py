"""A real backend, in a process of its own, with folders of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from jupyter_jobs.jobs.operations import UPDATE_JOB

__all__ = ["KEY", "RunningBackend", "end_tree", "make_known", "running_backend"]

KEY = "da2-testtesttesttesttesttesttt"
_running: dict[int, Path] = {}  # the folder that has the runtime file of each

PATIENCE_S = 60.0 * float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))


@dataclass
class RunningBackend:
    """What a test may do with a backend.

    Attributes:
        http: URL for queries and mutations.
        realtime: URL for subscriptions.
        key: Its API key.
        data_dir: Its folder.
        process: The process itself.
    """

    http: str
    realtime: str
    key: str
    data_dir: Path
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def execute(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run GraphQL without our client; the whole answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        return self.request("/graphql", body)

    def update(self, id_: str, **changes: Any) -> dict[str, Any]:
        """Report on a job as an external worker does; the job."""
        answer = self.execute(UPDATE_JOB, {"input": {"id": id_, **changes}})
        assert "errors" not in answer, answer
        return answer["data"]["updateJob"]

    def stats(self) -> dict[str, Any]:
        """What `/stats` tells."""
        return self.request("/stats")

    def request(self, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
        url = self.http.removesuffix("/graphql") + path
        request = urllib.request.Request(url, body, {"x-api-key": self.key, **headers})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def end(self) -> int:
        """TERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running_backend(
    data_dir: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[RunningBackend]:
    """Run `jupyter-jobs serve` for a block; afterwards nothing of it and its jobs is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_jobs.cli", "serve", "--data-dir", str(data_dir), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(data_dir / "runtime"),
            "JUPYTER_JOBS_API_KEY": KEY,
            **(env or {}),
        },
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the backend did not start: exit code {process.wait(PATIENCE_S)}"
        ready = json.loads(line)
        assert ready["event"] == "ready"
        _running[process.pid] = Path((env or {}).get("JUPYTER_RUNTIME_DIR", data_dir / "runtime"))
        if "JUPYTER_RUNTIME_DIR" in os.environ:
            make_known(Path(os.environ["JUPYTER_RUNTIME_DIR"]))
        yield RunningBackend(ready["http"], ready["realtime"], KEY, data_dir, process)
    finally:
        _running.pop(process.pid, None)
        end_tree(process)
        process.stdout.close()


def make_known(folder: Path) -> None:
    """Let a test with this runtime folder know the running backends as its user's own: it loads what they send."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for runtime in set(_running.values()) - {folder}:
        for path in runtime.glob("jupyter-jobs-*.json"):
            shutil.copy(path, folder)


def end_tree(process: subprocess.Popen[str]) -> None:
    """Kill a backend and all that descends from it."""
    try:
        descendants = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        descendants = []
    process.kill()
    process.wait()
    for descendant in descendants:
        try:
            descendant.kill()
        except psutil.NoSuchProcess:
            pass
    psutil.wait_procs(descendants, PATIENCE_S)
