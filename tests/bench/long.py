"""Long jobs and many jobs: `python -m tests.bench.long`. Nothing here passes or fails.

    python -m tests.bench.long                   all of it, with 1,000 tiny jobs
    python -m tests.bench.long --jobs 10000      the tiny jobs for the record; some minutes
    python -m tests.bench.long reports logs      some of it: reports logs submit tiny

Tiny jobs run beside `concurrent.futures.ProcessPoolExecutor` and, where `distributed` is installed, a local Dask
cluster, each with as many processes as the machine has CPUs. Those keep their processes; here each job has its own, so
that one can be killed without the others. The last line says how long a job must be for that not to matter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.widget.monitor import JobMonitor
from tests.bench.tools import header, quantile, report
from tests.support.backend import RunningBackend, running_backend

STEPS = 1_000_000
LINES = 200_000
MANY = 1_000
CPUS = os.cpu_count() or 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.long")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--jobs", type=int, default=1_000, help="tiny jobs")
    args = parser.parse_args()
    header()
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder, running_backend(Path(folder)) as backend:
            with monitoring(backend) as monitor:
                PARTS[part](monitor, args.jobs)


@contextmanager
def monitoring(backend: RunningBackend) -> Iterator[JobMonitor]:
    monitor = JobMonitor(backend.http, auth=ApiKeyAuth(backend.key), group="bench", loop="thread")
    try:
        yield monitor
    finally:
        monitor.close()


def reports(monitor: JobMonitor, _: int) -> None:
    """What a report costs the work that makes it, and how many arrive."""
    heard = 0

    def hear(*_: object) -> None:
        nonlocal heard
        heard += 1

    stop = monitor._client.store.observe(hear)
    job = monitor.submit(reporting, STEPS, name="reports")
    costs = job.result()
    stop()
    for what in ("track", "progress", "metrics"):
        report(f"{what}, a step (bare: the loop)", costs[what], costs["bare"], "ns")
    took = job.record.duration or 0.0
    print(f"{'reports that arrived, of ' + format(3 * STEPS, ','):46}{heard / took:>9.4g} /s")


def reporting(steps: int) -> dict[str, float]:
    from jupyter_jobs import current_job, track

    job, costs = current_job(), {}

    def cost(what: str, loop: Callable[[], None]) -> None:
        begun = time.perf_counter()
        loop()
        costs[what] = (time.perf_counter() - begun) / steps * 1e9

    def bare() -> None:
        for _ in range(steps):
            pass

    def tracked() -> None:
        for _ in track(range(steps)):
            pass

    def progress() -> None:
        for n in range(steps):
            job.progress(n, steps)

    def metrics() -> None:
        for n in range(steps):
            job.metrics(loss=n)

    for loop in (bare, tracked, progress, metrics):
        cost(loop.__name__.replace("tracked", "track"), loop)
    return costs


def logs(monitor: JobMonitor, _: int) -> None:
    """Lines of output from the job to one who follows, beside a pipe that is read."""
    program = f"for n in range({LINES}): print('line', n, 'of some length, as they are')"
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        piped = sum(1 for _ in process.stdout) / (time.perf_counter() - begun)
    job = monitor.submit(exec, program, name="logs")
    begun = time.perf_counter()
    seen = sum(1 for _ in job.logs(follow=True))
    report("log lines, followed (bare: a pipe)", seen / (time.perf_counter() - begun), piped, "/s")


def submit(monitor: JobMonitor, _: int) -> None:
    """`map` beside a `submit` for each."""
    single = []
    for n in range(100):
        begun = time.perf_counter()
        monitor.submit(tiny, n).cancel()
        single.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    jobs = monitor.map(tiny, range(MANY))
    took = time.perf_counter() - begun
    jobs.cancel()
    median = quantile(single, 0.5)
    report(f"map of {MANY:,}, a job (bare: submit)", took / MANY * 1e3, median * 1e3, "ms")
    print(f"{f'map of {MANY:,}, until it returns':46}{took:>9.4g} s")


def tiny(n: int) -> int:
    return n + 1


def work_off(many: int) -> dict[str, float]:
    """How long other pools take for tiny jobs, by name."""
    times: dict[str, float] = {}
    begun = time.perf_counter()
    with ProcessPoolExecutor(CPUS) as pool:
        assert sum(pool.map(tiny, range(many))) == many * (many + 1) // 2
    times["ProcessPoolExecutor"] = time.perf_counter() - begun
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("no Dask here: pip install distributed")
        return times
    begun = time.perf_counter()
    with LocalCluster(n_workers=CPUS, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            total: Any = sum(client.gather(client.map(tiny, range(many), pure=False)))
            assert total == many * (many + 1) // 2
    times["local Dask cluster"] = time.perf_counter() - begun
    return times


def tiny_jobs(monitor: JobMonitor, many: int) -> None:
    """Jobs that do nothing: all of it is what a job costs."""
    begun = time.perf_counter()
    jobs = monitor.map(tiny, range(many))
    assert sum(jobs.results()) == many * (many + 1) // 2
    took = time.perf_counter() - begun
    for name, other in work_off(many).items():
        report(f"{many:,} tiny jobs (bare: {name})", took / many * 1e3, other / many * 1e3, "ms")
    line = took / many * CPUS * 10
    print(f"a process costs less than a tenth from {line:.2g} s a job on")


PARTS: dict[str, Callable[[JobMonitor, int], None]] = {
    "reports": reports,
    "logs": logs,
    "submit": submit,
    "tiny": tiny_jobs,
}


if __name__ == "__main__":
    main()
