from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_jobs.backend.processes import nurseries
from jupyter_jobs.backend.processes.nurseries import Fork, Nurseries, Nursery, Unanswered
from jupyter_jobs.backend.processes.runs import Shim, launch, prepare, relaunch
from tests.backend.processes.test_runs import until_end
from tests.backend.running.test_runner import ended, submit
from tests.support.backend import PATIENCE_S, running_backend
from tests.support.scripted_backend import scripted_backend
from tests.support.shim import function

# What a work and its shim are made of, as far as two starts of the same job have it in common.
FACTS = """
import json, os, re, resource, signal, sys, time

def of(pid):
    while "State:\\tR" in (status := open(f"/proc/{pid}/status").read()) and pid != os.getpid():
        time.sleep(0.001)  # the shim has closed what only the work is to have when it waits for that
    links = {number: os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")
             if os.path.exists(f"/proc/{pid}/fd/{number}")}
    return {
        "signals": re.findall("(?:SigBlk|SigIgn|SigCgt|ShdPnd).*", status),
        "identity": re.findall("(?:Uid|Gid|Groups|Umask|Threads|Seccomp|NoNewPrivs):.*", status),
        "files": {number: re.sub(r"\\d+", "N", link) if ":" in link else link for number, link in sorted(links.items())},
        "leads its session": os.getsid(pid) == pid,
        "in the session": os.getsid(pid) == os.getsid(os.getppid()),
        "cwd": os.readlink(f"/proc/{pid}/cwd"),
        "nice": os.getpriority(os.PRIO_PROCESS, pid),
    }

json.dump({
    "work": of(os.getpid()),
    "shim": of(os.getppid()),
    "environment": dict(os.environ),
    "limits": [resource.getrlimit(limit) for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE)],
    "argv": sys.argv, "original": sys.orig_argv[1:], "path": sys.path, "executable": sys.executable,
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)],
    "switches": list(sys.flags),
    "streams": [(stream.name, stream.encoding, stream.isatty()) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "main": sys.modules["__main__"].__spec__.name,
}, open("facts", "w"))
"""

DYING_AS_IT_ASKS = """
import os, signal, socket, sys
from pathlib import Path
from jupyter_jobs.backend.server import Options, serve

send = socket.send_fds

def dying(*args):
    send(*args)
    os.kill(os.getpid(), signal.SIGKILL)

socket.send_fds = dying
serve(Options(data_dir=Path(sys.argv[1]), slots=2))
"""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Nurseries]:
    (tmp_path / "data").mkdir()
    kept = Nurseries(tmp_path / "data")
    yield kept
    kept.close()


async def nursery_of(kept: Nurseries) -> Nursery:
    nursery = await kept.get(sys.executable)
    assert nursery is not None
    return nursery


def prepared(folder: Path, kind: str, payload: dict[str, Any]) -> Path:
    work = {"id": "j-1", "kind": kind, "request": "r", "params": None, "run": 1}
    prepare(folder, work, json.dumps(payload))
    return folder


def finish(folder: Path, code: str, nursery: Nursery | None, **payload: Any) -> Shim:
    """Run code as a function in its job's folder, to its end."""
    prepared(folder, "FUNCTION", function(exec, code, {}) | payload)
    shim, reports = launch(folder, "j-1", sys.executable, nursery)
    until_end(reports)
    shim.reap()
    outcome = json.loads((folder / "outcome.json").read_bytes())
    assert outcome["status"] == "SUCCEEDED", outcome
    return shim


def begin_gated(folder: Path, nursery: Nursery) -> tuple[Shim, int]:
    """Start a job that goes on when its file `gate` is written to, and then leaves a line in `runs`."""
    prepared(folder, "COMMAND", {"shell": "read line < gate; echo run >> runs"})
    os.mkfifo(folder / "gate")
    return launch(folder, "j-1", sys.executable, nursery)


def gone(pid: int) -> None:
    """Wait for the end of a process."""
    try:
        psutil.Process(pid).wait(PATIENCE_S)
    except psutil.NoSuchProcess:
        pass


