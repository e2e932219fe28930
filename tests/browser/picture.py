"""Takes the README's picture of the panel in JupyterLab: `python -m tests.browser.picture`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.lab import Lab
from tests.browser.lab_server import LabServer

PICTURE = Path(__file__).parents[2] / "notebooks" / "images" / "panel.png"
CELLS = (
    "from jupyter_jobs import Command, JobMonitor, current_job\nmonitor = JobMonitor()\nmonitor",
    """
def clean(day):
    print("read 1.2M rows")
    if day > "2026-12-31":
        raise ValueError(f"bad day {day!r}")
    return day


def train(epochs):
    import time
    for step in range(580, 1000):
        current_job().progress(step, 1000, f"epoch {step // 100 + 1} of {epochs} · loss {0.9 - step / 1500:.3f}")
        time.sleep(1)


def features(parts):
    import time
    for part in range(2, parts):
        current_job().progress(part, parts, f"part-{part:02}.parquet")
        time.sleep(6)


for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
    await monitor.submit(clean, day, name=f"clean {day}")
bad = monitor.submit(clean, "2026-13-01", name="clean 2026-13-01")
bad.exception()
monitor.submit(train, 10, priority="HIGH")
monitor.submit(features, 14)
monitor.submit("Process data", name="Process data", priority="HIGH")
monitor.submit(Command(["python", "report.py"]), name="report.py");
""",
)


def main() -> None:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-background-networking"]
        )
        context = browser.new_context(
            viewport={"width": 1280, "height": 1000}, device_scale_factor=2
        )
        lab = Lab(server, context, workspace="picture")
        notebook = lab.open(CELLS)
        notebook.run_and_wait(0)
        notebook.run_and_wait(1)
        panel = notebook.output(0).get_by_role("region", name="Jobs")
        expect(panel.get_by_role("progressbar")).to_have_count(2)
        PICTURE.parent.mkdir(exist_ok=True)
        panel.screenshot(path=PICTURE)
        lab.close()
        browser.close()


if __name__ == "__main__":
    main()
