"""`jupyter-jobs demo`: one job of each kind, and one that fails on purpose, live in the terminal."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.requests import Command, Notebook
from jupyter_jobs.worker import track

__all__ = ["NOTEBOOKS", "open_lab", "run"]

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


def run() -> int:
    """Run the demo; 0 when three jobs succeeded and one failed, as they should."""
    with tempfile.TemporaryDirectory(prefix="jupyter-jobs-demo-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> int:
    from rich.console import Console
    from rich.live import Live

    from jupyter_jobs.cli.table import jobs_table

    console = Console()
    async with await JobClient.connect(group="demo") as client:
        jobs: list[JobHandle[Any]] = [
            await client.submit(estimate_pi, 3_000_000, name="function"),
            await client.submit(Command([sys.executable, "-c", _STEPS]), name="command"),
            await client.submit(_notebook(folder), name="notebook"),
            await client.submit(
                parse_days, ["2026-11-22", "2026-11-23", "2026-13-01"], name="fails on purpose"
            ),
        ]
        console.print(
            f"4 jobs on {client.target.name}, one of each kind and one that fails on purpose\n"
        )
        ends = asyncio.gather(*jobs, return_exceptions=True)
        with Live(console=console, auto_refresh=False) as live:
            while not ends.done():
                live.update(jobs_table(job.record for job in jobs), refresh=True)
                await asyncio.wait([ends], timeout=0.1)
            live.update(jobs_table(job.record for job in jobs), refresh=True)
        console.print()
        for job in jobs:
            _print_outcome(console, job)
        went = [job.status for job in jobs]
    return 0 if went == [JobStatus.SUCCEEDED] * 3 + [JobStatus.FAILED] else 1


def _print_outcome(console: Any, job: JobHandle[Any]) -> None:
    error = job.exception()
    if error is None:
        value = job.result()
        shown = Path(value).name if isinstance(value, str) else repr(value)
        console.print(f"{job.name}: {shown}", markup=False, highlight=False)
    else:
        console.print(f"{error}", markup=False, highlight=False)


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
