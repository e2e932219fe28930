from __future__ import annotations

import http.server
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    data_folder,
    ensure_backend,
    find_backend,
    process_started_at,
    runtime_file,
    write_private,
)
from tests.support.backend import PATIENCE_S

pytestmark = pytest.mark.usefixtures("started_backends_end")


def ended(backend: EmbeddedBackend, number: int = signal.SIGTERM) -> None:
    process = psutil.Process(backend.pid)
    process.send_signal(number)
    process.wait(PATIENCE_S)


def test_the_first_who_asks_starts_it_and_the_next_finds_it() -> None:
    assert find_backend() is None

    started = ensure_backend()

    assert ensure_backend() == find_backend() == started
    assert started.answers


def test_two_who_start_at_the_same_moment_share_one() -> None:
    code = "from jupyter_jobs.jobs.embedded import ensure_backend; print(ensure_backend().pid)"
    starters = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    pids = {starter.communicate(timeout=PATIENCE_S)[0] for starter in starters}

    assert len(pids) == 1
    found = find_backend()
    assert found is not None
    assert pids == {f"{found.pid}\n"}
    os.kill(found.pid, signal.SIGKILL)
    psutil.wait_procs(
        [psutil.Process(found.pid)] if psutil.pid_exists(found.pid) else [], PATIENCE_S
    )


def test_threads_share_one_too() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: ensure_backend(), range(4)))

    assert len(found) == 1


def test_it_is_detached_and_its_files_are_for_their_owner_alone() -> None:
    backend = ensure_backend()

    assert os.getsid(backend.pid) == backend.pid
    folder = data_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in [*folder.rglob("*"), runtime_file(folder)]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_its_key_is_in_no_command_line_and_no_repr() -> None:
    backend = ensure_backend()

    assert backend.key
    assert backend.key not in repr(backend)
    assert backend.key not in " ".join(psutil.Process(backend.pid).cmdline())


def test_what_belongs_to_one_kernel_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("MINE", "kept")

    environment = psutil.Process(ensure_backend().pid).environ()

    assert environment["MINE"] == "kept"
    assert {"JPY_PARENT_PID", "MPLBACKEND"} & environment.keys() == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_has_ended_is_not_found_and_the_next_has_its_address(number: int) -> None:
    first = ensure_backend()
    ended(first, number)

    assert find_backend() is None
    second = ensure_backend()
    assert second.pid != first.pid
    assert (second.http, second.key) == (first.http, first.key)


def test_folders_have_backends_of_their_own(tmp_path: Path) -> None:
    one, two = ensure_backend(tmp_path / "one"), ensure_backend(tmp_path / "two")

    assert one.pid != two.pid
    assert find_backend(tmp_path / "one") == one


@pytest.mark.parametrize("text", ["", "{", "[]", '{"http": 1}', '{"unknown": 1}'])
def test_a_runtime_file_that_says_nothing_of_use_is_passed_over(text: str) -> None:
    write_private(runtime_file(data_folder()), text)

    assert find_backend() is None


def test_a_process_that_took_over_the_number_is_not_the_backend() -> None:
    backend = EmbeddedBackend("http://127.0.0.1:1/graphql", "ws://", os.getpid(), 1, "k")
    backend.write(runtime_file(data_folder()))

    assert find_backend() is None


@pytest.fixture
def stranger() -> Iterator[int]:
    """A web server that is no backend; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_server_that_does_not_answer_like_one_is_not_the_backend(stranger: int) -> None:
    started = process_started_at(os.getpid())
    assert started is not None
    EmbeddedBackend(
        f"http://127.0.0.1:{stranger}/graphql", "ws://", os.getpid(), started, "k"
    ).write(runtime_file(data_folder()))

    assert find_backend() is None


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "jobs.sqlite").write_text("not a database " * 100)

    with pytest.raises(BackendUnavailable, match="cannot open the jobs"):
        ensure_backend(folder)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BackendUnavailable, match="JUPYTER_JOBS_DATA_DIR"):
        ensure_backend(tmp_path / "file" / "data")


def test_the_data_folder_is_the_argument_else_the_variable_else_jupyters_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_DATA_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))

    assert data_folder(tmp_path / "argument") == tmp_path / "argument"
    assert data_folder() == tmp_path / "variable"
    monkeypatch.delenv("JUPYTER_JOBS_DATA_DIR")
    assert data_folder() == tmp_path / "jupyter" / "jupyter_jobs"


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_private(path, "one")
    write_private(path, "two")

    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_process_that_has_ended_never_started() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert process_started_at(process.pid) is None
    assert process_started_at(os.getpid()) is not None
