"""One backend under steady work for a long time: `python -m tests.soak --minutes 30 --plot soak.png`.

Ends with a table of what was measured. The exit code is 1 if something grew without bound, or a job was not as told.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import sys
import tempfile
from pathlib import Path

from tests.soak.growth import grown, table
from tests.soak.soak import Report, soak

say = functools.partial(print, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="(default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="PNG of the curves")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="JSON of what was measured")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = asyncio.run(soak(60 * args.minutes, args.seed, Path(folder), say))
    if args.samples is not None:
        args.samples.write_text(json.dumps(report.samples))
    if args.plot is not None:
        from tests.soak.plot import draw

        draw(report.samples, args.plot)
    return conclude(report, args.minutes)


def conclude(report: Report, minutes: float) -> int:
    """Print what came of it, and return the exit code."""
    complaints = [*report.complaints, *grown(report.samples)]
    say(f"\n{minutes:g} minutes, {len(report.samples)} samples")
    for line in table(report.samples):
        say(line)
    for what, counts in (("jobs", report.jobs), ("acts", report.acts)):
        total = sum(counts.values())
        say(f"{total} {what}: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()))
    for complaint in complaints:
        say(f"WRONG: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
