"""Monitors where there is no notebook, and in a second kernel."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from tests.support.backend import KEY, PATIENCE_S, RunningBackend
from tests.support.following import all_jobs, until
from tests.support.monitor import of, until_ready


async def test_a_monitor_may_live_on_a_thread_of_its_own(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "threaded", loop="thread")
    assert monitor is not of(external_backend, "threaded")
    called: list[str] = []
    ended = threading.Event()
    job = monitor.submit("work")

    def note(_: object) -> None:
        called.append(threading.current_thread().name)
        ended.set()

    job.add_done_callback(note)
    external_backend.update(job.id, status="SUCCEEDED", result="1")
    assert job.result(timeout=PATIENCE_S) == 1
    assert await job == 1
    assert ended.wait(PATIENCE_S)
    assert called == ["jupyter-jobs-loop"]


SCRIPT = """
import json, sys
from jupyter_jobs import ApiKeyAuth, JobMonitor
monitor = JobMonitor(sys.argv[1], auth=ApiKeyAuth(sys.argv[2]), group=sys.argv[3])
"""


def run_script(backend: RunningBackend, group: str, source: str) -> str:
    """Run a plain script with a monitor; what it printed. It must end by itself and without complaint."""
    script = subprocess.run(
        [sys.executable, "-c", SCRIPT + source, backend.http, backend.key, group],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (script.returncode, script.stderr) == (0, "")
    return script.stdout


def test_a_plain_script_gets_its_result_and_ends(backend: RunningBackend) -> None:
    source = "print(monitor.submit(pow, 2, 10).result(), monitor)"

    assert run_script(backend, "script", source) == ("1024 JobMonitor(this machine: 1 succeeded)\n")


def test_the_configuration_of_ipython_says_where_jobs_go(
    external_backend: RunningBackend, tmp_path: Path
) -> None:
    file = tmp_path / "profile_default" / "ipython_config.py"
    file.parent.mkdir()
    file.write_text(
        f"c = get_config()\nc.JobMonitor.endpoint = {external_backend.http!r}\nc.JobMonitor.api_key = {KEY!r}\n"
    )
    cell = (
        "from jupyter_jobs import JobMonitor\n"
        "with JobMonitor(group='configured') as monitor: print(monitor.submit('work').status)\n"
        "get_ipython().config.JobMonitor.colour = 'red'\n"
        "JobMonitor(group='configured')"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "--no-banner", "-c", cell],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    said = ran.stdout + ran.stderr
    assert "QUEUED" in said
    assert "ConfigurationError: c.JobMonitor.colour is no setting" in said
    assert len(all_jobs(external_backend, "configured")) == 1


def test_a_script_may_end_while_its_job_runs(external_backend: RunningBackend) -> None:
    id_ = run_script(external_backend, "left", "print(monitor.submit('work').id)").strip()

    assert all_jobs(external_backend, "left")[id_]["status"] == "QUEUED"


async def test_another_kernel_of_the_group_has_the_same_jobs(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "shared")
    first = monitor.submit("work", name="first")
    external_backend.update(first.id, status="SUCCEEDED", result="[1]")
    await until_ready(monitor)

    source = (
        "jobs = monitor.jobs\n"
        "second = monitor.submit('work', name='second')\n"
        "print(json.dumps([[job.id, job.name, job.result()] for job in jobs] + [second.id]))"
    )
    said = json.loads(await asyncio.to_thread(run_script, external_backend, "shared", source))
    assert said[0] == [first.id, "first", [1]]
    await until(monitor._client, lambda: said[1] in monitor._client.store)
    assert [job.name for job in monitor.jobs] == ["second", "first"]