async def test_a_fork_is_what_a_start_is(tmp_path: Path, kept: Nurseries) -> None:
    facts = []
    for name, nursery in (("started", None), ("forked", await nursery_of(kept))):
        finish(tmp_path / name, FACTS, nursery)
        facts.append(
            json.loads(
                (tmp_path / name / "facts").read_text().replace(str(tmp_path / name), "<folder>")
            )
        )

    assert facts[1] == facts[0]
    assert facts[0]["shim"]["leads its session"]
    assert facts[0]["work"]["in the session"]
    assert str(tmp_path) not in json.dumps(facts[1]["path"])


async def test_what_a_shim_says_of_itself_is_in_its_own_log(
    tmp_path: Path, kept: Nurseries
) -> None:
    folder = prepared(tmp_path / "job", "COMMAND", {"shell": "true"})
    (folder / "job.json").unlink()

    shim, reports = launch(folder, "j-1", sys.executable, await nursery_of(kept))
    until_end(reports)
    shim.reap()

    assert "there is no job in" in (folder / "shim.log").read_text()


async def test_forks_have_nothing_random_in_common(tmp_path: Path, kept: Nurseries) -> None:
    nursery = await nursery_of(kept)
    code = "import random, uuid, tempfile; print(random.random(), uuid.uuid4(), next(tempfile._get_candidate_names()), file=open('drawn', 'w'))"
    for name in ("a", "b"):
        finish(tmp_path / name, code, nursery)

    first, second = ((tmp_path / name / "drawn").read_text().split() for name in ("a", "b"))
    assert not set(first) & set(second)


async def test_each_fork_sees_the_modules_as_they_are(tmp_path: Path, kept: Nurseries) -> None:
    nursery = await nursery_of(kept)
    (tmp_path / "modules").mkdir()
    code = "import growing; print(growing.SAYS, file=open('told', 'w'))"
    said = []
    for text in ("one", "another"):
        (tmp_path / "modules" / "growing.py").write_text(f"SAYS = {text!r}\n")
        finish(tmp_path / text, code, nursery, sysPath=[str(tmp_path / "modules")])
        said.append((tmp_path / text / "told").read_text())

    assert said == ["one\n", "another\n"]


async def test_a_fork_keeps_its_number_until_it_is_reaped(tmp_path: Path, kept: Nurseries) -> None:
    nursery = await nursery_of(kept)
    folder = prepared(tmp_path / "job", "COMMAND", {"shell": "true"})
    shim, reports = launch(folder, "j-1", sys.executable, nursery)
    until_end(reports)

    assert isinstance(shim.process, Fork)
    assert shim.process.returncode is None
    assert psutil.pid_exists(shim.pid)
    shim.reap()
    shim.reap()
    gone(shim.pid)
    assert shim.process.returncode == 0
    finish(tmp_path / "next", "pass", nursery)


async def test_a_nursery_that_is_killed_harms_no_job_and_is_followed_by_another(
    tmp_path: Path, kept: Nurseries
) -> None:
    nursery = await nursery_of(kept)
    shim, reports = begin_gated(tmp_path / "job", nursery)
    os.kill(nursery.pid, signal.SIGKILL)
    gone(nursery.pid)
    another = await nursery_of(kept)
    (tmp_path / "job" / "gate").write_text("\n")
    until_end(reports)
    shim.reap()

    assert another.pid != nursery.pid
    assert (tmp_path / "job" / "runs").read_text() == "run\n"
    assert shim.process is not None
    assert shim.process.returncode == 0
    finish(tmp_path / "next", "pass", another)


