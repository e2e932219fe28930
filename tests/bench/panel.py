"""The panel in a real JupyterLab: `python -m tests.bench.panel`. Nothing here passes or fails.

    python -m tests.bench.panel                  all of it, with a long run of a minute
    python -m tests.bench.panel --minutes 10     the long run for the record
    python -m tests.bench.panel --quick          short looks, no long run

Shows the panel as it was built last: `npm --prefix js run build`. Limits are those of the architecture. Latency is from
the event at the peer to the frame that paints it; an event that is skipped counts until a newer one is painted.
"""

from __future__ import annotations

import argparse
import bisect
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, expect

from tests.bench.tools import quantile
from tests.browser.browsing import launched
from tests.browser.lab import Lab, NotebookPage
from tests.browser.lab_server import LabServer
from tests.support.server import KEY

PAGE_SIDE = Path(__file__).with_name("panel.js")
STATIC = Path(__file__).parents[2] / "jupyter_jobs" / "static"

ROOT, LIST, ROW = "section[aria-label=Jobs]", "[role=rowgroup]", "[role=row][data-key]"
NAMES = {"root": ROOT, "list": LIST, "row": ROW}

JOBS, MANY = 10_000, 100_000
CHANGES, HZ = 500, 20  # changes at a time, and times a second
CATCH_UP_MS = 300_000
CALM = 25  # changes at a time where latency is measured: 500 events a second

MONITOR = """
import asyncio, os
from jupyter_jobs import ApiKeyAuth, JobMonitor
monitor = JobMonitor({http!r}, auth=ApiKeyAuth({key!r}), realtime_url={realtime!r}, group="bench")
while monitor._client.connection.state != "connected" or len(monitor.jobs) < {jobs}:
    await asyncio.sleep(0.1)
print(os.getpid())
"""
HTML = """
import asyncio, os
from IPython.display import display
from ipywidgets import HTML
table, step = HTML(), 0
display(table)
async def redraw():
    global step
    while True:
        step += 1
        cells = (f"<tr><td>sweep {n}</td><td>running</td><td>row {step}</td></tr>" for n in range(1000))
        table.value = f"<table>{''.join(cells)}</table>"
        await asyncio.sleep(0.05)
task = asyncio.create_task(redraw())
print(os.getpid())
"""
CELLS = {
    "idle": "",
    "await asyncio.sleep": "import asyncio\nawait asyncio.sleep({s})",
    "await, CPU-bound": (
        "import asyncio, time\nuntil = time.monotonic() + {s}\nwhile time.monotonic() < until:\n"
        "    sum(range(200_000))\n    await asyncio.sleep(0)"
    ),
    "time.sleep": "import time\ntime.sleep({s})",
}
LATENCY_LIMITS = {"await, CPU-bound": 200.0, "time.sleep": 1500.0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.panel")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the long run")
    parser.add_argument("--quick", action="store_true", help="short looks, no long run")
    args = parser.parse_args()
    seconds = 3.0 if args.quick else 8.0
    print(f"{'':50}{'measured':>14}{'limit':>12}")
    bundle = sum((STATIC / name).stat().st_size for name in ("widget.js", "widget.css"))
    line("bundle, JS + CSS", bundle / 1024, "KB", 48)
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        (Path(folder) / "lab").mkdir()
        with LabServer(Path(folder) / "lab") as server:
            with opened(server, browser, "empty", "") as notebook:
                show_frames("an empty notebook", frames(notebook, seconds))
            with opened(server, browser, "html", HTML) as notebook:
                show_frames("ipywidgets.HTML, 1,000 rows", frames(notebook, seconds))
            with feeding() as feeder:
                ten_thousand(server, browser, feeder, seconds, 0 if args.quick else args.minutes)
            with feeding() as feeder:
                hundred_thousand(server, browser, feeder, seconds)


def ten_thousand(
    server: LabServer, browser: Browser, feeder: Feeder, seconds: float, minutes: float
) -> None:
    with opened(server, browser, "jobs", feeder.monitor, "monitor") as notebook:
        head(f"{JOBS:,} jobs")
        show_snapshot(notebook)
        feeder.order(changes=CHANGES, hz=HZ)
        show_frames("the same, folded as it opens", frames(notebook, seconds, feeder))
        ungroup(notebook)
        show_frames(f"{CHANGES} changes at {HZ} Hz", frames(notebook, seconds, feeder), limits=True)
        show_frames(
            "the same while scrolling", frames(notebook, seconds, feeder, scroll=True), limits=True
        )
        notebook.page.locator(LIST).evaluate("list => list.scrollTo(0, 0)")
        show_size(notebook)
        settle(notebook, feeder)
        head(f"event to pixels, {CALM * HZ} events a second")
        feeder.order(changes=CALM)
        for name, source in CELLS.items():
            show_latency(name, notebook, feeder, source, seconds)
        if minutes:
            feeder.order(changes=CHANGES)
            long_run(notebook, feeder, minutes)
        feeder.order(changes=0)


