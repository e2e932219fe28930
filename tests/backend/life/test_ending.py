from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_jobs.backend.life.ending import Ending, is_culled
from jupyter_jobs.backend.life.gate import Gate
from jupyter_jobs.cli.access import opened_at
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs import calls, starting
from jupyter_jobs.jobs.embedded import ensure_backend
from jupyter_jobs.jobs.operations import GET_JOB, SUBMIT_JOB
from jupyter_jobs.jobs.target import find_target
from tests.support.backend import KEY, PATIENCE_S, RunningBackend, running_backend
from tests.support.following import following


def submit(backend: RunningBackend, id_: str, shell: str, **more: Any) -> dict[str, Any]:
    payload = json.dumps({"shell": shell})
    given = {"id": id_, "request": id_, "kind": "COMMAND", "payload": payload, **more}
    return backend.execute(SUBMIT_JOB, {"input": given})


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stop(backend: RunningBackend, body: object, key: str = KEY) -> dict[str, Any]:
    return backend.request("/stop", json.dumps(body).encode(), **{"x-api-key": key})


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    """What stands for a JupyterHub server: a process that goes on until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owned(folder: Path, pid: int, **env: str) -> RunningBackend:
    """A backend as a kernel of that server starts it."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_jobs.backend"),
            *("--data-dir", str(folder), "--belongs-to", str(pid), "--quiet"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUPYTER_JOBS_API_KEY": KEY, **env},
        start_new_session=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    process.stdout.close()
    return RunningBackend(ready["http"], ready["realtime"], KEY, folder, process)


class Jobs:
    """What an `Ending` asks of repository and runner."""

    live = 0

    def observe(self, observer: Callable[[dict[str, Any]], object]) -> None:
        self.write = lambda: observer({})


async def test_it_looks_whether_it_is_idle_no_sooner_than_that_can_be() -> None:
    jobs, gate, loop = Jobs(), Gate(), asyncio.get_running_loop()
    ending = Ending(jobs, jobs, gate, None, None)  # type: ignore[arg-type]  # it asks no more of them
    idle = asyncio.create_task(ending.when_idle(3600.0))
    await asyncio.sleep(0)
    (look,) = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]  # nothing else tells
    idle.cancel()

    assert look.when() - loop.time() > 3000


async def test_what_is_written_of_a_job_begins_the_idle_time_anew() -> None:
    jobs, gate, ended = Jobs(), Gate(), asyncio.Event()
    ending = Ending(jobs, jobs, gate, None, ended.set)  # type: ignore[arg-type]  # see above
    jobs.live = 1
    idle = asyncio.create_task(ending.when_idle(0.05))
    await asyncio.sleep(0.2)  # it looks, and finds one that is live
    assert not ended.is_set()

    jobs.live = 0
    jobs.write()
    written = time.monotonic()
    await ended.wait()

    assert time.monotonic() - written >= 0.05
    await idle


