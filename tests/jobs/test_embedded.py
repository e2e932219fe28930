from __future__ import annotations

import fcntl
import http.server
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    Presence,
    ask,
    data_folder,
    ensure_backend,
    find_backend,
    is_served,
    look,
    process_started_at,
    runtime_file,
    write_private,
)
from jupyter_jobs.jobs.operations import SUBMIT_JOB
from jupyter_jobs.jobs.runtime import CONTRACT
from tests.support.backend import PATIENCE_S

pytestmark = pytest.mark.usefixtures("started_backends_end")


def ended(backend: EmbeddedBackend, number: int = signal.SIGTERM) -> None:
    process = psutil.Process(backend.pid)
    process.send_signal(number)
    process.wait(PATIENCE_S)


def rewrite(path: Path, **said: Any) -> None:
    """Let a runtime file say something else; None leaves it out."""
    told = json.loads(path.read_text()) | said
    write_private(
        path, json.dumps({name: value for name, value in told.items() if value is not None})
    )


def as_an_older_release(path: Path) -> None:
    """Let a runtime file say what one of before contracts said."""
    rewrite(path, version="0.0.9", **dict.fromkeys(["contract", "host", "boot", "notices"]))


def starters(count: int) -> set[str]:
    """Have so many processes ask for the backend at once; what they found."""
    code = "from jupyter_jobs.jobs.embedded import ensure_backend; print(ensure_backend().pid)"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    return {process.communicate(timeout=PATIENCE_S)[0].strip() for process in processes}


def killed(pid: int) -> None:
    """End a process that is no child of this one."""
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], PATIENCE_S)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock, as another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_the_first_who_asks_starts_it_and_the_next_finds_it() -> None:
    assert find_backend() is None

    started = ensure_backend()

    assert ensure_backend() == find_backend() == started
    assert look().presence is Presence.RUNS


def test_eight_who_start_at_the_same_moment_share_one() -> None:
    pids = starters(8)

    found = find_backend()
    assert found is not None
    assert pids == {str(found.pid)}
    killed(found.pid)


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
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as db:
        db.execute("PRAGMA user_version = 9999")

    with pytest.raises(BackendUnavailable, match=r"the backend did not start: .*later release"):
        ensure_backend(folder)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BackendUnavailable, match="JUPYTER_JOBS_DATA_DIR"):
        ensure_backend(tmp_path / "file" / "data")


def test_a_folder_without_locks_or_space_is_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "start.lock").mkdir(parents=True)

    with pytest.raises(BackendUnavailable, match="a folder of this machine that you can write"):
        ensure_backend(tmp_path / "data")


def test_another_release_with_the_same_contract_is_used_as_it_is() -> None:
    backend = ensure_backend()
    rewrite(runtime_file(data_folder()), version="0.0.9", unknown="to this release")

    found = ensure_backend()

    assert (found.pid, found.version) == (backend.pid, "0.0.9")