def hundred_thousand(server: LabServer, browser: Browser, feeder: Feeder, seconds: float) -> None:
    """The newest come by a list, the others by events: a list is asked for its newest 10,000."""
    with opened(server, browser, "many", feeder.monitor, "monitor") as notebook:
        head(f"{MANY:,} jobs")
        feeder.order(create=MANY - JOBS)
        expect(notebook.page.locator(ROOT)).to_contain_text(f"{MANY:,}", timeout=CATCH_UP_MS)
        notebook.reload()
        show_snapshot(notebook)
        ungroup(notebook)
        feeder.order(changes=CHANGES, hz=HZ)
        show_frames(f"{CHANGES} changes at {HZ} Hz", frames(notebook, seconds, feeder))
        show_frames("the same while scrolling", frames(notebook, seconds, feeder, scroll=True))
        feeder.order(changes=0)
        show_size(notebook)


def long_run(notebook: NotebookPage, feeder: Feeder, minutes: float) -> None:
    head(f"{minutes:g} minutes of {CHANGES * HZ:,} updates a second")
    kernel = psutil.Process(pid_of(notebook))
    for when in ("start", "end"):
        line(f"page, JS heap, {when}", heap(notebook) / 2**20, "MB")
        line(f"kernel, resident, {when}", kernel.memory_info().rss / 2**20, "MB")
        if when == "start":
            notebook.page.wait_for_timeout(minutes * 60_000)
    show_frames("in the end", frames(notebook, 5.0, feeder), limits=True)


@contextmanager
def opened(
    server: LabServer, browser: Browser, workspace: str, *cells: str
) -> Iterator[NotebookPage]:
    """A notebook whose cells have run, in a browser of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(f"window.benchNames = {json.dumps(NAMES)}")
    context.add_init_script(path=PAGE_SIDE)
    lab = Lab(server, context, workspace)
    try:
        notebook = lab.open(cells)
        for number in range(len(cells)):
            notebook.run_and_wait(number)
        yield notebook
    finally:
        lab.close()
        for error in lab.console_errors:
            print(f"  the page reported: {error.splitlines()[0]}", flush=True)


def ungroup(notebook: NotebookPage) -> None:
    """Show every job as a row, and wait until the probe is there."""
    panel = notebook.page.locator(ROOT)
    panel.get_by_role("combobox", name="Group jobs").select_option("none")
    notebook.page.wait_for_function(
        "row => [...document.querySelectorAll(row)].some((one) => one.textContent.includes('probe'))",
        arg=ROW,
    )


def frames(
    notebook: NotebookPage, seconds: float, feeder: Feeder | None = None, *, scroll: bool = False
) -> dict[str, float]:
    """What the page, the kernel and the peer did for so many seconds."""
    kernel = psutil.Process(pid) if (pid := pid_of(notebook)) else None
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("Performance.enable")
    if feeder:
        feeder.order(stamps=True)
    before, busy, rendering = metrics(session), cpu_s(kernel), renderer_s(notebook)
    seen: dict[str, float] = notebook.page.evaluate(
        "([seconds, scroll]) => bench.frames(seconds, scroll)", [seconds, scroll]
    )
    after = metrics(session)
    took = after["Timestamp"] - before["Timestamp"]
    for name in ("TaskDuration", "LayoutDuration", "RecalcStyleDuration"):
        seen[name] = (after[name] - before[name]) / took
    seen["kernel"] = (cpu_s(kernel) - busy) / took
    seen["renderer"] = (renderer_s(notebook) - rendering) / took
    seen["fed"] = len(feeder.order(stamps=True)) / took if feeder else 0.0
    session.detach()
    return seen


def show_frames(what: str, seen: dict[str, float], *, limits: bool = False) -> None:
    head(what)
    fps, p99, draw = (60, 20, 1) if limits else (None, None, None)
    line("  frames a second", seen["fps"], "", fps)
    line("  frame, p99", seen["p99"], "ms", p99)
    line("  frame, longest", seen["longest"], "ms")
    line("  long tasks, all together", seen["longTaskMs"], "ms")
    line("  draw, median", seen["draw"], "ms", draw)
    line("  draw, p99", seen["drawP99"], "ms")
    line("  page's main thread", seen["TaskDuration"] * 100, "%")
    styled = seen["LayoutDuration"] + seen["RecalcStyleDuration"]
    line("    of that style and layout", styled * 100, "%")
    line("  page's process, CPU", seen["renderer"] * 100, "%")
    line("  kernel, CPU", seen["kernel"] * 100, "%")
    line("  bursts of events a second", seen["fed"], "")
    line("  messages a second", seen["messages"], "")
    line("  bytes a second", seen["bytes"] / 1024, "KB")


def show_snapshot(notebook: NotebookPage) -> None:
    """From the page's first hello to its rows."""
    notebook.page.wait_for_function("bench.snapshot.painted")
    seen = notebook.page.evaluate("bench.snapshot")
    line("  snapshot, hello to screen", seen["painted"] - seen["hello"], "ms", 300)
    line("    of that until it arrives", seen["arrived"] - seen["hello"], "ms")
    line("  snapshot", seen["bytes"] / 1024, "KB")


