"""Many storms, and a table of them: `python -m tests.chaos --seeds 100`, or `--seed 17` to see one again.

The exit code is 1 if a client was wrong after any of them.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from jupyter_jobs.backend.faults import FAULTS
from tests.chaos.storm import JOBS, impatient, stormy_backend, survive

say = functools.partial(print, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first one (default: %(default)s)")
    parser.add_argument("--seed", type=int, action="append", help="this one; may be repeated")
    args = parser.parse_args()
    seeds = args.seed or range(args.first, args.first + args.seeds)
    with tempfile.TemporaryDirectory() as folder:
        return run(seeds, Path(folder))


def run(seeds: Iterable[int], folder: Path) -> int:
    """Go through storms on one backend; the number of those that a client was wrong after."""
    say(f"{'seed':>5} {'faults':>6} {'behind':>6} {'healed in':>9} {'all in':>7}  by kind")
    total: Counter[str] = Counter()
    failed: list[int] = []
    storms = 0
    with stormy_backend(folder) as backend, impatient():
        for seed in seeds:
            storms += 1
            begun = time.monotonic()
            try:
                report = asyncio.run(survive(backend, seed))
            except AssertionError as error:
                failed.append(seed)
                say(f"{seed:>5} FAILED {error}")
                continue
            total.update(report.faults)
            kinds = " ".join(f"{name.replace(' ', '-')}={n}" for name, n in report.faults.items())
            say(
                f"{seed:>5} {sum(report.faults.values()):>6} {report.behind:>6} {report.calm_s:>7.2f} s "
                f"{time.monotonic() - begun:>5.1f} s  {kinds}",
            )
    never = [name for name in FAULTS if not any(kind.split()[0] == name for kind in total)]
    say(f"\n{storms} storms of {JOBS} jobs, {len(failed)} failed{f': {failed}' if failed else ''}")
    say(f"{sum(total.values())} faults: " + ", ".join(f"{n} {k}" for k, n in total.most_common()))
    say(f"never happened: {', '.join(never) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
