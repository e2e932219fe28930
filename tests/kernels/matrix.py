"""What is seen of a panel while cells of every kind block the kernel, on every kernel; the tests judge it.

All kernels go through their cells at the same time, each by itself, for nearly all of it is waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import textwrap
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kernels.environments import environment
from tests.kernels.kernel import Cell, Kernel, running_kernel
from tests.kernels.page import Page
from tests.support.own_folders import own_folders

__all__ = ["CELLS", "SETUPS", "Click", "Seen", "Setup", "Visit", "visit_all"]

CELLS = {
    "time.sleep": "time.sleep(seconds)",
    "cpu-loop": "until = time.monotonic() + seconds\nwhile time.monotonic() < until: pass",
    "job.result": "job.result()",
    "futures.wait": "concurrent.futures.wait([job])",
    "as_completed": "[each.result() for each in concurrent.futures.as_completed([job])]",
    "other-future": "set_by_a_thread(seconds).result()",
    "await-job": "await job",
    "await-sleep": "await asyncio.sleep(seconds)",
}
"""What blocks the kernel, or at least its next cell: name -> source."""

PRELUDE = """
import asyncio, concurrent.futures, json, threading, time
from jupyter_jobs import JobMonitor

def steps(flag):
    import itertools, os, time
    from jupyter_jobs import current_job
    for step in itertools.count(1):
        current_job().progress(step, 100_000)
        if os.path.exists(flag):
            return step
        time.sleep(0.05)

def set_by_a_thread(seconds):
    future = concurrent.futures.Future()
    timer = threading.Timer(seconds, future.set_result, [None])
    timer.daemon = True
    timer.start()
    return future

monitor = JobMonitor()
monitor
"""

MOVES = 3  # to see while a cell blocks, before it is interrupted
MOVES_AWAITING = 20  # the same where the kernel's loop runs
MOVES_AGAIN = 2  # in the second run, before the job is told to end
FOR_EVER, A_WHILE, FOR_A_CLICK = 120.0, 2.5, 6.0  # seconds


@dataclass(frozen=True)
class Setup:
    """A kernel, and the shell that the page's messages go to."""

    release: str
    shell: str

    def __str__(self) -> str:
        return f"{self.release}-{self.shell}"


SETUPS = (
    Setup("6.31", "main"),  # it knows no subshells
    *itertools.starmap(Setup, itertools.product(("7.1", "7.3", "7.4"), ("main", "subshell"))),
)


@dataclass
class Seen:
    """What was seen of one kind of cell, run twice: once interrupted, once to its end.

    Attributes:
        moves: How often the job's progress changed on the page while the first run blocked.
        watched_s: For how long that was.
        longest_gap_s: The longest time without a change in it.
        interrupted_with: What the first run raised when it was interrupted.
        interrupted_s: From the interrupt until its code had ended.
        moves_again: As `moves`, in the second run.
        error: What the second run raised, or None.
        row: The job as the page shows it in the end.
        truth: The job as the kernel knows it in the end.
    """

    moves: int = 0
    watched_s: float = 0.0
    longest_gap_s: float = 0.0
    interrupted_with: str | None = None
    interrupted_s: float = 0.0
    moves_again: int = 0
    error: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Click:
    """What was seen of a click on cancel while a cell slept.

    Attributes:
        answered_meanwhile: Whether the answer came before the cell's end.
        answered_s: From the click to the answer.
        answers: How many came.
        status: The job's, on the page, in the end.
    """

    answered_meanwhile: bool
    answered_s: float
    answers: int
    status: str


@dataclass
class Visit:
    """All that was seen on one kernel.

    Attributes:
        version: The ipykernel's.
        cells: By name; an error where it did not come to its end.
        click: The click, or an error.
        faults: What the kernel should not have sent.
    """

    version: str = ""
    cells: dict[str, Seen | Exception] = field(default_factory=dict)
    click: Click | Exception | None = None
    faults: list[str] = field(default_factory=list)


def visit_all(
    setups: Iterable[Setup], cells: Iterable[str], kept: Path, folder: Path
) -> dict[Setup, Visit]:
    """Visit kernels, all at once.

    Args:
        setups: Which ones.
        cells: Which of `CELLS`.
        kept: Folder of the environments.
        folder: An empty folder for all else.
    """
    setups, cells = list(setups), list(cells)
    with contextlib.ExitStack() as stack:
        # A backend for each: the jobs of all at once would wait for each other in one.
        environs = [stack.enter_context(own_folders(folder / str(setup))) for setup in setups]

        async def together() -> list[Visit]:
            return await asyncio.gather(
                *(
                    visit(setup, rotated(cells, place), kept, folder / str(setup), environ)
                    for place, (setup, environ) in enumerate(zip(setups, environs, strict=True))
                )
            )

        return dict(zip(setups, asyncio.run(together()), strict=True))


def rotated(names: list[str], places: int) -> list[str]:
    """The names, begun at another place: what loads the processor shall not do so on all kernels at once."""
    start = places % max(1, len(names))
    return names[start:] + names[:start]


