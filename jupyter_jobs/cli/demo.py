"""`jupyter-jobs demo`: one job of each kind, and one that fails on purpose, live in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.command import Command as ShellCommand
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.kinds import Command, Notebook
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.worker import track

__all__ = ["DEMO", "NOTEBOOKS", "open_lab", "run"]

NOTEBOOKS = ("01_quickstart.ipynb", "report.ipynb")
_STEPS = "import time\nfor step in range(1, 7):\n    print(f'step {step} of 6', flush=True)\n    time.sleep(0.3)\n"


def estimate_pi(samples: int) -> float:
    """Count random points in a circle: the function that the demo submits."""
    import random

    hits = 0
    for _ in track(range(samples), message="throwing darts"):
        hits += random.random() ** 2 + random.random() ** 2 < 1
    return 4 * hits / samples


def parse_days(days: list[str]) -> list[str]:
    """Fail on purpose, as data does."""
    for day in track(days, message="parsing"):
        time.sleep(0.3)
        if day > "2026-12-31":
            raise ValueError(f"bad day {day!r}")
    return days


def run(*, as_json: bool = False) -> int:
    """Run the demo; 0 when three jobs succeeded and one failed, as they should."""
    with tempfile.TemporaryDirectory(prefix="jupyter-jobs-demo-") as folder:
        return asyncio.run(_run(Path(folder), as_json=as_json))


async def _run(folder: Path, *, as_json: bool) -> int:
    async with await JobClient.connect(group="demo") as client:
        jobs: list[JobHandle[Any]] = [
            await client.submit(estimate_pi, 3_000_000, name="function"),
            await client.submit(Command([sys.executable, "-c", _STEPS]), name="command"),
            await client.submit(_notebook(folder), name="notebook"),
            await client.submit(
                parse_days, ["2026-11-22", "2026-11-23", "2026-13-01"], name="fails on purpose"
            ),
        ]
        if as_json:
            await asyncio.wait([asyncio.ensure_future(_ended(job)) for job in jobs])
            terminal.print_json([job.record for job in jobs])
        else:
            await _show(client, jobs)
        went = [job.status for job in jobs]
    as_meant = went == [JobStatus.SUCCEEDED] * 3 + [JobStatus.FAILED]
    return Exit.OK if as_meant else Exit.FAILED


async def _show(client: JobClient, jobs: list[JobHandle[Any]]) -> None:
    from rich.console import Group
    from rich.live import Live

    from jupyter_jobs.cli.table import job_lines

    console = terminal.console()
    console.print(
        f"4 jobs on {client.target.name}, one of each kind and one that fails on purpose\n"
    )

    def picture() -> Group:
        records = [job.record for job in jobs]
        return Group(*job_lines(records, now=time.time(), width=console.width, steady=True))

    ends = asyncio.gather(*map(_ended, jobs))
    with Live(console=console, auto_refresh=False) as live:
        while not ends.done():
            live.update(picture(), refresh=True)
            await asyncio.wait([ends], timeout=0.1)
        live.update(picture(), refresh=True)
    console.print()
    for job in jobs:
        _print_outcome(console, job)


async def _ended(job: JobHandle[Any]) -> None:
    with suppress(Exception):  # whatever the job raised: it is told below the table
        await job


def _print_outcome(console: Any, job: JobHandle[Any]) -> None:
    if job.status is JobStatus.SUCCEEDED:
        value = job.result()
        told = Path(value).name if isinstance(value, str) else repr(value)
        console.print(f"{job.name}: {told}")
    else:
        console.print(f"{job.name} {job.status.word}: {terminal.one_line(job.record.reason)}")


def _notebook(folder: Path) -> Notebook:
    sources: list[tuple[str, list[str]]] = [
        ("day = 'some day'", ["parameters"]),
        ("import time; time.sleep(0.5)", []),
        ("print(f'report of {day}')", []),
    ]
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": tags},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
        for number, (source, tags) in enumerate(sources, start=1)
    ]
    path = folder / "report.ipynb"
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        encoding="utf-8",
    )
    return Notebook(path, parameters={"day": "2026-11-22"})


def open_lab() -> int:
    """Copy the quickstart notebook, and the one that it submits, into the present folder and open it in JupyterLab."""
    package = Path(__file__).parent.parent
    sources = (package / "static", package.parent / "notebooks")  # of a wheel, of a checkout
    source = next(folder for folder in sources if (folder / NOTEBOOKS[0]).exists())
    for name in NOTEBOOKS:
        if not Path(name).exists():
            shutil.copy(source / name, name)
    try:
        return subprocess.call([sys.executable, "-m", "jupyterlab", NOTEBOOKS[0]])
    except KeyboardInterrupt:
        return 130


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lab", action="store_true", help="open the quickstart notebook in JupyterLab"
    )


def _demo(args: argparse.Namespace) -> int:
    return open_lab() if args.lab else run(as_json=args.json)


DEMO = ShellCommand(
    name="demo",
    help="run four sample jobs and watch them",
    run=_demo,
    options=_options,
    examples=("jupyter-jobs demo", "jupyter-jobs demo --lab"),
    json="an array of the jobs as they ended",
)