async def test_a_nursery_that_is_closed_leaves_its_jobs_alone(
    tmp_path: Path, kept: Nurseries
) -> None:
    nursery = await nursery_of(kept)
    _, reports = begin_gated(tmp_path / "job", nursery)
    kept.close()
    (tmp_path / "job" / "gate").write_text("\n")
    until_end(reports)

    assert not psutil.pid_exists(nursery.pid)
    assert (tmp_path / "job" / "runs").read_text() == "run\n"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_job_that_no_nursery_forked_is_started(
    tmp_path: Path, kept: Nurseries, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nurseries, "_ANSWER_S", 0.2)
    nursery = await nursery_of(kept)
    folder = prepared(tmp_path / "job", "COMMAND", {"shell": "echo run >> runs"})
    os.kill(nursery.pid, number)

    with pytest.raises(Unanswered):
        launch(folder, "j-1", sys.executable, nursery)
    assert not psutil.pid_exists(nursery.pid)
    shim, reports = await relaunch(folder, "j-1", 1, sys.executable)
    until_end(reports)
    shim.reap()

    assert (folder / "runs").read_text() == "run\n"


async def test_a_job_that_a_nursery_forked_but_did_not_tell_is_found_and_not_run_twice(
    tmp_path: Path, kept: Nurseries, monkeypatch: pytest.MonkeyPatch
) -> None:
    nursery = await nursery_of(kept)
    answers: list[bytes] = []

    class Deaf(socket.socket):
        def recv(self, *args: Any) -> bytes:
            answers.append(super().recv(*args))
            raise TimeoutError

    deaf = Deaf(fileno=nursery._connection.detach())
    deaf.settimeout(PATIENCE_S)
    monkeypatch.setattr(nursery, "_connection", deaf)
    with pytest.raises(Unanswered):
        begin_gated(tmp_path / "job", nursery)
    shim, reports = await relaunch(tmp_path / "job", "j-1", 1, sys.executable)
    (tmp_path / "job" / "gate").write_text("\n")
    until_end(reports)

    assert answers == [b"%d\n" % shim.pid]
    assert (tmp_path / "job" / "runs").read_text() == "run\n"


async def test_where_there_can_be_no_nursery_there_is_none(tmp_path: Path, kept: Nurseries) -> None:
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho asked >> {asked}\n")
    python.chmod(0o700)

    assert await kept.get(str(tmp_path / "missing")) is None
    assert await kept.get(str(python)) is None
    assert await kept.get(str(python)) is None
    assert asked.read_text() == "asked\n"


async def test_an_interpreter_that_starts_threads_of_its_own_forks_nothing(
    tmp_path: Path, kept: Nurseries, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert await kept.get(sys.executable) is None


def test_a_nursery_ends_with_its_backend_and_its_jobs_go_on(tmp_path: Path) -> None:
    data_dir, gate = tmp_path / "backend", tmp_path / "gate"
    with running_backend(data_dir) as first:
        line = f"until test -e {gate}; do sleep 0.02; done"
        id_ = submit(first, "COMMAND", {"shell": line})
        (nursery,) = wait_for_nursery(first.pid)
        first.process.kill()
        first.process.wait()
        gone(nursery)
        with running_backend(data_dir) as second:
            gate.touch()
            job = ended(second, id_)

    assert job["status"] == "SUCCEEDED"


def test_a_backend_that_dies_as_it_asks_for_a_fork_has_launched_a_run_once(tmp_path: Path) -> None:
    data_dir, file = tmp_path / "backend", tmp_path / "runs"
    with scripted_backend(data_dir, DYING_AS_IT_ASKS) as first:
        try:
            submit(first, "COMMAND", {"shell": f"echo run >> {file}"}, id="once")
        except OSError:  # the answer was lost with it
            pass
        first.process.wait(PATIENCE_S)
        with running_backend(data_dir) as second:
            job = ended(second, "once")

    assert job["status"] == "SUCCEEDED"
    assert file.read_text() == "run\n"


def wait_for_nursery(backend: int) -> list[int]:
    """The nurseries of a backend, once it has one."""
    deadline = time.monotonic() + PATIENCE_S
    while not (
        found := [
            child.pid
            for child in psutil.Process(backend).children()
            if "--nursery" in child.cmdline()
        ]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