def test_one_of_an_older_contract_is_replaced_once_and_its_jobs_go_on(tmp_path: Path) -> None:
    old = ensure_backend()
    payload = json.dumps({"shell": f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"})
    given = {"id": "goes-on", "request": "x", "kind": "COMMAND", "payload": payload}
    submit = json.dumps({"query": SUBMIT_JOB, "variables": {"input": given}}).encode()
    assert graphql(old, submit)["submitJob"]["status"] == "QUEUED"
    while graphql(old, ONE)["getJob"]["status"] != "RUNNING":
        time.sleep(0.05)
    process = psutil.Process(old.pid)
    as_an_older_release(runtime_file(data_folder()))

    pids = starters(4)

    process.wait(PATIENCE_S)
    new = find_backend()
    assert new is not None
    assert pids == {str(new.pid)}
    assert (new.pid == old.pid, new.http, new.contract) == (False, old.http, CONTRACT)
    assert graphql(new, ONE)["getJob"]["status"] == "RUNNING"
    (tmp_path / "go").touch()
    while graphql(new, ONE)["getJob"]["status"] != "SUCCEEDED":
        time.sleep(0.05)
    killed(new.pid)


ONE = json.dumps({"query": '{ getJob(id: "goes-on") { status } }'}).encode()


def graphql(backend: EmbeddedBackend, body: bytes) -> dict[str, Any]:
    status, answer = ask(backend, "POST", "/graphql", body)
    assert status == 200
    data: dict[str, Any] = json.loads(answer)["data"]
    return data


def test_one_of_a_newer_contract_is_left_alone_and_says_what_to_update() -> None:
    backend = ensure_backend()
    rewrite(runtime_file(data_folder()), version="9.1", contract=CONTRACT + 1)

    with pytest.raises(BackendUnavailable, match=r"of jupyter_jobs 9\.1.*update the package"):
        ensure_backend()
    assert process_started_at(backend.pid) == backend.started


def test_one_that_is_of_an_older_contract_and_does_not_end_is_told() -> None:
    backend = ensure_backend()
    as_an_older_release(runtime_file(data_folder()))
    blocked = psutil.Process(backend.pid)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "kill", lambda *_: None)

        with pytest.raises(BackendUnavailable, match="of an older release and was asked to end"):
            ensure_backend(timeout=0.2)
    assert blocked.is_running()


def test_one_that_is_stopped_is_told_with_what_lets_it_go_on() -> None:
    backend = ensure_backend()
    os.kill(backend.pid, signal.SIGSTOP)
    try:
        while look().presence is not Presence.SILENT:
            time.sleep(0.02)
        with pytest.raises(BackendUnavailable, match=rf"kill -CONT {backend.pid} lets it go on"):
            ensure_backend()
    finally:
        os.kill(backend.pid, signal.SIGCONT)

    assert ensure_backend() == backend


def test_one_that_lives_and_does_not_answer_is_told_and_no_second_is_started(stranger: int) -> None:
    started = process_started_at(os.getpid())
    assert started is not None
    http = f"http://127.0.0.1:{stranger}/graphql"
    EmbeddedBackend(http, "ws://", os.getpid(), started, "k").write(runtime_file(data_folder()))

    with pytest.raises(BackendUnavailable, match="lives and does not answer"):
        ensure_backend(timeout=0.2)
    assert not is_served(data_folder())


def test_one_of_another_boot_is_gone() -> None:
    started = process_started_at(os.getpid()) or 0
    other = EmbeddedBackend("http://127.0.0.1:1", "ws://", os.getpid(), started, "k", boot="other")
    other.write(runtime_file(data_folder()))

    assert look().presence is Presence.ABSENT
    assert ensure_backend().pid != os.getpid()


def test_one_that_runs_on_another_host_is_named_and_left_alone() -> None:
    backend = ensure_backend()
    rewrite(runtime_file(data_folder()), host="far-away")

    assert find_backend() is None
    with pytest.raises(BackendUnavailable, match="runs on the host far-away"):
        ensure_backend()
    assert process_started_at(backend.pid) == backend.started


def test_one_of_another_host_that_is_gone_is_replaced() -> None:
    ended(ensure_backend())
    EmbeddedBackend("http://127.0.0.1:1", "ws://", 1, 1, "k", host="far-away").write(
        runtime_file(data_folder())
    )

    assert ensure_backend().is_here


def test_one_that_is_about_to_end_is_waited_for() -> None:
    folder = data_folder()
    with ThreadPoolExecutor(1) as pool:
        with held(folder / "serve.lock"):
            starting = pool.submit(ensure_backend)
            while not (folder / "start.lock").exists():
                time.sleep(0.01)
            assert not starting.done()

        assert starting.result(PATIENCE_S).is_alive


def test_a_folder_that_somebody_holds_for_good_is_told_with_who_it_is() -> None:
    with held(data_folder() / "serve.lock"):
        (data_folder() / "serve.lock").write_text("process 7 on far-away\n")

        with pytest.raises(BackendUnavailable, match="is held by process 7 on far-away"):
            ensure_backend(timeout=0.2)


def test_one_whom_somebody_else_starts_for_ever_is_not_waited_for() -> None:
    with (
        held(data_folder() / "start.lock"),
        pytest.raises(BackendUnavailable, match="has been starting the backend"),
    ):
        ensure_backend(timeout=0.1)
