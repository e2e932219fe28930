from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.server import Options, serve
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.operations import GET_JOB, SUBMIT_JOB
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend


def start(*options: str, **env: str) -> subprocess.Popen[str]:
    """`python -m jupyter_jobs.backend`, as clients start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter_jobs.backend", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        start_new_session=True,
    )


def known(backend_dir: Path) -> dict[str, Any]:
    (file,) = (backend_dir / "runtime").glob("jupyter-jobs-*.json")
    return json.loads(file.read_text())


def test_the_first_line_tells_where_it_is_but_not_its_key(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as backend:
        told = known(tmp_path / "backend")

    assert backend.http.startswith("http://127.0.0.1:")
    assert backend.http.endswith("/graphql")
    assert backend.realtime == backend.http.replace("http", "ws", 1) + "/realtime"
    assert (told["http"], told["pid"], told["key"]) == (backend.http, backend.pid, KEY)


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as backend:
        backend.execute(
            SUBMIT_JOB,
            {"input": {"request": "x", "kind": "COMMAND", "payload": '{"shell": "true"}'}},
        )
        while backend.stats()["jobs"] != {"SUCCEEDED": 1}:  # files come and go while it runs
            time.sleep(0.02)

        for path in [tmp_path / "backend", *(tmp_path / "backend").rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well_and_takes_its_runtime_file_away(tmp_path: Path, number: int) -> None:
    with running_backend(tmp_path / "backend") as backend:
        backend.process.send_signal(number)

        assert backend.process.wait(PATIENCE_S) == 0
    assert list((tmp_path / "backend/runtime").glob("jupyter-jobs-*.json")) == []


def test_the_next_one_has_the_same_address_key_and_jobs(tmp_path: Path) -> None:
    with running_backend(
        tmp_path / "backend", "--external", env={"JUPYTER_JOBS_API_KEY": ""}
    ) as first:
        before = known(tmp_path / "backend")
        first.key = before["key"]
        first.execute(SUBMIT_JOB, {"input": {"id": "kept", "request": "r"}})
        first.process.kill()
        first.process.wait()
    with running_backend(
        tmp_path / "backend", "--external", env={"JUPYTER_JOBS_API_KEY": ""}
    ) as second:
        after = known(tmp_path / "backend")
        second.key = after["key"]
        job = second.execute(GET_JOB, {"id": "kept"})["data"]["getJob"]

    assert (after["http"], after["key"]) == (before["http"], before["key"])
    assert after["key"].startswith("da2-")
    assert job["status"] == "QUEUED"


def test_it_forgets_what_is_too_old_when_it_starts(tmp_path: Path) -> None:
    given = {"request": "x", "kind": "COMMAND", "payload": '{"shell": "true"}'}
    with running_backend(tmp_path / "backend") as first:
        first.execute(SUBMIT_JOB, {"input": {**given, "id": "old"}})
        while first.stats()["jobs"] != {"SUCCEEDED": 1}:
            time.sleep(0.02)
    with running_backend(tmp_path / "backend", env={"JUPYTER_JOBS_KEEP_DAYS": "0"}) as second:
        while second.stats()["jobs"] != {}:
            time.sleep(0.02)

    assert list((tmp_path / "backend/jobs").iterdir()) == []


def test_a_setting_of_what_is_kept_that_cannot_be_keeps_it_from_starting(tmp_path: Path) -> None:
    process = start("--data-dir", str(tmp_path), JUPYTER_JOBS_KEEP_GB="all")

    _, complaint = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert "JUPYTER_JOBS_KEEP_GB takes a number, 0 or more, or inf to keep all" in complaint


def test_a_second_one_on_the_same_folder_is_told_so(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as first:
        second = start("--data-dir", str(tmp_path / "backend"))
        _, complaint = second.communicate(timeout=PATIENCE_S)

        assert second.returncode == 1
        assert f"another backend serves {tmp_path / 'backend'}" in complaint
        assert first.stats()["pid"] == first.pid


def test_it_ends_when_nobody_asks_and_nothing_runs(tmp_path: Path) -> None:
    process = start("--data-dir", str(tmp_path / "backend"), "--idle-exit", "0.3")

    _, log = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert "nobody has asked for 0.3 s" in log


def test_a_running_job_keeps_it_alive(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    process = start("--data-dir", str(tmp_path), "--idle-exit", "0.3", JUPYTER_JOBS_API_KEY=KEY)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    backend = RunningBackend(ready["http"], ready["realtime"], KEY, tmp_path, process)

    payload = json.dumps({"shell": f"sleep 1.5; touch {ended}"})
    given = {"request": "x", "kind": "COMMAND", "payload": payload}
    answer = backend.execute(SUBMIT_JOB, {"input": given})
    process.communicate(timeout=PATIENCE_S)

    assert "errors" not in answer
    assert process.returncode == 0
    assert ended.exists()


def test_it_listens_to_this_machine_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"refusing to listen on 0\.0\.0\.0"):
        serve(Options(host="0.0.0.0", data_dir=tmp_path))
    (tmp_path / "later").touch(0o644)
    assert (tmp_path / "later").stat().st_mode & 0o077  # the umask is as it was


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with running_backend(tmp_path / "one") as first:
        port = first.http.rsplit(":", 1)[1].split("/")[0]
        second = subprocess.run(
            [
                sys.executable,
                "-m",
                "jupyter_jobs.cli",
                "serve",
                "--data-dir",
                str(tmp_path / "two"),
                "--port",
                port,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    assert second.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr


def test_no_key_is_in_its_log(tmp_path: Path) -> None:
    process = start(
        "--data-dir", str(tmp_path / "backend"), "--idle-exit", "0.2", JUPYTER_JOBS_API_KEY=KEY
    )

    said, log = process.communicate(timeout=PATIENCE_S)

    assert '"ready"' in said
    assert KEY not in said + log


def test_guests_are_let_in_besides_the_own_key(tmp_path: Path) -> None:
    guests = tmp_path / "guests.json"
    guests.write_text('{"api_keys": ["da2-guest"]}')
    with running_backend(tmp_path / "backend", "--auth", str(guests)) as backend:
        answers = [
            backend.request("/graphql", b'{"query": "{ __typename }"}', **{"x-api-key": key})
            for key in (KEY, "da2-guest")
        ]

    assert answers == [{"data": {"__typename": "Query"}}] * 2
    log = (tmp_path / "backend/backend.log").read_text()
    assert f"says who is let in, and others can read it: chmod 600 {guests}" in log


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--auth", "{", "cannot read from"),
        ("--auth", '{"keys": []}', "nobody knows 'keys'"),
        ("--faults", "{", "cannot read faults from"),
        ("--faults", '{"rules": [{"fault": "explode"}]}', "rule 1 of the faults"),
    ],
)
def test_a_file_that_cannot_be_used_keeps_it_from_starting(
    tmp_path: Path, option: str, text: str, said: str
) -> None:
    (tmp_path / "file").write_text(text)
    words = ["serve", "--data-dir", str(tmp_path / "data"), option, str(tmp_path / "file")]

    refused = subprocess.run(
        [sys.executable, "-m", "jupyter_jobs.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert (refused.returncode, refused.stdout) == (1, "")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
