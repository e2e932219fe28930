"""Many exchanges over real sockets, and a count of what came back: `python -m tests.fuzz --examples 10000`.

The exit code is 1 if the backend crashed, hung, failed without a word in its log, or did not answer others.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz import pure
from tests.fuzz.backend import Fuzzed, fuzzed_backend
from tests.fuzz.profiles import PROFILES, fuzz
from tests.fuzz.stalls import stall

say = functools.partial(print, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=2_000, help="of each kind (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--only", choices=[*PROFILES, "stalls", "pure"], help="this kind alone (default: all)"
    )
    args = parser.parse_args()
    wanted = [args.only] if args.only else [*PROFILES, "stalls", "pure"]
    failed = []
    with tempfile.TemporaryDirectory() as folder, fuzzed_backend(Path(folder)) as fuzzed:
        before = fuzzed.handles()
        for name in [name for name in wanted if name != "pure"]:
            begun = time.monotonic()
            try:
                stall(fuzzed) if name == "stalls" else fuzz(fuzzed, name, args.examples, args.seed)
            except Exception as error:  # also the group that Hypothesis makes of several
                failed.append(name)
                say(f"{name}: WRONG", "".join(traceback.format_exception(error)), sep="\n")
            report(fuzzed, name, time.monotonic() - begun)
        say(f"handles of the backend: {before} before, {fuzzed.handles()} after")
    if "pure" in wanted and not pure.run(args.examples, args.seed, say):
        failed.append("pure")
    say(f"failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def report(fuzzed: Fuzzed, name: str, seconds: float) -> None:
    """Print what came back, the most frequent first."""
    counts = {kind: n for kind, n in fuzzed.outcomes.most_common() if kind.startswith(f"{name}: ")}
    say(f"{name}: {sum(counts.values())} exchanges in {seconds:.0f} s")
    for kind, n in counts.items():
        say(f"{n:>8}  {kind.removeprefix(f'{name}: ')}")


if __name__ == "__main__":
    sys.exit(main())
