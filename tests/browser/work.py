"""What the jobs of these tests do; imported by their workers, so it imports nothing heavy itself."""

from __future__ import annotations

import os
import sys
import time

from jupyter_jobs import track

__all__ = ["parse", "read", "steps"]


def steps(count: int, until: str | None = None) -> int:
    """Take ten steps a second, and say so; no more when there is a file of this name."""
    for _ in track(range(count), message="working"):
        if until is not None and os.path.exists(until):
            break
        time.sleep(0.1)
    return count


def parse(day: str) -> str:
    """Fail on months that are none, until a file called `mended` is there."""
    sys.stdout.write(f"parsing {day}\n")
    if "-13-" in day and not os.path.exists("mended"):
        raise ValueError(f"bad day {day!r}")
    return day


def read(pages: int) -> None:
    """Print a page, and go on when there is a file of its number."""
    for page in range(pages):
        sys.stdout.write(f"page {page}\n")
        sys.stdout.flush()
        while not os.path.exists(f"read-{page}"):
            time.sleep(0.02)
