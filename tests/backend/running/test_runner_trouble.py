"""Backends and jobs for which the disk, the file handles or the clock are not what they should be."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_jobs.jobs.embedded import process_started_at
from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB, JOB_LOGS, JOB_PAYLOAD, SUBMIT_JOB
from jupyter_jobs.worker.job import current_job
from tests.backend.running.test_runner import ask, ended, says, submit, tree_of, wait
from tests.support.backend import PATIENCE_S, RunningBackend, running_backend
from tests.support.scripted_backend import SLOTS, scripted_backend
from tests.support.shim import function

FAILING = """
import errno, itertools, os, sys
from pathlib import Path
from jupyter_jobs.backend.running import runner
from jupyter_jobs.backend import trouble
from jupyter_jobs.backend.server import Options, serve

trouble.delays = lambda: itertools.repeat(0.2)
launch, calls = runner.launch, []

def failing(*args, **named):
    calls.append(None)
    if len(calls) <= {times}:
        raise OSError({number}, os.strerror({number}))
    return launch(*args, **named)

runner.launch = failing
serve(Options(data_dir=Path(sys.argv[1]), slots=2))
"""


@pytest.mark.parametrize("reason", ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "ENOSPC"])
def test_a_start_that_fails_for_a_reason_that_passes_is_tried_again(
    tmp_path: Path, reason: str
) -> None:
    number = getattr(errno, reason)
    script = FAILING.format(times=3, number=number)
    with scripted_backend(tmp_path / "backend", script) as backend:
        id_ = submit(backend, "COMMAND", {"shell": "true"})
        waiting = wait(backend, id_, lambda job: job["message"] is not None)
        job = ended(backend, id_)

    assert waiting["status"] == "QUEUED"
    assert waiting["message"].startswith(f"cannot be started now ({os.strerror(number)})")
    assert (job["status"], job["history"]) == ("SUCCEEDED", None)


def test_a_start_that_fails_for_a_reason_that_stays_is_an_end(tmp_path: Path) -> None:
    script = FAILING.format(times=3, number=13)
    with scripted_backend(tmp_path / "backend", script) as backend:
        job = ended(backend, submit(backend, "COMMAND", {"shell": "true"}))

    assert job["status"] == "LOST"
    assert json.loads(job["error"])["message"] == "it could not be started: Permission denied"


LIMITED = """
import resource, sys
from pathlib import Path
from jupyter_jobs.backend.server import Options, serve
resource.setrlimit(resource.RLIMIT_NOFILE, (512, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
serve(Options(data_dir=Path(sys.argv[1]), slots=1))
"""


def test_jobs_have_as_many_files_open_as_before(tmp_path: Path) -> None:
    with scripted_backend(tmp_path / "backend", LIMITED) as backend:
        own = psutil.Process(backend.pid).rlimit(psutil.RLIMIT_NOFILE)
        id_ = submit(backend, "COMMAND", {"shell": "ulimit -S -n"})
        ended(backend, id_)
        printed = ask(backend, JOB_LOGS, id=id_)["lines"][0]["text"]

    assert own[0] == own[1] > 512
    assert printed == "512"


CLOCK = """
import sys, time
from pathlib import Path
from jupyter_jobs.backend.server import Options, serve

real, offset = time.time, Path(sys.argv[1]).parent / "offset"

def set_clock():
    return real() + (float(offset.read_text()) if offset.exists() else 0.0)

time.time = set_clock
from datetime import datetime as real_datetime, UTC, tzinfo
from jupyter_jobs.backend.storage import rows
from jupyter_jobs.backend.running.runner import Runner
rows.now.__globals__["datetime"] = type("datetime", (real_datetime,), {
    "now": classmethod(lambda cls, zone=None: real_datetime.fromtimestamp(set_clock(), zone)),
})
Runner.__dataclass_fields__["wall"].default = set_clock
Runner.__init__.__kwdefaults__["wall"] = set_clock
serve(Options(data_dir=Path(sys.argv[1]), slots=1))
"""


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_by_hours_neither_stalls_nor_ends_what_waits(
    tmp_path: Path, hours: int
) -> None:
    gate = tmp_path / "gate"
    line = f"echo ready; until test -e {gate}; do sleep 0.02; done"
    rules = json.dumps({"queueTimeout": 3600, "timeout": 3600})
    with scripted_backend(tmp_path / "backend", CLOCK) as backend:
        first = submit(backend, "COMMAND", {"shell": line}, rules=rules)
        wait(backend, first, says("ready"))
        second = submit(backend, "COMMAND", {"shell": "true"}, rules=rules)
        retried = submit(
            backend, "COMMAND", {"shell": "exit 3"}, rules='{"retries": 1, "backoff": 0.1}'
        )
        (tmp_path / "offset").write_text(str(hours * 3600))
        later = submit(backend, "COMMAND", {"shell": "true"}, rules=rules)
        before = [ask(backend, GET_JOB, id=id_)["status"] for id_ in (second, later)]
        gate.touch()
        jobs = [ended(backend, id_) for id_ in (first, second, later, retried)]

    assert before == ["QUEUED", "QUEUED"]
    assert [job["status"] for job in jobs] == ["SUCCEEDED"] * 3 + ["FAILED"]
    for job in jobs:
        assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"]
    for run in json.loads(jobs[3]["history"]):
        assert run["startedAt"] <= run["finishedAt"]


def refused(backend: RunningBackend, payload: str) -> dict[str, object]:
    given = {"id": "refused", "request": "r", "kind": "COMMAND", "payload": payload}
    answer = backend.execute(SUBMIT_JOB, {"input": given})
    assert answer["data"]["submitJob"] is None
    (error,) = answer["errors"]
    return dict(error)


def large_payload() -> str:
    return json.dumps({"shell": "true", "env": {"LARGE": "x" * 3_000_000}})


def test_a_submit_while_another_program_holds_the_file_is_refused_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    line = f"echo ready; until test -e {gate}; do sleep 0.02; done; exit 3"
    with running_backend(tmp_path / "backend") as backend:
        id_ = submit(backend, "COMMAND", {"shell": line})
        wait(backend, id_, says("ready"))
        shim, _ = tree_of(backend, id_)
        with contextlib.closing(
            sqlite3.connect(backend.data_dir / "jobs.sqlite", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            error = refused(backend, json.dumps({"shell": "true"}))
            gate.touch()
            psutil.wait_procs([shim], PATIENCE_S)
            during = ask(backend, GET_JOB, id=id_)
        job = ended(backend, id_)
        absent = ask(backend, GET_JOB, id="refused")

    assert error["errorType"] == "StorageUnavailable"
    assert "another program holds" in str(error["message"])
    assert absent is None
    assert (during["status"], job["status"]) == ("RUNNING", "FAILED")


def test_what_ran_when_the_machine_was_restarted_is_lost_with_that_reason(tmp_path: Path) -> None:
    with running_backend(tmp_path / "backend") as first:
        runs = submit(first, "COMMAND", {"shell": "echo ready; sleep 600"})
        wait(first, runs, says("ready"))
        shim, tree = tree_of(first, runs)
        first.process.kill()
        first.process.wait()
        for process in (shim, *tree):
            process.kill()
        psutil.wait_procs([shim, *tree], PATIENCE_S)
        # What a restart makes of it: number and time may be those of another process by now.
        stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
        started = process_started_at(stranger.pid)
        with contextlib.closing(sqlite3.connect(first.data_dir / "jobs.sqlite")) as db, db:
            boot = f"an-earlier-boot {os.uname().nodename}"
            db.execute(
                "UPDATE jobs SET pid = ?, processStarted = ?, boot = ?",
                [stranger.pid, started, boot],
            )
        with running_backend(first.data_dir) as second:
            job = ended(second, runs)
        spared = stranger.poll() is None
        stranger.kill()
        stranger.wait()

    assert job["status"] == "LOST"
    assert json.loads(job["error"])["message"] == "the machine was restarted"
    assert spared


def test_a_file_that_is_damaged_while_it_is_served_is_healed_by_the_next_start(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    line = f"echo ready; until test -e {gate}; do sleep 0.02; done"
    with scripted_backend(tmp_path / "backend", SLOTS.format(slots=1)) as first:
        runs = submit(first, "COMMAND", {"shell": line})
        wait(first, runs, says("ready"))
        for number in range(40):  # more than SQLite keeps in memory
            submit(
                first, "COMMAND", {"shell": "true", "env": {"N": "x" * 100_000}}, id=f"j{number}"
            )
        path = first.data_dir / "jobs.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(FULL)")
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(os.urandom(path.stat().st_size // 2))
        with contextlib.suppress(OSError):  # it ends, perhaps before it has answered
            for number in range(40):
                first.execute(JOB_PAYLOAD, {"id": f"j{number}"})
        first.process.wait(PATIENCE_S)
        with running_backend(first.data_dir) as second:
            notices = second.stats()["notices"]
            gate.touch()
            job = ended(second, runs)
            left = second.stats()["jobs"]

    assert any("was damaged" in notice for notice in notices)
    assert job["status"] == "SUCCEEDED"
    assert sum(left.values()) > 10


def can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True
        )
        return (
            mounted.returncode == 0
            and subprocess.run(["umount", folder], check=True).returncode == 0
        )


if can_mount():  # elsewhere no disk can be made that is small enough to be filled

    @pytest.fixture
    def disk(tmp_path: Path) -> Iterator[Path]:
        """A disk of four megabytes."""
        folder = tmp_path / "disk"
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", folder], check=True
        )
        yield folder
        subprocess.run(["umount", "-l", folder], check=True)

    @contextlib.contextmanager
    def filled(disk: Path) -> Iterator[None]:
        """All that is free on the disk is taken."""
        with open(disk / "ballast", "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        yield
        (disk / "ballast").unlink()

    def test_a_full_disk_refuses_submits_and_keeps_what_jobs_came_to(
        disk: Path, tmp_path: Path
    ) -> None:
        gate, printed = tmp_path / "gate", tmp_path / "printed"
        os.mkfifo(gate)
        line = f"echo before; read line < {gate}; yes lost | head -c 30000; touch {printed}; exit 3"
        with running_backend(disk / "backend") as backend:
            id_ = submit(backend, "COMMAND", {"shell": line})
            wait(backend, id_, says("before"))
            shim, _ = tree_of(backend, id_)
            with filled(disk):
                error = refused(backend, large_payload())
                gate.write_text("\n")
                while not printed.exists():
                    psutil.wait_procs([shim], 0.05)
                during = ask(backend, GET_JOB, id=id_)
                absent = ask(backend, GET_JOB, id="refused")
            job = ended(backend, id_)
            lines = [line["text"] for line in ask(backend, JOB_LOGS, id=id_)["lines"]]
            lines += [
                line["text"] for line in ask(backend, JOB_LOGS, id=id_, after=len(lines))["lines"]
            ]
            again = ended(backend, submit(backend, "COMMAND", {"shell": "true"}))

        assert error["errorType"] == "StorageFull"
        assert "make room" in str(error["message"])
        assert absent is None
        assert (during["status"], job["status"]) == ("RUNNING", "FAILED")
        assert json.loads(job["error"])["exitCode"] == 3
        assert lines[0] == "before"
        assert any("bytes of output could not be written here" in line for line in lines)
        assert again["status"] == "SUCCEEDED"

    def test_a_result_is_kept_until_there_is_room_for_it(disk: Path, tmp_path: Path) -> None:
        gate, pickled = tmp_path / "gate", tmp_path / "pickled"
        os.mkfifo(gate)

        class Result:
            def __reduce__(self) -> tuple[type, tuple[bytes]]:
                pickled.touch()
                return bytes, (b"x" * 500_000,)

        def work() -> Result:
            current_job().message("ready")
            gate.read_bytes()
            return Result()

        with running_backend(disk / "backend") as backend:
            id_ = submit(backend, "FUNCTION", function(work))
            wait(backend, id_, says("ready"))
            with filled(disk):
                gate.write_text("\n")
                while not pickled.exists():  # it has tried to write it
                    psutil.wait_procs([psutil.Process(backend.pid)], 0.01)
                during = ask(backend, GET_JOB, id=id_)
            job = ended(backend, id_)

        assert during["status"] == "RUNNING"
        assert job["status"] == "SUCCEEDED"
        assert job["resultSize"] > 500_000

    def test_what_waits_is_started_when_there_is_room_again(disk: Path) -> None:
        with scripted_backend(disk / "backend", SLOTS.format(slots=1)) as backend:
            blocker = submit(backend, "COMMAND", {"shell": "echo ready; sleep 600"})
            wait(backend, blocker, says("ready"))
            patient = submit(backend, "COMMAND", {"shell": "true"})
            shim, tree = tree_of(backend, blocker)
            with filled(disk):
                shim.kill()
                psutil.wait_procs([shim, *tree], PATIENCE_S)
                during = ask(backend, GET_JOB, id=patient)
            jobs = [ended(backend, id_) for id_ in (blocker, patient)]

        assert during["status"] == "QUEUED"
        assert [job["status"] for job in jobs] == ["LOST", "SUCCEEDED"]

    def test_a_start_on_a_full_disk_says_what_to_do(disk: Path) -> None:
        with running_backend(disk / "backend") as backend:
            submit(backend, "COMMAND", {"shell": "true"}, id="a")
            ended(backend, "a")
            backend.process.kill()
            backend.process.wait()
        with filled(disk):
            told = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "jupyter_jobs.cli",
                    "serve",
                    "--data-dir",
                    disk / "backend",
                ],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )

        assert told.returncode != 0
        assert "full" in told.stderr
        assert "Traceback" not in told.stderr
        with running_backend(disk / "backend") as backend:
            assert ask(backend, GET_JOB, id="a")["status"] == "SUCCEEDED"


HELD = """
import asyncio, sys
from pathlib import Path
from jupyter_jobs.backend.processes.nurseries import Nurseries
from jupyter_jobs.backend.server import Options, serve

get, folder = Nurseries.get, Path(sys.argv[1])

async def held(self, python):
    await asyncio.to_thread(folder.with_name("held").write_text, "now")
    await asyncio.to_thread(folder.with_name("go").read_text)
    return await get(self, python)

Nurseries.get = held
serve(Options(data_dir=folder, slots=1))
"""


def test_a_job_after_one_that_was_cancelled_as_it_was_launched_is_told(tmp_path: Path) -> None:
    for name in ("held", "go"):
        os.mkfifo(tmp_path / name)
    with scripted_backend(tmp_path / "backend", HELD) as backend:
        first = submit(backend, "COMMAND", {"args": ["true"]})
        (tmp_path / "held").read_text()
        ask(backend, CANCEL_JOB, id=first)
        second = submit(backend, "COMMAND", {"args": ["true"]}, after=[first])
        (tmp_path / "go").write_text("now")

        job = ended(backend, second)

    assert job["status"] == "CANCELLED"
    assert json.loads(job["error"])["type"] == "DependencyFailed"