async def visit(
    setup: Setup, cells: list[str], kept: Path, folder: Path, environ: Mapping[str, str]
) -> Visit:
    """Run all cells on one kernel, and click once."""
    python = await asyncio.to_thread(environment, setup.release, kept)
    # Front ends interrupt by a signal or by a message; each is used for some.
    mode = "message" if setup.shell == "main" else "signal"
    visited = Visit()
    async with running_kernel(python, folder, environ, interrupt_mode=mode) as kernel:
        visited.version = await kernel.run("import ipykernel; print(ipykernel.__version__, end='')")
        if setup.shell == "subshell":
            await kernel.use_subshell()
        page = Page(kernel)
        await kernel.run(PRELUDE)
        await page.show()
        for name in cells:
            try:
                visited.cells[name] = await see(kernel, page, name, folder / name)
            except Exception as error:
                visited.cells[name] = error
                await kernel.interrupt()
        try:
            visited.click = await click(kernel, page, folder / "click")
        except Exception as error:
            visited.click = error
        visited.faults = page.faults
    return visited


async def see(kernel: Kernel, page: Page, name: str, flag: Path) -> Seen:
    """Run a cell twice while a job reports its progress."""
    seen = Seen()
    id_ = await moving_job(kernel, page, flag, FOR_EVER)

    first = await blocked(kernel, CELLS[name])
    began = time.monotonic()
    enough = MOVES_AWAITING if name.startswith("await") else MOVES
    await kernel.until(lambda: len(moves(kernel, page, first, id_)) >= enough, "the job moves")
    interrupted = time.monotonic()
    assert first.ended is None, f"the cell did not block: {first.error_text}"
    await kernel.interrupt()
    await kernel.until_done(first)
    times = [
        began,
        *(at for at in moves(kernel, page, first, id_) if at < interrupted),
        interrupted,
    ]
    seen.moves, seen.watched_s = len(times) - 2, interrupted - began
    seen.longest_gap_s = max(b - a for a, b in itertools.pairwise(times))
    seen.interrupted_with = first.error
    seen.interrupted_s = float(await kernel.run("print(ended)")) - interrupted

    await kernel.run(f"seconds = {A_WHILE}")
    second = await blocked(kernel, CELLS[name])
    await kernel.until(lambda: len(moves(kernel, page, second, id_)) >= MOVES_AGAIN, "it goes on")
    await asyncio.to_thread(flag.touch)
    await kernel.until_done(second)
    await kernel.until(lambda: page.rows[id_]["status"] == "SUCCEEDED", "the job's end is shown")
    seen.moves_again, seen.error = len(moves(kernel, page, second, id_)), second.error
    seen.row = page.rows[id_]
    seen.truth = json.loads(
        await kernel.run(
            "print(json.dumps({'status': job.status, 'done': job.record.done, 'name': job.name}))"
        )
    )
    return seen


async def click(kernel: Kernel, page: Page, flag: Path) -> Click:
    """Cancel a job while a cell sleeps."""
    id_ = await moving_job(kernel, page, flag, FOR_A_CLICK)
    cell = await blocked(kernel, CELLS["time.sleep"])
    # From now on it is another thread that publishes, and clicks may go to where it does so.
    await kernel.until(lambda: moves(kernel, page, cell, id_), "the job moves")
    clicked = time.monotonic()
    number = page.act("cancel", id_)

    def answers() -> list[Mapping[str, Any]]:
        return [reply for reply in page.replies if reply["actionId"] == number]

    await kernel.until(answers, "the click is answered")
    answered = time.monotonic()
    assert answers()[0]["ok"], answers()[0]
    await kernel.until_done(cell)
    meanwhile = any(page.told(each).get("type") == "reply" for each in kernel.during(cell))
    await kernel.until(lambda: page.rows[id_]["status"] == "CANCELLED", "the job is cancelled")
    await kernel.run("")  # whatever else was on its way has come, too
    return Click(meanwhile, answered - clicked, len(answers()), page.rows[id_]["status"])


async def moving_job(kernel: Kernel, page: Page, flag: Path, seconds: float) -> str:
    """Submit a job that reports its progress until a file is there, and wait until it does; its id."""
    page.stay()
    id_ = await kernel.run(
        f"seconds = {seconds}\n"
        f"job = monitor.submit(steps, {str(flag)!r}, name={flag.name!r})\n"
        "print(job.id, end='')"
    )
    await kernel.until(lambda: page.rows.get(id_, {}).get("done"), "the job reports its progress")
    return id_


async def blocked(kernel: Kernel, source: str) -> Cell:
    """Start a cell and wait until it runs; in the end it notes when that was, by the clock that all processes share."""
    source = textwrap.indent(source, "    ")
    cell = kernel.start(f"try:\n{source}\nfinally:\n    ended = time.monotonic()")
    await kernel.until(lambda: cell.begun is not None, "the cell begins")
    return cell


def moves(kernel: Kernel, page: Page, cell: Cell, id_: str) -> list[float]:
    """When the page learnt of a job's progress while a cell ran."""
    return [
        each.at
        for each in kernel.during(cell)
        if page.changes(each).get(id_, {}).get("done") is not None
    ]