def test_it_ends_with_the_server_that_it_belongs_to_and_says_why_to_the_jobs(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    first = owned(tmp_path, server.pid)
    submit(first, "running", "sleep 60")
    until(lambda: first.stats()["jobs"].get("RUNNING") == 1)
    submit(first, "waiting", "sleep 60", after=["running"])

    server.kill()

    assert first.process.wait(PATIENCE_S) == 0
    with running_backend(tmp_path) as second:
        jobs = [
            second.execute(GET_JOB, {"id": id_})["data"]["getJob"] for id_ in ("running", "waiting")
        ]
    assert [job["status"] for job in jobs] == ["CANCELLED", "CANCELLED"]
    assert [json.loads(job["error"])["message"] for job in jobs] == [
        "the Jupyter server that its backend belonged to has ended"
    ] * 2


def test_one_whose_server_is_gone_before_it_begins_ends_too(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    server.kill()
    server.wait()

    assert owned(tmp_path, server.pid).process.wait(PATIENCE_S) == 0


def test_it_stays_when_the_user_wants_the_jobs_kept(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    backend = owned(tmp_path, server.pid, JUPYTER_JOBS_CULL="keep")
    server.kill()
    server.wait()
    submit(backend, "kept", "sleep 0.1")

    until(lambda: backend.stats()["jobs"] == {"SUCCEEDED": 1})
    assert backend.end() == 0


async def test_it_stays_while_somebody_else_is_connected(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    backend = owned(tmp_path, server.pid)
    async with following(backend, "of another server"):
        server.kill()
        until(lambda: "so this backend stays" in (tmp_path / "backend.log").read_text())

        assert backend.stats()["draining"] is False
    assert backend.end() == 0


@pytest.mark.parametrize(("word", "culled"), [("", True), ("cancel", True), (" keep ", False)])
def test_whether_it_is_culled_is_a_setting(word: str, culled: bool) -> None:
    assert is_culled({"JUPYTER_JOBS_CULL": word}) is culled


def test_a_setting_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"takes cancel, .* or keep, not 'yes'"):
        is_culled({"JUPYTER_JOBS_CULL": "yes"})


def test_only_the_owner_ends_it_and_only_by_a_word_that_there_is(
    own_backend: RunningBackend,
) -> None:
    with pytest.raises(OSError, match="401"):
        stop(own_backend, {"jobs": "finish"}, "da2-wrongwrongwrongwrongwrong1")
    for body in ({"jobs": "kill"}, {}, [], None):
        with pytest.raises(OSError, match="400"):
            stop(own_backend, body)

    assert own_backend.stats()["draining"] is False


def test_a_drain_becomes_a_cancellation_when_that_is_asked_for(own_backend: RunningBackend) -> None:
    submit(own_backend, "long", "sleep 60")
    until(lambda: own_backend.stats()["jobs"].get("RUNNING") == 1)

    drained = stop(own_backend, {"jobs": "finish"})
    assert (drained["draining"], drained["live"]) == (True, 1)
    assert drained["waitsFor"] == [{"id": "long", "name": "long", "status": "RUNNING"}]
    stop(own_backend, {"jobs": "cancel"})

    assert own_backend.process.wait(PATIENCE_S) == 0


def test_of_jobs_that_begin_as_all_are_cancelled_none_is_left(
    own_backend: RunningBackend, tmp_path: Path
) -> None:
    (tmp_path / "mark").touch()
    for number in range(12):
        submit(own_backend, f"job-{number}", f"tail -f {tmp_path}/mark")

    stop(own_backend, {"jobs": "cancel"})

    assert own_backend.process.wait(PATIENCE_S) == 0
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if f"{tmp_path}/mark" in line] == []
    with running_backend(own_backend.data_dir) as second:
        assert second.stats()["jobs"] == {"CANCELLED": 12}


def test_a_retry_that_was_promised_is_still_made_while_it_drains(
    own_backend: RunningBackend, tmp_path: Path
) -> None:
    shell = f"test -e {tmp_path}/once || {{ touch {tmp_path}/once; exit 3; }}"
    submit(own_backend, "twice", shell, rules=json.dumps({"retries": 1, "backoff": 0.2}))
    until((tmp_path / "once").exists)

    stop(own_backend, {"jobs": "finish"})

    assert own_backend.process.wait(PATIENCE_S) == 0
    with running_backend(own_backend.data_dir) as second:
        job = second.execute(GET_JOB, {"id": "twice"})["data"]["getJob"]
    assert job["status"] == "SUCCEEDED"


@pytest.mark.usefixtures("started_backends_end")
def test_whoever_submits_as_it_ends_for_idleness_is_served_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "IDLE_EXIT", 1.0)
    work = {"request": "x", "kind": "COMMAND", "payload": '{"shell": "true"}'}
    pids = set()
    with opened_at(find_target()) as api:
        for number in range(10):
            api.run_sync(calls.submit({**work, "id": f"job-{number}"}))
            pids.add(ensure_backend().pid)
            time.sleep(0.85 + 0.06 * number)  # the next comes before, while and after it ends
        for number in range(10):
            call = calls.get(f"job-{number}")
            until(lambda: (api.run_sync(call) or {})["status"] == "SUCCEEDED")  # noqa: B023  called here

    assert len(pids) > 1


@pytest.mark.usefixtures("started_backends_end")
def test_those_who_come_all_at_once_as_it_ends_share_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "IDLE_EXIT", 1.0)
    for number in range(3):
        ensure_backend()
        time.sleep(0.9 + 0.15 * number)  # they come before, while and after it ends
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _: ensure_backend().pid, range(8)))

        assert len(found) <= 2  # the one that ends may have answered some