def show_size(notebook: NotebookPage) -> None:
    size = notebook.page.evaluate("bench.size()")
    line("  rows in the DOM", size["rows"], "", 60)
    line("  elements of the panel", size["nodes"], "")
    line("  page, JS heap", heap(notebook) / 2**20, "MB")


def settle(notebook: NotebookPage, feeder: Feeder) -> None:
    """End the changes, and wait until the last of them is on the screen."""
    feeder.order(changes=0)
    stamp = feeder.order(stamps=True)[-1]
    expect(notebook.page.locator(ROOT)).to_contain_text(f"@{stamp:.3f}", timeout=CATCH_UP_MS)


def show_latency(
    name: str, notebook: NotebookPage, feeder: Feeder, source: str, seconds: float
) -> None:
    """From events at the peer to the frames that paint them, while a cell runs."""
    if source:
        path = notebook.path
        source = source.format(s=seconds + 2)
        index = notebook.page.evaluate("([path, s]) => lab.append(path, s)", [path, source])
        run = notebook.run(int(index))
        notebook.page.wait_for_function("path => lab.kernelStatus(path) === 'busy'", arg=path)
    kernel = psutil.Process(pid_of(notebook))
    feeder.order(stamps=True)
    notebook.page.evaluate("bench.watch()")
    busy = cpu_s(kernel)
    notebook.page.wait_for_timeout(seconds * 1000)
    busy = cpu_s(kernel) - busy
    sent = feeder.order(stamps=True)
    if source:
        notebook.wait_for_run(run)
    notebook.page.wait_for_timeout(1500)  # for the last of them
    latencies = latency(sent, notebook.page.evaluate("bench.unwatch()"))
    line(f"  {name}, median", statistics.median(latencies) * 1e3, "ms")
    line(f"  {name}, p95", quantile(latencies, 0.95) * 1e3, "ms", LATENCY_LIMITS.get(name, 100.0))
    line(f"  {name}, kernel CPU", busy / seconds * 100, "%")


def latency(sent: list[float], painted: list[tuple[float, float]]) -> list[float]:
    """Seconds from each moment that was sent until it, or a newer one, was painted."""
    stamps = [stamp for stamp, _ in painted]
    times = [at for _, at in painted]
    places = ((stamp, bisect.bisect_left(stamps, stamp)) for stamp in sent)
    return [times[place] - stamp for stamp, place in places if place < len(times)]


def pid_of(notebook: NotebookPage) -> int:
    """The kernel's process, which the first cell has printed; 0 if it has not."""
    text = notebook.output(0).locator("pre").first
    return int(text.inner_text()) if text.count() else 0


def cpu_s(process: psutil.Process | None) -> float:
    """Seconds of CPU that a process has used."""
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def renderer_s(notebook: NotebookPage) -> float:
    """Seconds of CPU that the pages' processes have used; unlike frames, the same on a busy machine."""
    browser = notebook.page.context.browser
    assert browser is not None
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(process["cpuTime"] for process in found if process["type"] == "renderer"))


def metrics(session: Any) -> dict[str, float]:
    found = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def heap(notebook: NotebookPage) -> float:
    """Bytes of JavaScript that the page still needs."""
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    used = metrics(session)["JSHeapUsedSize"]
    session.detach()
    return used


class Feeder:
    """The peer's process. See `tests.bench.feeder` for what it can be told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        http, realtime = json.loads(self._out.readline())
        self.monitor = MONITOR.format(http=http, realtime=realtime, key=KEY, jobs=JOBS)

    def order(self, **order: Any) -> Any:
        self._in.write(json.dumps(order) + "\n")
        self._in.flush()
        return json.loads(self._out.readline())


@contextmanager
def feeding() -> Iterator[Feeder]:
    command = [sys.executable, "-m", "tests.bench.feeder", str(JOBS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Feeder(process)
        finally:
            process.kill()


def head(what: str) -> None:
    print(what, flush=True)


def line(what: str, value: float, unit: str, limit: float | None = None) -> None:
    shown = f"{limit:g} {unit}" if limit is not None else ""
    print(f"{what:50}{value:>11,.1f} {unit:2}{shown:>12}", flush=True)


if __name__ == "__main__":
    main()
