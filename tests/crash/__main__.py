"""Many stories, and a table of them: `python -m tests.crash --seeds 200`, or `--seed 17` to see one again.

The exit code is 1 if the accounts did not balance after any of them.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.crash.story import Report, live_through_alone

say = functools.partial(print, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument(
        "--from", type=int, default=1, help="the first (default: %(default)s)", dest="first"
    )
    parser.add_argument("--seed", type=int, action="append", help="this one; may be repeated")
    parser.add_argument("--at-a-time", type=int, default=2, help="how many (default: %(default)s)")
    parser.add_argument("--story", action="store_true", help="tell what happened in each")
    args = parser.parse_args()
    seeds = args.seed or range(args.first, args.first + args.seeds)
    return run(seeds, args.at_a_time, args.story)


def run(seeds: Iterable[int], at_a_time: int, tell: bool) -> int:
    """Live through stories; 1 if the accounts of one did not balance, else 0."""
    begun = time.monotonic()
    jobs: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    failed: list[int] = []
    stories = 0
    say(f"{'seed':>5} {'jobs':>5} {'kills':>6} {'took':>8}  by state")
    for report in reports(seeds, at_a_time):
        stories += 1
        jobs.update(report.jobs)
        kills.update(report.kills)
        states = " ".join(f"{state}={n}" for state, n in sorted(report.jobs.items()))
        say(
            f"{report.seed:>5} {sum(report.jobs.values()):>5} {sum(report.kills.values()):>6} "
            f"{report.seconds:>6.1f} s  {states}{'  FAILED' if report.complaints else ''}"
        )
        if report.complaints:
            failed.append(report.seed)
        if report.complaints or tell:
            say("".join(f"      {line}\n" for line in [*report.story, *report.complaints]))
    say(
        f"\n{stories} stories in {time.monotonic() - begun:.0f} s, {len(failed)} failed",
        failed or "",
    )
    for what, counts in (("jobs", jobs), ("kills", kills)):
        say(
            f"{sum(counts.values())} {what}: "
            + ", ".join(f"{n} {k}" for k, n in counts.most_common())
        )
    return 1 if failed else 0


def reports(seeds: Iterable[int], at_a_time: int) -> Iterator[Report]:
    """Yield the report of each seed, in their order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_a_time, context) as pool:
        yield from pool.map(live_through_alone, seeds)


if __name__ == "__main__":
    sys.exit(main())
